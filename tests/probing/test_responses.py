"""HTTP responses as a probe reads them, in plain bytes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failoverdns.model.errors import Malformed
from failoverdns.model.health import MAX_BODY
from failoverdns.probing.responses import MAX_HEADER, MAX_RAW, ResponseReader

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def read(data: bytes, *, piece: int = 0, ends: bool = False) -> ResponseReader:
    """Read a response, whole or in pieces of `piece` bytes."""
    reader = ResponseReader(wants_body=True)
    for at in range(0, len(data), piece or len(data) or 1):
        reader.feed(data[at : at + (piece or len(data))])
    if ends:
        reader.finish()
    return reader


@pytest.mark.parametrize(
    ("data", "status", "body", "ended"),
    [
        pytest.param(b"", None, b"", False, id="nothing yet"),
        pytest.param(b"HTTP/1", None, b"", False, id="a beginning"),
        pytest.param(OK, None, b"", False, id="a header that is not whole"),
        pytest.param(OK + b"\r\n", 200, b"", False, id="a body that ends with the connection"),
        pytest.param(OK + b"\r\nall", 200, b"all", False, id="some of it"),
        pytest.param(b"HTTP/1.0 503\n\n", 503, b"", False, id="LF alone, and no reason"),
        pytest.param(OK + b"Content-Length: 3\r\n\r\nok\n", 200, b"ok\n", True, id="a length"),
        pytest.param(OK + b"content-length:3\r\n\r\nok", 200, b"ok", False, id="not all of it"),
        pytest.param(OK + b"Content-Length: 2\r\n\r\nok\n", 200, b"ok", True, id="more of it"),
        pytest.param(OK + b"Content-Length: 0\r\n\r\n", 200, b"", True, id="an empty body"),
        pytest.param(
            OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True, id="twice"
        ),
        pytest.param(CHUNKED + b"2\r\nok\r\n1;x=y\r\n!\r\n0\r\n", 200, b"ok!", True, id="chunks"),
        pytest.param(CHUNKED + b"a\r\nok", 200, b"ok", False, id="a chunk that is not whole"),
        pytest.param(CHUNKED + b"0\r\n", 200, b"", True, id="no chunk"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\nx", 204, b"", True, id="no content"),
        pytest.param(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nLink: y\r\n\r\n" + OK + b"\r\nok",
            200,
            b"ok",
            False,
            id="interim responses",
        ),
        pytest.param(b"HTTP/1.1 101 x\r\n\r\nx", 101, b"", True, id="another protocol"),
    ],
)
@pytest.mark.parametrize("piece", [0, 1, 3])
def test_a_response_is_read_however_it_is_split(
    data: bytes, status: int | None, body: bytes, ended: bool, piece: int
) -> None:
    """Whole or in pieces."""
    reader = read(data, piece=piece)
    assert (reader.status, bytes(reader.body), reader.ended) == (status, body, ended)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "is not HTTP/1"),
        (b"\x15\x03\x03", "is not HTTP/1"),
        (b"HTTP/2 200\r\n\r\n", "is not HTTP/1"),
        (b"HTTP/1.1 OK\r\n\r\n", "no status line"),
        (b"HTTP/1.1 099 x\r\n\r\n", "no status line"),
        (OK + b"x: " + b"y" * MAX_HEADER, "more than 65536 bytes of header"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 3000, "more than 65536 bytes of header"),
        (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "two different fields"),
        (OK + b"Content-Length: -1\r\n\r\n", "Content-Length is not a number"),
        (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "'gzip, chunked'"),
        (CHUNKED + b"x\r\n", "a chunk has no size"),
        (CHUNKED + b"1" * 300, "the size of a chunk is too long"),
        (CHUNKED + b"1\r\nabc\r\n", "a chunk does not end where it should"),
        (CHUNKED + (b"1;" + b"x" * 200 + b"\r\na\r\n") * 4000, "nearly all framing"),
    ],
)
@pytest.mark.parametrize("piece", [0, 1000])
def test_an_invalid_response_is_reported(data: bytes, words: str, piece: int) -> None:
    """In words."""
    with pytest.raises(Malformed, match=words):
        read(data, piece=piece)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "before a response came"),
        (OK, "before the header was whole"),
        (OK + b"Content-Length: 3\r\n\r\nok", "within the body"),
        (CHUNKED + b"2\r\nok\r\n", "within the body"),
    ],
)
def test_a_response_that_ends_too_early_is_reported(data: bytes, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        read(data, ends=True)


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    assert read(OK + b"\r\nall", ends=True).ended


def test_only_the_part_of_a_body_that_is_searched_is_kept() -> None:
    """Whatever its declared length."""
    for header in (b"\r\n", b"Content-Length: 99999999\r\n\r\n"):
        reader = read(OK + header + b"x" * (MAX_BODY + 10))
        assert reader.ended
        assert len(reader.body) == MAX_BODY
    reader = read(CHUNKED + b"ffffff\r\n" + b"x" * (MAX_BODY + 10))
    assert reader.ended
    assert len(reader.body) == MAX_BODY


def test_the_target_of_a_redirect_is_kept() -> None:
    assert read(b"HTTP/1.1 302 x\r\nLOCATION :  /there \r\n\r\n").location == "/there"
    assert read(OK + b"\r\n").location is None


def test_a_body_that_is_not_needed_is_not_read() -> None:
    """Nor is its length parsed."""
    reader = ResponseReader(wants_body=False)
    reader.feed(OK + b"Content-Length: what\r\n\r\nbody")
    assert reader.ended
    assert reader.body == b""


WORDS = [
    *(b"HTTP/1.1 ", b"200 ", b"302 ", b"100 ", b"\r\n", b"\r\n\r\n", b"\n", b"Content-Length: 3"),
    *(b"Transfer-Encoding: chunked", b"Location: /x", b"0", b"a", b"5", b";x", b"ok", b"\0", b" "),
]


@given(st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=9))), st.integers(1, 40))
def test_any_bytes_are_read_or_refused(pieces: list[bytes], size: int) -> None:
    """With the same result, whether they arrive whole or in pieces."""
    data = b"".join(pieces)
    outcomes: list[object] = []
    for piece in (0, size):
        try:
            reader = read(data, piece=piece, ends=True)
            outcomes.append((reader.status, bytes(reader.body), reader.location))
        except Malformed as fault:
            outcomes.append(str(fault))
    assert outcomes[0] == outcomes[1]


@given(st.binary(max_size=3000), st.integers(1, 500), st.integers(0, 9))
def test_a_body_is_joined_from_its_chunks(body: bytes, size: int, seed: int) -> None:
    dice, chunks, at = random.Random(seed), b"", 0
    while at < len(body):
        piece = body[at : at + dice.randint(1, size)]
        chunks += b"%x\r\n%b\r\n" % (len(piece), piece)
        at += len(piece)
    reader = read(CHUNKED + chunks + b"0\r\n\r\n", piece=size)
    assert reader.body == body
    assert reader.ended


def test_there_is_a_limit_to_the_bytes_of_a_response() -> None:
    """It is more than any response within the other limits needs."""
    assert MAX_RAW > MAX_HEADER + MAX_BODY
