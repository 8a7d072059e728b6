"""Times and durations as users read and write them: RFC 3339, and texts such as `1 h 30 min`."""

from __future__ import annotations

import re
from datetime import MAXYEAR, UTC, datetime
from typing import Final

from failoverdns.model.errors import Malformed

LAST_TIME: Final = datetime(MAXYEAR, 1, 1, tzinfo=UTC).timestamp() - 1
"""The last time that `read_timestamp` reads in every time zone, in seconds since 1970."""

_DURATION: Final = re.compile(r"([0-9]{1,9})([smhd]?)", re.ASCII)
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def timestamp(seconds: float | None) -> str | None:
    """Write seconds since 1970 as RFC 3339 in UTC with milliseconds; None stays None."""
    if seconds is None:
        return None
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def read_timestamp(text: str) -> float:
    """Read a time with its time zone (RFC 3339) as seconds since 1970; raises Malformed.

    The years 1 and 9999 are refused, because a time in them may not exist in another time zone.
    """
    try:
        time = datetime.fromisoformat(text.upper())
    except ValueError:
        time = None
    if (
        time is None
        or time.tzinfo is None
        or "T" not in text.upper()
        or not 1 < time.year < MAXYEAR
    ):
        raise Malformed(
            f"{text!r} is not a time with its zone; write one such as 2026-03-01T02:00:00Z or "
            "2026-03-01T03:00:00+01:00"
        )
    return time.timestamp()


def duration(seconds: float) -> str:
    """Write a duration in its two largest units: `1 h 30 min`, `45 s`."""
    whole = max(0, round(seconds))
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, whole = divmod(whole, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def read_duration(text: str) -> float | None:
    """Read a duration such as `90`, `30m`, `12h` or `400d` in seconds; None for anything else."""
    found = _DURATION.fullmatch(text)
    return float(int(found[1]) * _UNITS[found[2]]) if found is not None else None
