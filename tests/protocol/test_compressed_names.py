"""Names in messages are read with their compression, in bounded time."""

from __future__ import annotations

import time

import dns.exception
import dns.name
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failoverdns.model.errors import Malformed
from failoverdns.protocol.compressed_names import NameReader


@pytest.mark.parametrize(
    ("message", "at", "name", "after"),
    [
        pytest.param(b"\0", 0, b"\0", 1, id="the root"),
        pytest.param(b"\3WWW\0!", 0, b"\3WWW\0", 5, id="a name keeps its case"),
        pytest.param(b"\4test\0\1a\xc0\0!", 6, b"\1a\4test\0", 10, id="a pointer"),
        pytest.param(b"\4test\0\xc0\0!", 6, b"\4test\0", 8, id="a pointer alone"),
        pytest.param(b"\4test\0\1a\xc0\0\1b\xc0\6", 10, b"\1b\1a\4test\0", 14, id="two pointers"),
    ],
)
def test_a_name_is_read(message: bytes, at: int, name: bytes, after: int) -> None:
    assert NameReader(message).read(at) == (name, after)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\3ww", id="a label that is cut short"),
        pytest.param(b"\1a", id="a name without its end"),
        pytest.param(b"\xc0", id="half a pointer"),
        pytest.param(b"\xc0\0", id="a pointer to itself"),
        pytest.param(b"\1a\xc0\4", id="a pointer forwards"),
        pytest.param(b"\1a\xc0\0", id="a loop"),
        pytest.param(b"\x40a\0", id="a label of another type"),
        pytest.param((b"\x3f" + b"a" * 63) * 4 + b"\0", id="a name of 257 bytes"),
        pytest.param(b"\1a" * 128 + b"\0", id="a name of 128 labels"),
    ],
)
def test_a_malformed_name_is_refused(message: bytes) -> None:
    with pytest.raises(Malformed):
        NameReader(message).read(0)


@settings(max_examples=60)
@given(st.binary(max_size=40), st.integers(0, 39))
def test_names_are_those_that_dnspython_reads(message: bytes, at: int) -> None:
    try:
        expected, length = dns.name.from_wire(message, at)
    except (dns.exception.DNSException, IndexError):
        with pytest.raises(Malformed):
            NameReader(message).read(at)
        return
    assert NameReader(message).read(at) == (expected.to_wire(), at + length)


def test_names_that_share_a_long_tail_are_read_once() -> None:
    """Ten thousand names of 250 bytes each take no longer than a message of that size."""
    message = b"\1a" * 120 + b"\0" + b"".join(b"\1b\xc0" + bytes((n,)) for n in range(0, 240, 2))
    reader = NameReader(message)
    began = time.process_time()
    for _ in range(10_000):
        assert len(reader.read(241 + 4 * 7)[0]) == 243 - 14
    assert time.process_time() - began < 2


def test_a_chain_of_pointers_is_not_followed_for_long() -> None:
    """Each of thousands of names could begin a chain of thousands of pointers."""
    chain = b"\0\0" + b"".join(b"\xc0" + bytes((2 * n,)) for n in range(40))
    assert NameReader(chain).read(2 * 32)[0] == b"\0"
    with pytest.raises(Malformed):
        NameReader(chain).read(2 * 33)
