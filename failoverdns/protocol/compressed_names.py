"""Domain names in messages whose sender may use compression, read in bounded time.

Queries are read without following pointers (`protocol.query`).  Signed messages and replies of
other name servers are read with this function: a pointer must lead back, and there may be few.
"""

from __future__ import annotations

from typing import Final

from failoverdns.model.errors import Malformed

MOST_POINTERS: Final = 16
"""Compression pointers in one name."""


def read_name(message: bytes, at: int) -> tuple[bytes, int]:
    """Return the name at an offset, in uncompressed wire form and lower case, and its end.

    The end is the offset after the name, or after its first pointer.
    RFC 1035 section 4.1.4.  Raises Malformed.
    """
    labels: list[bytes] = []
    size, pointers, end = 0, 0, 0
    try:
        while length := message[at]:
            if length < 64:
                size += 1 + length
                labels.append(message[at : at + 1 + length])
                at += 1 + length
            elif length >= 0xC0:
                target = (length & 0x3F) << 8 | message[at + 1]
                end = end or at + 2
                pointers += 1
                if target >= at or pointers > MOST_POINTERS:
                    raise Malformed("a compression pointer that does not lead back to a name")
                at = target
            else:
                raise Malformed("a label of an unknown type")
            if size > 254:
                raise Malformed("a name of more than 255 bytes")
    except IndexError:
        raise Malformed("a name that is cut short") from None
    return b"".join(labels).lower() + b"\0", end or at + 1


def skip_name(message: bytes, at: int) -> int:
    """Return the offset after a name; a pointer ends it and is not followed. Raises Malformed."""
    start = at
    try:
        while length := message[at]:
            if length >= 0xC0:
                return at + 2
            if length > 63:
                raise Malformed("a label of an unknown type")
            at += 1 + length
            if at - start > 254:
                raise Malformed("a name of more than 255 bytes")
    except IndexError:
        raise Malformed("a name that is cut short") from None
    return at + 1
