"""What answering processes report of themselves is checked before it is shown."""

from __future__ import annotations

from typing import Any

import pytest

from failoverdns.model.errors import Malformed
from failoverdns.workers.reports import added, check_report, in_words

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
    check_report({**REPORT, "rate_limit": {"dropped": 1}, "signed": {"waiting": 1}})


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
        {**REPORT, "signed": {"waiting": "x"}},
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


FULL = {"landlock": 7, "seccomp": True, "fault": ""}


@pytest.mark.parametrize(
    ("confinements", "words"),
    [
        ([FULL, FULL], "loss of capabilities, Landlock version 7 and seccomp"),
        (
            [FULL, {**FULL, "landlock": 0}],
            "loss of capabilities and seccomp; this system has no Landlock",
        ),
        (
            [{**FULL, "seccomp": False}],
            "loss of capabilities and Landlock version 7; this system has no seccomp filter",
        ),
        ([None], "loss of capabilities; this system has no Landlock and no seccomp filter"),
    ],
)
def test_what_is_missing_is_said(confinements: list[Any], words: str) -> None:
    found = [{"fast_path": "compiled", "confinement": one} for one in confinements]
    assert in_words(found) == f"fast path: compiled, confined by {words}"
