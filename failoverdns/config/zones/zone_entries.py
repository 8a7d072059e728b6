"""Split zone-file text into entries: one line each, or several lines in parentheses.

Comments and parentheses are left out; everything else stays as it is, quotes and escapes too.
Whatever is opened and not closed, or closed and not opened, is a flaw of the entry with its own
position.  Other programs differ here: a string over two lines is refused by BIND and Knot and read
by NSD, and an open parenthesis at the end of a file is taken by NSD.  All of them are refused here,
because each can hide the records that follow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from failoverdns.model.errors import Malformed

MAX_ENTRY: Final = 1 << 20
"""Characters of an entry, at most: the data of a record has 65,535 bytes, as `\\DDD` four times."""

MAX_RECOVERIES: Final = 10
"""Parentheses without an end in a file, after which reading goes on with the next record."""

_OPEN_QUOTE: Final = "this quote is not closed on its line; a line feed in a text is \\010"
_APART: Final = ' \t();"'
"""Characters after which a semicolon does not look like a part of a text."""

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
    `is_cut` says that a comment follows unquoted text without a blank, as in `v=DKIM1; k=rsa`.
    An entry with a `flaw` has the text up to there, and `opened` if a parenthesis is open there.
    """

    line: int
    text: str
    opened: int = 0
    taken_in: int = 0
    flaw: Flaw | None = None
    is_cut: bool = False


class _Lines:
    """The lines of a text, one at a time: a list of them may take ten times its memory."""

    def __init__(self, text: str) -> None:
        self.number = 0
        """The number of the line that was returned last, from 1."""
        self._text = text
        self._at = 0

    def next(self) -> str | None:
        """Return the next line, or None at the end."""
        if self._at > len(self._text):
            return None
        end = self._text.find("\n", self._at)
        end = end if end >= 0 else len(self._text)
        line = self._text[self._at : end]
        self._at = end + 1
        self.number += 1
        return line

    def mark(self) -> tuple[int, int]:
        """Return where the next line begins, to go back there."""
        return self.number, self._at

    def go_past_string(self) -> None:
        """Go past the rest of a string that began on the last line, if its end is found.

        It is the next line with a quote that is not closed, before one that looks like a record.
        """
        mark = self.mark()
        while (line := self.next()) is not None and not looks_like_record(line):
            if any(piece == '"' for piece in _PIECE.findall(line)):
                return
        self.number, self._at = mark

    def go_to_record(self, mark: tuple[int, int]) -> None:
        """Go back to `mark`, and on to the next line that looks like a record, or to the end."""
        self.number, self._at = mark
        while True:
            before = self.mark()
            line = self.next()
            if line is None:
                return
            if looks_like_record(line):
                self.number, self._at = before
                return


def zone_text(data: bytes, name: str) -> str:
    """Return the text of the file `name`, with line feeds only; raises Malformed if it is none."""
    if data[:3] == b"\0\0\0" and data[3:4] in (b"\2", b"\3"):
        raise Malformed(
            f"{name} is in a binary format of BIND (masterfile-format); make text of it: "
            f"named-compilezone -f {'raw' if data[3] == 2 else 'map'} -F text -o NEW ZONE {name}"
        )
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Malformed(f"{name}:{line} is not UTF-8; write other bytes as \\DDD") from None


def entries(text: str) -> Iterator[Entry]:
    """Yield the entries of a zone file that are not empty.

    After a parenthesis that is not closed, the next line that looks like a record begins an entry;
    after a quote that is not closed on its line, the line after the one that closes it.
    """
    lines = _Lines(text)
    recoveries = 0
    while (line := lines.next()) is not None:
        if _SPECIAL.search(line) is None:
            if line.strip(" \t"):
                yield Entry(lines.number, line.rstrip(" \t"))
            continue
        mark = lines.mark()
        entry = _entry(line, lines)
        if entry.text or entry.flaw is not None:
            yield entry
        if entry.flaw is not None and entry.flaw.message == _OPEN_QUOTE and not entry.opened:
            lines.go_past_string()
        elif entry.flaw is not None and (entry.opened or lines.number > mark[0]):
            recoveries += 1
            if recoveries == MAX_RECOVERIES:
                return
            lines.go_to_record(mark)


def looks_like_record(line: str) -> bool:
    """Return whether a line has an owner, a common type and data, or is a directive."""
    return bool(_RECORD.match(line) or _DIRECTIVE.match(line))


def _entry(first_line: str, lines: _Lines) -> Entry:
    """Return the entry that begins with `first_line`; take the lines in its parentheses."""
    pieces: list[str] = []
    opened: list[tuple[int, int]] = []
    first = lines.number
    paren = taken_in = size = 0
    is_cut = False
    line = first_line
    while True:
        number = lines.number
        if opened and not taken_in and looks_like_record(line):
            taken_in = number
        for match in _PIECE.finditer(line):
            piece = match.group()
            flaw = ""
            if piece == "(":
                opened.append((number, match.start() + 1))
                paren = paren or number
                pieces.append(" ")
            elif piece == ")":
                pieces.append(" ")
                if opened:
                    opened.pop()
                else:
                    flaw = "a closing parenthesis without an opening one; remove it"
            elif piece == '"':
                flaw = _OPEN_QUOTE
            elif piece[0] == ";":
                is_cut = is_cut or line[max(match.start() - 1, 0)] not in _APART
            elif piece == "\\":
                flaw = "nothing follows this backslash on its line; remove it"
            else:
                pieces.append(piece)
            if flaw:
                return _flawed(first, pieces, Flaw(number, match.start() + 1, flaw), bool(opened))
            size += len(piece) if piece[0] != ";" else 0
            if size > MAX_ENTRY:
                flaw = f"a record of more than {MAX_ENTRY >> 20} MiB; is a parenthesis not closed?"
                return _flawed(first, pieces[:1], Flaw(*(opened or [(first, 1)])[0], flaw))
        if not opened:
            return Entry(first, _joined(first_line, pieces), paren, taken_in, is_cut=is_cut)
        following = lines.next()
        if following is None:
            flaw = "this parenthesis is not closed; close it at the end of its record"
            return _flawed(first, pieces, Flaw(*opened[0], flaw))
        line = following
        pieces.append(" ")


def _flawed(first: int, pieces: list[str], flaw: Flaw, is_open: bool = False) -> Entry:
    return Entry(first, "".join(pieces), first if is_open else 0, flaw=flaw)


def _joined(line: str, pieces: list[str]) -> str:
    """Return the text of an entry, which begins with a blank only if its first line does."""
    text = "".join(pieces).rstrip(" \t")
    return text if line[0] in " \t" or not text else text.lstrip(" \t")
