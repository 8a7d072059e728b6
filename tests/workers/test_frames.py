"""Frames are read back as written, however the stream is split; invalid ones are refused."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failoverdns.model.errors import Malformed, Rejected
from failoverdns.workers.frames import (
    Frame,
    FrameReader,
    Kind,
    read_call,
    read_reply,
    write_call,
    write_delta_frame,
    write_failure,
    write_forget_frame,
    write_next_frame,
    write_result,
    write_swap_frame,
)

STREAM = (
    write_delta_frame([b"one", b"two"])
    + write_call(7, "open", {"sockets": [1]})
    + write_result(7, None)
    + write_delta_frame([b""])
    + write_next_frame(b"three")
    + write_forget_frame()
    + write_swap_frame(b"four")
)
FRAMES = [
    *((Kind.PART, b"one"), (Kind.DELTA, b"two"), (Kind.CALL,), (Kind.REPLY,), (Kind.DELTA, b"")),
    *((Kind.NEXT, b"three"), (Kind.FORGET, b""), (Kind.SWAP, b"four")),
]


@given(st.lists(st.integers(0, len(STREAM))))
def test_frames_are_read_in_order_however_the_stream_is_split(cuts: list[int]) -> None:
    """Each frame is read once and in order."""
    reader, frames = FrameReader(), list[Frame]()
    for begin, end in pairwise([0, *sorted(cuts), len(STREAM)]):
        frames += reader.feed(STREAM[begin:end])
    assert [
        (frame.kind, frame.body)[: len(f)] for frame, f in zip(frames, FRAMES, strict=True)
    ] == FRAMES


def test_calls_and_replies_are_read_as_they_were_written() -> None:
    """The number is kept; a refusal keeps its code and message."""
    call, result, failure = FrameReader().feed(
        write_call(1, "agree", {"a": [1]})
        + write_result(1, {"b": 2})
        + write_failure(2, "busy", "x")
    )
    assert read_call(call.body) == (1, "agree", {"a": [1]})
    assert read_reply(result.body) == (1, {"b": 2})
    number, refused = read_reply(failure.body)
    assert isinstance(refused, Rejected)
    assert (number, refused.code, refused.message) == (2, "busy", "x")


@pytest.mark.parametrize(
    "data", [b"\0\0\0\0\1", b"\0\0\0\1\x63", b"\0\0\0\1\0", b"\xff\xff\xff\xff\1"]
)
def test_a_frame_of_invalid_length_or_kind_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed, match="an invalid frame"):
        FrameReader().feed(data)


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b"{}", b'{"call": "x"}', b"[" * 10**5])
def test_an_incomplete_call_or_reply_is_refused(body: bytes) -> None:
    for read in (read_call, read_reply):
        with pytest.raises(Malformed):
            read(body)
