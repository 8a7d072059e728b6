"""Header fields of a request: the entity tags that a client has, and how long it will wait.

A field may be given on several lines, which count as one, separated by commas (RFC 9110 section
5.3).  A malformed field counts as not given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

ANY_TAG = "*"
_TAG = re.compile(r'"[^"]*"')
_SECONDS = re.compile(r"[0-9]{1,9}")


def entity_tags(lines: Iterable[str]) -> frozenset[str]:
    """Return the entity tags of `If-None-Match`, in their quotes; `*` stands for any.

    Weak and strong tags count the same (RFC 9110 section 13.1.2).
    """
    text = ", ".join(lines)
    if text.strip() == ANY_TAG:
        return frozenset((ANY_TAG,))
    return frozenset(_TAG.findall(text))


def wait_preference(lines: Iterable[str]) -> int:
    """Return the seconds of the preference `wait` of `Prefer`, 0 without (RFC 7240 section 4.3).

    Only the first instance counts; parameters and quoted text are ignored (section 2).
    """
    for preference in _split(", ".join(lines), ","):
        name, _, value = next(_split(preference, ";")).partition("=")
        if name.strip().lower() == "wait":
            seconds = value.strip()
            if len(seconds) > 1 and seconds[0] == seconds[-1] == '"':
                seconds = seconds[1:-1]
            return int(seconds) if _SECONDS.fullmatch(seconds) else 0
    return 0


def _split(text: str, separator: str) -> Iterator[str]:
    """Split a text at a character, except inside quotes."""
    start, quoted, escaped = 0, False, False
    for place, character in enumerate(text):
        if escaped:
            escaped = False
        elif character == "\\" and quoted:
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == separator and not quoted:
            yield text[start:place]
            start = place + 1
    yield text[start:]
