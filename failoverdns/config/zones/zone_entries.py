"""Split zone-file text into entries: one line each, or several lines in parentheses.

Comments and parentheses are left out; everything else stays as it is, quotes and escapes too.
Whatever is opened and not closed, or closed and not opened, is a flaw of the entry with its own
position.  Other programs differ here: a string over two lines is refused by BIND and Knot and read
by NSD, and an open parenthesis at the end of a file is taken by NSD.  All of them are refused here,
because each can hide the records that follow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

MAX_ENTRY: Final = 1 << 20
"""Characters of an entry, at most: the data of a record has 65,535 bytes, as `\\DDD` four times."""

MAX_RECOVERIES: Final = 10
"""Parentheses without an end in a file, after which reading goes on with the next record."""

_SPECIAL = re.compile(r'["();\\]')
_PIECE = re.compile(r'"(?:\\.|[^"\\])*"|"|;.*|\\.|[()]|[^"();\\]+|\\', re.DOTALL)
_RECORD = re.compile(
    r"[^\s;()\"$]\S*[ \t]+(?:(?:[0-9]\w*|IN)[ \t]+){0,2}"
    r"(?:A|AAAA|CAA|CNAME|DNAME|DS|HTTPS|LOC|MX|NAPTR|NS|PTR|SOA|SPF|SRV|SSHFP|SVCB|TLSA|TXT)"
    r"[ \t]+[^\s;)]",
    re.ASCII | re.IGNORECASE,
)
_DIRECTIVE = re.compile(r"\$(?:ORIGIN|TTL|INCLUDE|GENERATE)[ \t]", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Flaw:
    """What makes an entry unreadable, with its line and column from 1."""

    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry: the line that it begins on, and its text without comments and parentheses.

    `taken_in` is the first line inside its parentheses that looks like a record of its own, and
    `opened` the line of the parenthesis; both are 0 if there is none.
    An entry with a `flaw` has the text up to there.
    """

    line: int
    text: str
    opened: int = 0
    taken_in: int = 0
    flaw: Flaw | None = None


def entries(text: str) -> Iterator[Entry]:
    """Yield the entries of a zone file that are not empty.

    After a parenthesis that is not closed, the next line that looks like a record begins an entry.
    """
    lines = text.split("\n")
    at = recoveries = 0
    while at < len(lines):
        line = lines[at]
        if _SPECIAL.search(line) is None:
            if line.strip(" \t"):
                yield Entry(at + 1, line.rstrip(" \t"))
            at += 1
            continue
        entry, end = _entry(lines, at)
        if entry.text or entry.flaw is not None:
            yield entry
        if entry.flaw is not None and end > at + 1:
            recoveries += 1
            end = _next_record(lines, at + 1) if recoveries < MAX_RECOVERIES else len(lines)
        at = end


def looks_like_record(line: str) -> bool:
    """Return whether a line has an owner, a common type and data, or is a directive."""
    return bool(_RECORD.match(line) or _DIRECTIVE.match(line))


def _entry(lines: Sequence[str], first: int) -> tuple[Entry, int]:
    """Return the entry that begins at the index `first`, and the index of the line after it."""
    pieces: list[str] = []
    opened: list[tuple[int, int]] = []
    paren = taken_in = size = 0
    at = first
    while True:
        line = lines[at]
        if opened and not taken_in and looks_like_record(line):
            taken_in = at + 1
        for match in _PIECE.finditer(line):
            piece, column = match.group(), match.start() + 1
            if piece == "(":
                opened.append((at + 1, column))
                paren = paren or at + 1
                pieces.append(" ")
            elif piece == ")":
                if not opened:
                    flaw = "a closing parenthesis without an opening one; remove it"
                    return _flawed(first, pieces, Flaw(at + 1, column, flaw)), at + 1
                opened.pop()
                pieces.append(" ")
            elif piece == '"':
                flaw = "this quote is not closed on its line; a line feed in a text is \\010"
                return _flawed(first, pieces, Flaw(at + 1, column, flaw)), at + 1
            elif piece == "\\":
                flaw = "nothing follows this backslash on its line; remove it"
                return _flawed(first, pieces, Flaw(at + 1, column, flaw)), at + 1
            elif piece[0] != ";":
                pieces.append(piece)
                size += len(piece)
        at += 1
        if size > MAX_ENTRY:
            where = opened[0] if opened else (first + 1, 1)
            flaw = f"a record of more than {MAX_ENTRY >> 20} MiB; is a parenthesis not closed?"
            return _flawed(first, pieces[:1], Flaw(*where, flaw)), at
        if not opened:
            return Entry(first + 1, _joined(lines[first], pieces), paren, taken_in), at
        if at == len(lines):
            flaw = "this parenthesis is not closed; close it at the end of its record"
            return _flawed(first, pieces, Flaw(*opened[0], flaw)), at
        pieces.append(" ")


def _flawed(first: int, pieces: list[str], flaw: Flaw) -> Entry:
    return Entry(first + 1, "".join(pieces), flaw=flaw)


def _joined(line: str, pieces: list[str]) -> str:
    """Return the text of an entry, which begins with a blank only if its first line does."""
    text = "".join(pieces).rstrip(" \t")
    return text if line[0] in " \t" or not text else text.lstrip(" \t")


def _next_record(lines: Sequence[str], at: int) -> int:
    while at < len(lines) and not looks_like_record(lines[at]):
        at += 1
    return at
