"""What answering processes report of themselves, in one line of the log."""

from __future__ import annotations

from typing import Any

import pytest

from failoverdns.workers.reports import in_words

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
