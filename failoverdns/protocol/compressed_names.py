"""Domain names in messages, with compression pointers, read in bounded time.

A pointer must lead to an earlier offset than the name that it ends (RFC 1035 section 4.1.4).  What
was read once is remembered, so that a message made of pointers, each of which leads to the same
long name, costs no more than an ordinary one of its size.
"""

from __future__ import annotations

from typing import Final

from failoverdns.model.errors import Malformed

_POINTER: Final = 0xC0
_REACHABLE: Final = 0x4000
"""Pointers lead to offsets below this one."""

MOST_POINTERS: Final = 32
"""Compression pointers in one name.

Without this limit each name of a message could follow a chain of 8,000 pointers.
"""


class NameReader:
    """Reads the names of one message."""

    def __init__(self, message: bytes) -> None:
        self._message = message
        self._known: dict[int, bytes] = {}
        """Names by offset, for offsets to which a pointer can lead."""

    def read(self, at: int) -> tuple[bytes, int]:
        """Return the name at an offset, in wire form with its case kept, and the offset after it.

        Raises Malformed.  RFC 1035 sections 3.1 and 4.1.4.
        """
        message, labels, name, after, earliest = self._message, [], b"\0", 0, at
        pointers = 0
        while True:
            known = self._known.get(at)
            length = message[at] if at < len(message) else 0x100
            if known is not None and after:
                name = known
                break
            if length == 0:
                after = after or at + 1
                break
            if length < 64:
                labels.append((at, message[at : at + 1 + length]))
                at += 1 + length
            elif _POINTER <= length < 0x100 and at + 2 <= len(message):
                after = after or at + 2
                at = int.from_bytes(message[at : at + 2], "big") & 0x3FFF
                pointers += 1
                if at >= earliest or pointers > MOST_POINTERS:
                    raise Malformed("a compression pointer that does not lead back to a name")
                earliest = at
            else:
                raise Malformed("a name that is cut short, or a label of a type that is not known")
            if len(labels) > 127:
                raise Malformed("a name of more than 127 labels")
        for start, label in reversed(labels):
            name = label + name
            if len(name) > 255:
                raise Malformed("a name of more than 255 bytes")
            if start < _REACHABLE:
                self._known[start] = name
        return name, after


def read_name(message: bytes, at: int) -> tuple[bytes, int]:
    """Return the name at an offset, in uncompressed wire form and lower case, and its end.

    The end is the offset after the name, or after its first pointer.
    RFC 1035 section 4.1.4.  Raises Malformed.
    """
    name, end = NameReader(message).read(at)
    return name.lower(), end


def skip_name(message: bytes, at: int, *, pointers: bool = True) -> int:
    """Return the offset after the name at `at`; a pointer ends the name and is not followed.

    Raises Malformed, also for a pointer where these are not allowed.  RFC 1035 section 4.1.4.
    """
    start = at
    try:
        while length := message[at]:
            if length >= 0xC0 and pointers:
                return at + 2
            if length > 63:
                raise Malformed("a label of a type that is not allowed here")
            at += 1 + length
            if at - start > 254:
                raise Malformed("a name of more than 255 bytes")
    except IndexError:
        raise Malformed("a name that is cut short") from None
    return at + 1
