"""The first bytes of a TLS connection, looked at before anything is spent on it."""

from __future__ import annotations

from typing import Final

MAX_HELLO: Final = 32768
"""Bytes that a client may send before its first record is looked at as a whole."""

_HEADER = 5
"""Bytes of the header of a record: its type, a version, and its length."""

_MAX_RECORD = 16384


def may_be_hello(received: bytes) -> bool:
    """Return whether bytes may begin a ClientHello (RFC 8446 sections 4 and 5.1)."""
    length = int.from_bytes(received[3:_HEADER], "big") if len(received) >= _HEADER else 1
    return (
        b"\x16\x03".startswith(received[:2])
        and received[_HEADER : _HEADER + 1] in (b"", b"\x01")
        and 0 < length <= _MAX_RECORD
        and len(received) <= MAX_HELLO
    )


def is_whole(received: bytes) -> bool:
    """Return whether the first record is complete."""
    length = int.from_bytes(received[3:_HEADER], "big")
    return len(received) >= _HEADER + length and len(received) >= _HEADER
