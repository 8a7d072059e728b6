"""Text from elsewhere, made fit for a log line and a terminal.

A CA, a web head, a client or a program may send escape sequences, which a terminal carries out, and
line ends, which forge lines of a log.  Every such text passes through here where it comes in.
"""

from __future__ import annotations

from typing import Final

MAX_TEXT: Final = 400
"""Characters of a text from elsewhere that are shown."""


def printable(text: str, limit: int = MAX_TEXT) -> str:
    """Return a text on one line, without control characters, cut to `limit` characters.

    White space becomes a blank, another character that cannot be printed becomes `?`, and a text
    that was cut ends with three dots.
    """
    clean = "".join(map(_shown, text[: limit + 1]))
    return clean if len(clean) <= limit else f"{clean[:limit]}..."


def _shown(letter: str) -> str:
    if letter.isprintable():
        return letter
    return " " if letter.isspace() else "?"
