"""Read `named.conf`: which zones BIND serves, and in which files their records are.

A statement is words and texts in quotes, perhaps with a block in braces, up to a semicolon.  Only
`options`, `include`, `view` and `zone` are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from failoverdns.model.errors import Malformed

MAX_DEPTH: Final = 16
"""How deep blocks may be nested."""

_TOKEN: Final = re.compile(
    r'(?P<space>(?:\s|//[^\n]*|\#[^\n]*|/\*.*?\*/)+)|"(?P<text>(?:\\.|[^"\\\n])*)"'
    r'|(?P<mark>[{};])|(?P<word>(?:(?!//|/\*)[^\s{};"#])+)',
    re.DOTALL,
)
_FIRST: Final = frozenset(
    (
        *("acl", "controls", "dnssec-policy", "http", "include", "key", "key-store", "logging"),
        *("masters", "options", "parental-agents", "primaries", "server", "statistics-channels"),
        *("tls", "trust-anchors", "view", "zone"),
    )
)
"""The words that a statement of `named.conf` may begin with."""

_ENOUGH: Final = 5
"""Words of the first statement, by which a file is recognized."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The words of a statement, its block (None without one), and its place."""

    place: str
    words: tuple[str, ...]
    block: tuple[Statement, ...] | None = None

    def value(self, key: str) -> str | None:
        """Return the value of a statement `KEY VALUE;` in the block, or None."""
        for statement in self.block or ():
            if len(statement.words) > 1 and statement.words[0].lower() == key:
                return statement.words[1]
        return None


def is_named_conf(text: str) -> bool:
    """Return whether a text begins as `named.conf` does, and not as a zone file."""
    words: list[str] = []
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "space":
            words.append(match.group())
        if len(words) == _ENOUGH:
            break
    first, second = (*words, "", "")[:2]
    is_include = first.lower() == "include" and second[:1] == '"'
    return is_include or (first.lower() in _FIRST and "{" in words)


def parse_named_conf(text: str, name: str) -> tuple[Statement, ...]:
    """Return the statements of a file called `name`; raises Malformed with file and line."""
    return _Reader(text, name).statements(0)


class _Reader:
    def __init__(self, text: str, name: str) -> None:
        self._name = name
        self._tokens = self._scanned(text)

    def _scanned(self, text: str) -> Iterator[tuple[str, str, str]]:
        """Yield the kind, the text and the place of each token."""
        at, line = 0, 1
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                shown = text[at : at + 1]
                raise Malformed(f"{self._name}:{line}: {shown!r} begins nothing that is closed")
            kind = str(match.lastgroup)
            if kind != "space":
                yield kind, match[kind], f"{self._name}:{line}"
            line += match.group().count("\n")
            at = match.end()

    def statements(self, depth: int, opened: str = "") -> tuple[Statement, ...]:
        """Read statements up to the end of the block that began at `opened`, or of the file."""
        if depth > MAX_DEPTH:
            raise Malformed(f"{opened}: blocks are nested more than {MAX_DEPTH} deep")
        found: list[Statement] = []
        words: list[str] = []
        block: tuple[Statement, ...] | None = None
        place = ""
        for kind, text, here in self._tokens:
            if (kind, text) == ("mark", "}"):
                if not opened:
                    raise Malformed(f"{here}: }} closes no block")
                if words:
                    raise Malformed(f"{place}: the statement that begins here has no semicolon")
                return tuple(found)
            if (kind, text) == ("mark", "{"):
                block = self.statements(depth + 1, here)
                place = place or here
            elif (kind, text) == ("mark", ";"):
                if words or block is not None:
                    found.append(Statement(place, tuple(words), block))
                words, block, place = [], None, ""
            else:
                place = place or here
                words.append(text)
        if opened:
            raise Malformed(f"{opened}: the block that begins here is not closed by }}")
        if words or block is not None:
            raise Malformed(f"{place}: the statement that begins here has no semicolon")
        return tuple(found)
