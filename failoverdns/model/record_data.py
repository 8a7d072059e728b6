"""Where domain names are in the data of records, for those types whose names matter.

These are the types of RFC 1035 and those that RFC 3597 section 4 lists: their names may be
compressed in a message, and are compared without regard to case (RFC 4034 section 6.2).
The data of every other type is bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from typing import Final

from failoverdns.model.errors import Malformed


class _Part(Enum):
    """A part of record data whose length is in the data."""

    NAME = "a domain name"
    STRING = "a character string"
    REST = "all bytes that remain"


_NAME, _STRING, _REST = _Part.NAME, _Part.STRING, _Part.REST

_LAYOUTS: Final[Mapping[int, tuple[_Part | int, ...]]] = {
    **dict.fromkeys((2, 3, 4, 5, 7, 8, 9, 12, 39), (_NAME,)),  # NS MD MF CNAME MB MG MR PTR DNAME
    **dict.fromkeys((14, 17), (_NAME, _NAME)),  # MINFO RP
    **dict.fromkeys((15, 18, 21, 36), (2, _NAME)),  # MX AFSDB RT KX
    6: (_NAME, _NAME, 20),  # SOA
    24: (18, _NAME, _REST),  # SIG
    26: (2, _NAME, _NAME),  # PX
    30: (_NAME, _REST),  # NXT
    33: (6, _NAME),  # SRV
    35: (4, _STRING, _STRING, _STRING, _NAME),  # NAPTR
}
"""The parts of the data of each type with names; a number is a number of bytes."""

ReadName = Callable[[int], tuple[bytes, int]]
"""Reads the name at an offset of a message: returns it in wire form, and the offset after it."""


def has_layout(rtype: int) -> bool:
    """Return whether the data of a type has names that this module knows."""
    return rtype in _LAYOUTS


def with_names(rtype: int, message: bytes, at: int, end: int, read: ReadName) -> bytes:
    """Return the data of a record with each name in it replaced by what `read` returns for it.

    The data is `message[at:end]`.  Raises Malformed if it is not laid out as its type is, and
    whatever `read` raises.
    """
    layout = _LAYOUTS.get(rtype)
    if layout is None:
        return message[at:end]
    parts = []
    for part in layout:
        if part is _NAME:
            name, after = read(at)
            parts.append(name)
        else:
            after = at + _length(part, message, at, end)
            parts.append(message[at:after])
        if after > end:
            raise Malformed("record data that is cut short")
        at = after
    if at != end:
        raise Malformed("record data with bytes after it")
    return b"".join(parts)


def _length(part: _Part | int, message: bytes, at: int, end: int) -> int:
    """Return the number of bytes of a part that is not a name."""
    if isinstance(part, int):
        return part
    if part is _Part.REST:
        return end - at
    return 1 + message[at] if at < end else 1


def compared(rtype: int, data: bytes) -> bytes:
    """Return record data in the form in which it is compared: its names are in lower case.

    `data` is in wire form, without compression; malformed data is returned as it is.
    RFC 2136 section 1.1.1, RFC 4034 section 6.2.
    """
    try:
        return with_names(rtype, data, 0, len(data), partial(_lowered, data))
    except Malformed:
        return data


def _lowered(data: bytes, at: int) -> tuple[bytes, int]:
    start = at
    while at < len(data) and data[at]:
        if data[at] > 63:
            raise Malformed("a name that is compressed")
        at += 1 + data[at]
    return data[start : at + 1].lower(), at + 1
