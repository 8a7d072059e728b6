"""Lines of `status` about policies that do not act."""

from __future__ import annotations

from typing import Any

from failoverdns.cli.rendering.automation import policy_lines


def group(name: str, *warnings: str, until: str | None = None) -> dict[str, Any]:
    """A group as `status` returns it."""
    return {"name": name, "automation": {"warnings": [*warnings], "guarded_until": until}}


def test_each_warning_of_a_group_is_a_line() -> None:
    result = {"groups": [group("shop", "it is odd", "it is late"), group("api")]}
    assert list(policy_lines(result, 0.0)) == [
        "group shop: warning: it is odd",
        "group shop: warning: it is late",
    ]


def test_a_flap_guard_that_is_used_up_is_shown_while_it_is() -> None:
    result = {"groups": [group("shop", until="1970-01-01T00:10:00.000Z")]}
    assert list(policy_lines(result, 599.0)) == [
        "group shop: its flap guard is used up: it does not switch by itself before "
        "1970-01-01T00:10:00.000Z"
    ]
    assert list(policy_lines(result, 600.0)) == []


def test_very_many_lines_are_cut() -> None:
    result = {"groups": [group(f"g{n}", "it is odd") for n in range(1000)]}
    lines = list(policy_lines(result, 0.0))
    assert len(lines) == 21
    assert lines[-1] == "and 980 more such lines: see `failoverdns group list --json`"
