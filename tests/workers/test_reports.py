"""What answering processes report of themselves is checked before it is shown."""

from __future__ import annotations

from typing import Any

import pytest

from failoverdns.model.errors import Malformed
from failoverdns.workers.reports import added, check_report

REPORT: dict[str, Any] = {
    "udp": {"unsent": 1},
    "tcp": {"connections": 2, "evicted": 3},
    "rate_limit": None,
    "fast_path": "compiled",
    "version": "0.1.0",
    "rendezvous": True,
}


def test_a_report_of_our_own_passes() -> None:
    """With counts of the rate limit, too."""
    check_report(REPORT)
    check_report({**REPORT, "rate_limit": {"dropped": 1}})


@pytest.mark.parametrize(
    "report",
    [
        "text",
        [],
        {},
        {**REPORT, "udp": {"unsent": "many"}},
        {**REPORT, "tcp": {"connections": True}},
        {**REPORT, "tcp": [1]},
        {**REPORT, "rate_limit": {"dropped": None}},
        {**REPORT, "version": "0.1.0\x1b[2J"},
        {**REPORT, "fast_path": "x" * 101},
    ],
)
def test_a_report_that_cannot_be_shown_is_malformed(report: Any) -> None:
    """So a process that is not ours any more cannot break `status`."""
    with pytest.raises(Malformed):
        check_report(report)


def test_counts_are_added() -> None:
    """By name."""
    assert added([{"a": 1}, {"a": 2, "b": 3}]) == {"a": 3, "b": 3}
