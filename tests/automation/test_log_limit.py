"""The same line is logged once a minute."""

from __future__ import annotations

from failoverdns.automation.log_limit import LOG_INTERVAL, is_due


def test_a_text_is_due_once_in_an_interval_and_others_meanwhile() -> None:
    logged: dict[str, float] = {}
    assert is_due(logged, "full", 0.0)
    assert not is_due(logged, "full", LOG_INTERVAL - 1)
    assert is_due(logged, "busy", LOG_INTERVAL - 1)
    assert is_due(logged, "full", LOG_INTERVAL)
    assert len(logged) == 2
