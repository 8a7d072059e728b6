"""`$GENERATE`: many records from one pattern, with BIND's syntax.

In the pattern `$` stands for the number, `$$` for a dollar sign, and `${OFFSET,WIDTH,BASE}` for
the number plus OFFSET, filled up to WIDTH with zeros, in BASE: d, o, x or X, or n or N for nibbles
of an IPv6 reverse name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from failoverdns.config.errors import quoted
from failoverdns.model.errors import Malformed

_RANGE = re.compile(r"(\d{1,9})-(\d{1,9})(?:/(\d{1,9}))?", re.ASCII)
_FIELD = re.compile(r"\\.|\$\$|\$\{([^}]*)\}|\$", re.DOTALL)
_MODIFIERS = re.compile(r"(-?\d{1,9})(?:,(\d{1,3})(?:,([doxXnN]))?)?", re.ASCII)


def generated(arguments: Sequence[str], limit: int) -> Iterator[str]:
    """Yield the records of `$GENERATE RANGE PATTERN`, one text each.

    `arguments` are its words: the range first.  Raises Malformed, also for more than `limit`.
    """
    parts = _RANGE.fullmatch(arguments[0])
    if parts is None:
        raise Malformed(f"{quoted(arguments[0])} is not a range; write FIRST-LAST[/STEP]")
    first, last, step = int(parts[1]), int(parts[2]), int(parts[3] or 1)
    if last < first or step == 0:
        raise Malformed(f"{quoted(arguments[0])} is empty: FIRST is at most LAST, STEP at least 1")
    numbers = range(first, last + 1, step)
    if len(numbers) > limit:
        raise Malformed(f"{quoted(arguments[0])} makes {len(numbers)} records, over {limit}")
    pattern = " ".join(arguments[1:])
    return (_filled(pattern, number) for number in numbers)


def _filled(pattern: str, number: int) -> str:
    def fill(match: re.Match[str]) -> str:
        text = match.group()
        if text == "$":
            return str(number)
        if text == "$$":
            return "$"
        return text if text[0] == "\\" else _number(match.group(1), number)

    return _FIELD.sub(fill, pattern)


def _number(modifiers: str, number: int) -> str:
    parts = _MODIFIERS.fullmatch(modifiers)
    field = quoted("${" + modifiers + "}")
    if parts is None:
        raise Malformed(f"{field} is invalid; write ${{OFFSET,WIDTH,BASE}}")
    value, width, base = number + int(parts[1]), int(parts[2] or 0), parts[3] or "d"
    if value < 0:
        raise Malformed(f"{field} gives {value}, which is negative")
    if base in "nN":
        digits = f"{value:0{(width + 1) // 2}{'x' if base == 'n' else 'X'}}"
        return ".".join(reversed(digits))
    return f"{value:0{width}{base}}"
