"""`$GENERATE`: many records from one pattern, with the forms of BIND.

In the pattern `$` stands for the number, `$$` and `\\$` for a dollar sign, and
`${OFFSET,WIDTH,BASE}` for the number plus OFFSET, filled up to WIDTH characters with zeros, in
BASE: d, o, x or X, or n or N for nibbles of an IPv6 reverse name.
Data in one pair of quotes stands for what is in the quotes, as with BIND: so data with blanks is
written there.  Several words without quotes, which BIND refuses, are taken as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from failoverdns.config.errors import quoted
from failoverdns.model.errors import Malformed

MAX_NUMBER = 2**31 - 1
"""The largest number of a range, and the largest that an offset makes of it."""

_RANGE = re.compile(r"(\d{1,10})-(\d{1,10})(?:/(\d{1,10}))?", re.ASCII)
_FIELD = re.compile(r"\\.|\$\$|\$\{([^}]*)(\}?)|\$", re.DOTALL)
_MODIFIERS = re.compile(r"([-+]?\d{1,10})(?:,(\d{1,3})(?:,([doxXnN]))?)?", re.ASCII)
_QUOTED = re.compile(r'(.*?[ \t])"((?:\\.|[^"\\])*)"', re.DOTALL)


def generated(span: str, pattern: str, limit: int) -> Iterator[str]:
    """Yield the records of `$GENERATE SPAN PATTERN`, one text each.

    `span` is FIRST-LAST[/STEP], and `pattern` the rest.  Raises Malformed, also for more than
    `limit` records.
    """
    parts = _RANGE.fullmatch(span)
    if parts is None:
        raise Malformed(f"{quoted(span)} is not a range; write FIRST-LAST[/STEP]")
    first, last, step = int(parts[1]), int(parts[2]), int(parts[3] or 1)
    if last < first or step == 0:
        raise Malformed(f"{quoted(span)} is empty: FIRST is at most LAST, STEP at least 1")
    if max(last, step) > MAX_NUMBER:
        raise Malformed(f"{quoted(span)} has a number over {MAX_NUMBER}")
    numbers = range(first, last + 1, step)
    if len(numbers) > limit:
        raise Malformed(f"{quoted(span)} makes {len(numbers)} records, over {limit}")
    if (found := _QUOTED.fullmatch(pattern)) is not None and '"' not in found[1]:
        pattern = found[1] + found[2].replace('\\"', '"')
    return (_filled(pattern, number) for number in numbers)


def _filled(pattern: str, number: int) -> str:
    def fill(match: re.Match[str]) -> str:
        text = match.group()
        if text == "$":
            return str(number)
        if text == "$$":
            return "\\$"
        if text[0] == "\\":
            return text
        if not match.group(2):
            raise Malformed(f"{quoted(text)} has no closing brace")
        return _number(match.group(1), number)

    return _FIELD.sub(fill, pattern)


def _number(modifiers: str, number: int) -> str:
    parts = _MODIFIERS.fullmatch(modifiers)
    field = quoted("${" + modifiers + "}")
    if parts is None:
        raise Malformed(f"{field} is invalid; write ${{OFFSET,WIDTH,BASE}}")
    value, width, base = number + int(parts[1]), int(parts[2] or 0), parts[3] or "d"
    if not -MAX_NUMBER <= value <= MAX_NUMBER:
        raise Malformed(f"{field} gives {value}, which is over {MAX_NUMBER}")
    if base == "d":
        return f"{value:0{width}d}"
    value &= 0xFFFFFFFF  # as BIND writes negative numbers
    return _nibbles(value, width, base) if base in "nN" else f"{value:0{width}{base}}"


def _nibbles(value: int, width: int, base: str) -> str:
    """Return the digits from the last one on, with dots, in `width` characters or more."""
    text = ""
    while True:
        text += f"{value & 15:{'x' if base == 'n' else 'X'}}"
        value >>= 4
        if not value and len(text) >= width:
            return text
        text += "."
        if not value and len(text) >= width:
            return text
