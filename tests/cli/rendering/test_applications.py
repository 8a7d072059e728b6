"""Applications as printed for people."""

from __future__ import annotations

from console import Console


def test_applications_are_shown_with_their_health_and_overrides(checked: Console) -> None:
    assert [row[2] for row in checked.table("application list")] == ["down", "up"]
    checked.do("health force us down", "application set eu --no-checks")
    assert [row[2:4] for row in checked.table("application list")] == [
        ["-", "*"],
        ["down", "(forced)"],
    ]
