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


def test_a_removal_names_the_groups_that_answer_nothing(console: Console) -> None:
    tried = console.shown("head remove eu lb --override target-empty --dry-run").splitlines()
    assert tried[1:3] == [
        "  that was only tried; nothing was changed",
        "  groups that would answer nothing (NODATA): shop",
    ]
    done = console.shown("head remove eu lb --override target-empty").splitlines()
    assert done[:2] == [
        "eu: no web head",
        "  groups that answer nothing now (NODATA): shop",
    ]
    assert console.table("application list")[0][2] == "down"
