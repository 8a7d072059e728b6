"""What an answering process hands over comes in pieces that a reply can hold."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import Clock

from failoverdns.workers.child import SENT_AT_ONCE, AnsweringProcess
from failoverdns.workers.frames import MAX_REPLY, write_result


def test_texts_that_are_kept_are_recalled_in_pieces() -> None:
    """Short ones together, and a long one alone; all of them once and in order."""
    process = AnsweringProcess(Clock(), Path("/nowhere"))
    kept = {number: "x" * (1000 if number % 10 else SENT_AT_ONCE * 3) for number in range(300)}
    process._keep({"steps": [[number, text] for number, text in reversed(kept.items())]})
    pieces, after = [], -1
    while piece := process._recall(after):
        after = int(piece[-1][0])
        pieces.append(piece)
    assert [tuple(one) for piece in pieces for one in piece] == list(kept.items())
    assert len(pieces) < 100
    assert all(len(write_result(1, piece)) < MAX_REPLY for piece in pieces)
