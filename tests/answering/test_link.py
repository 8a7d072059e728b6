"""Frames of the link are read back as written, however the stream is split; others are refused."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failoverdns.answering.link import (
    FROM_ANSWERING,
    FROM_TRANSFERS,
    MAX_FRAME,
    Linked,
    LinkedAnswer,
    LinkedConnection,
    LinkedMessage,
    LinkedQuery,
    LinkedReply,
    LinkKind,
    LinkReader,
    write_linked,
)
from failoverdns.model.errors import Malformed

SENT: tuple[Linked, ...] = (
    LinkedMessage(1, "192.0.2.1", b"packet"),
    LinkedConnection("2001:db8::1", b"\0\x04four", is_tls=True, has_certificate=True),
    LinkedConnection("fe80::1%lo", b"", is_tls=True),
    LinkedAnswer(0xFFFFFFFF, b"answer"),
    LinkedConnection("192.0.2.1", b"x"),
)
RECEIVED: tuple[Linked, ...] = (
    LinkedReply(1, b""),
    LinkedQuery(2, "::1", b"query"),
    LinkedReply(3, b"reply"),
)
EVERY = frozenset(LinkKind)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 200)))
def test_frames_are_read_in_order_however_the_stream_is_split(cuts: list[int]) -> None:
    """Each frame is read once and in order."""
    stream = b"".join(write_linked(one) for one in (*SENT, *RECEIVED))
    reader, found = LinkReader(EVERY), list[Linked]()
    at = sorted(min(cut, len(stream)) for cut in cuts)
    for begin, end in pairwise([0, *at, len(stream)]):
        found += reader.feed(stream[begin:end])
    assert found == [*SENT, *RECEIVED]


def test_each_end_takes_the_kinds_of_the_other_only() -> None:
    """A transfer process cannot send what only an answering process may, and vice versa."""
    for linked in SENT:
        assert LinkReader(FROM_ANSWERING).feed(write_linked(linked)) == [linked]
        with pytest.raises(Malformed):
            LinkReader(FROM_TRANSFERS).feed(write_linked(linked))
    for linked in RECEIVED:
        assert LinkReader(FROM_TRANSFERS).feed(write_linked(linked)) == [linked]
        with pytest.raises(Malformed):
            LinkReader(FROM_ANSWERING).feed(write_linked(linked))


@pytest.mark.parametrize(
    "frame",
    [
        b"\0\0\0\0\1",  # no kind
        (MAX_FRAME + 1).to_bytes(4, "big") + b"\1",  # too long
        b"\0\0\0\1\7",  # an unknown kind
        b"\0\0\0\3\3\0\0",  # a reply without its number
        b"\0\0\0\1\2",  # a connection without flags and host
        b"\0\0\0\2\2\0",  # a connection without a host
        b"\0\0\0\5\2\0\3ab",  # a host that is cut short
        b"\0\0\0\5\2\0\2\xff\xff",  # a host that is not text
    ],
)
def test_an_invalid_frame_is_malformed(frame: bytes) -> None:
    """It is refused, and nothing is waited for."""
    with pytest.raises(Malformed):
        LinkReader(EVERY).feed(frame)


@settings(max_examples=60)
@given(st.binary(max_size=80))
def test_any_bytes_are_malformed_at_worst(data: bytes) -> None:
    """No other exception comes from a link."""
    with suppress(Malformed):
        LinkReader(EVERY).feed(data)
