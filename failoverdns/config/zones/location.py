"""LOC data (RFC 1876): where something is, as degrees, minutes and seconds, and in metres.

    D1 [M1 [S1]] N|S  D2 [M2 [S2]] E|W  ALTITUDE[m] [SIZE[m] [HORIZONTAL[m] [VERTICAL[m]]]]

dnspython reads these numbers as floating-point numbers and does not check their range.  Here they
are whole numbers of thousandths of a second and of centimetres, so nothing is rounded away.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from struct import pack
from typing import Final

from failoverdns.config.errors import quoted
from failoverdns.model.errors import Malformed

_WHOLE = re.compile(r"[0-9]{1,3}", re.ASCII)
_SECONDS = re.compile(r"(?=\.?[0-9])([0-9]{0,3})(?:\.([0-9]{0,3}))?", re.ASCII)
_METRES = re.compile(r"([-+]?)(?=\.?[0-9])([0-9]{0,8})(?:\.([0-9]{0,2}))?m?", re.ASCII)

_BASE: Final = 10_000_000
"""Centimetres of the altitude that is stored as 0, below the reference spheroid."""

_HIGHEST: Final = 2**32 - 1 - _BASE
_LARGEST: Final = 9_000_000_000
_EQUATOR: Final = 2**31
_SIZE, _HORIZONTAL, _VERTICAL = "1m", "10000m", "10m"
"""The defaults of RFC 1876 section 3."""


def location(words: Sequence[str]) -> bytes:
    """Return LOC data in wire form; raises Malformed."""
    rest = list(words)
    latitude = _angle(rest, "latitude", "N", "S", 90)
    longitude = _angle(rest, "longitude", "E", "W", 180)
    if not rest:
        raise Malformed("the altitude is missing")
    altitude = _centimetres(rest.pop(0), "altitude")
    if not -_BASE <= altitude <= _HIGHEST:
        raise Malformed(f"the altitude must be from -100000.00m to {_HIGHEST // 100}.95m")
    sizes = []
    for what, default in (
        ("size", _SIZE),
        ("horizontal precision", _HORIZONTAL),
        ("vertical precision", _VERTICAL),
    ):
        size = _centimetres(rest.pop(0) if rest else default, what)
        if not 0 <= size <= _LARGEST:
            raise Malformed(f"the {what} must be from 0.00m to {_LARGEST // 100}.00m")
        sizes.append(_exponential(size))
    if rest:
        raise Malformed(f"{quoted(rest[0])} follows it; one record has no more data")
    return pack(">BBBBIII", 0, *sizes, latitude, longitude, altitude + _BASE)


def _angle(words: list[str], what: str, positive: str, negative: str, most: int) -> int:
    """Read and remove an angle; return it as it is stored."""
    parts: list[str] = []
    while words and words[0].upper() not in (positive, negative):
        parts.append(words.pop(0))
        if len(parts) > 3:
            break
    if not words or not 1 <= len(parts) <= 3:
        raise Malformed(
            f"the {what} must be DEGREES [MINUTES [SECONDS]] and {positive} or {negative}"
        )
    sign = 1 if words.pop(0).upper() == positive else -1
    degrees, minutes, seconds = (*parts, "0", "0")[:3]
    if not _WHOLE.fullmatch(degrees) or int(degrees) > most:
        raise Malformed(
            f"the degrees of the {what} must be from 0 to {most}, not {quoted(degrees)}"
        )
    if not _WHOLE.fullmatch(minutes) or int(minutes) > 59:
        raise Malformed(f"the minutes must be from 0 to 59, not {quoted(minutes)}")
    found = _SECONDS.fullmatch(seconds)
    if found is None or int(found[1] or 0) > 59:
        raise Malformed(f"the seconds must be from 0 to 59.999, not {quoted(seconds)}")
    thousandths = int(found[1] or 0) * 1000 + int((found[2] or "").ljust(3, "0"))
    total = (int(degrees) * 60 + int(minutes)) * 60_000 + thousandths
    if total > most * 3_600_000:
        raise Malformed(f"the {what} is over {most} degrees")
    return _EQUATOR + sign * total


def _centimetres(word: str, what: str) -> int:
    found = _METRES.fullmatch(word)
    if found is None:
        raise Malformed(f"the {what} must be metres such as 10 or -2.50m, not {quoted(word)}")
    number = int(found[2] or 0) * 100 + int((found[3] or "").ljust(2, "0"))
    return -number if found[1] == "-" else number


def _exponential(size: int) -> int:
    """Return centimetres as one digit and a power of ten, in one byte; other digits are cut off."""
    exponent = 0
    while size >= 10:
        size //= 10
        exponent += 1
    return size << 4 | exponent
