"""Read numbers of the configuration that are not plain integers: seconds and percentages.

As in `config.scalars`, each function raises Malformed with the fault and a correct form.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from failoverdns.config import habits
from failoverdns.config.scalars import named
from failoverdns.model.errors import Malformed

_DECIMAL = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?", re.ASCII)


def seconds(low: float, high: float) -> Callable[[object], float]:
    """Return a reader of seconds from `low` to `high`, as a whole or a decimal number."""

    def read(value: object) -> float:
        if (isinstance(value, int) and not isinstance(value, bool)) or (
            isinstance(value, str) and _DECIMAL.fullmatch(value)
        ):
            number = float(value)
        else:
            hint = habits.seconds(value)
            raise Malformed(
                f"must be a number of seconds, such as 30 or 0.5, not {named(value)}{hint}"
            )
        if not low <= number <= high:
            raise Malformed(f"must be from {low:g} to {high:g} seconds, not {number:g}")
        return number

    return read


_DURATION = re.compile(r"([0-9]{1,9})([smhd]?)", re.ASCII)
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(low: float, high: float) -> Callable[[object], float]:
    """Return a reader of durations from `low` to `high` seconds: 90, 30m, 12h or 400d."""

    def read(value: object) -> float:
        parts = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if isinstance(value, int) and not isinstance(value, bool):
            number = float(value)
        elif parts is not None:
            number = float(int(parts[1]) * _UNITS[parts[2]])
        else:
            form = "write seconds, or a number with s, m, h or d, such as 400d"
            hint = habits.duration(value) or f"; {form}"
            raise Malformed(f"must be a duration, not {named(value)}{hint}")
        if not low <= number <= high:
            raise Malformed(
                f"must be from {low:g} seconds to {high / 86400:g}d, not {named(value)}"
            )
        return number

    return read


def percent(value: object) -> float:
    """Read 0 to 50 percent as a fraction."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 50:
        return value / 100
    hint = habits.percent(value)
    raise Malformed(f"must be a whole number from 0 to 50 (percent), not {named(value)}{hint}")
