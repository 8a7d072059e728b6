r"""Read the configuration language of gdnsd, vscf: hashes, arrays and texts, nested.

    options => { listen => [ 192.0.2.53, "[2001:db8::53]:53" ] }   # a comment, or with ;
    service_types => $include{types.cfg}

A key and its value are joined by `=` or `=>`; commas are optional; `\` and three decimal digits are
a byte, `\` before another character is that character.  Depth, size and files are limited.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from failoverdns.model.errors import Malformed

MAX_DEPTH: Final = 32
MAX_FILES: Final = 1000

_SPACE: Final = re.compile(r"(?:[ \t\r\n]|[;#][^\n]*)*")
_QUOTED: Final = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL)
_UNQUOTED: Final = re.compile(r'(?:\\.|[^\]\[}{;#\s,"=\\$])(?:\\.|[^\]\[}{;#\s,"=\\])*', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(?:([0-9]{3})|(.))", re.DOTALL)
_INCLUDE: Final = "$include{"


@dataclass(frozen=True, slots=True)
class Value:
    """A text, an array or a hash, with its place, as in `config:12`."""

    place: str
    data: str | list[Value] | dict[str, Value]

    def texts(self) -> list[str]:
        """Return a text, or the texts of an array; raises Malformed for anything else."""
        items = self.data if isinstance(self.data, list) else [self]
        return [item.text() for item in items]

    def text(self) -> str:
        """Return the text; raises Malformed if it is none."""
        if not isinstance(self.data, str):
            raise Malformed(f"{self.place}: expected a text, not a hash or an array")
        return self.data

    def entries(self) -> dict[str, Value]:
        """Return the hash; raises Malformed if it is none."""
        if not isinstance(self.data, dict):
            raise Malformed(f"{self.place}: expected a hash, as in NAME => {{ ... }}")
        return self.data


@dataclass(frozen=True, slots=True)
class SourceFile:
    """The name of a file, for people and for the files that it includes, and its text."""

    name: str
    text: str


class Files(Protocol):
    """Finds the files that a configuration includes."""

    def included(self, pattern: str, by: str) -> list[SourceFile]:
        """Return the files that a name or pattern in the file `by` stands for.

        Raises Malformed if there is none, or if one cannot be read.
        """


def parse_vscf(file: SourceFile, files: Files) -> Value:
    """Return the hash or array in a file; raises Malformed with the file and the line."""
    budget = [MAX_FILES]
    return _Parser(file, files, 0, budget).document()


class _Parser:
    """Reads one file; `depth` is that of the place where it is included."""

    def __init__(self, file: SourceFile, files: Files, depth: int, budget: list[int]) -> None:
        self._file = file
        self._files = files
        self._depth = depth
        self._budget = budget
        self._text = file.text
        self._at = 0
        self._line, self._counted = 1, 0

    def document(self) -> Value:
        place = self._place()
        self._skip()
        if self._take("["):
            value = Value(place, self._array(self._depth + 1))
        else:
            value = Value(place, self._hash(self._depth + 1, ""))
        self._skip()
        if self._at < len(self._text):
            raise self._fault(f"unexpected {self._text[self._at]!r}")
        return value

    def _hash(self, depth: int, end: str) -> dict[str, Value]:
        """Read the entries of a hash up to `end`; an empty `end` is that of the file."""
        self._check(depth)
        entries: dict[str, Value] = {}
        begin = self._place()
        while True:
            self._skip()
            if self._at >= len(self._text):
                if end:
                    raise Malformed(f"{begin}: the hash that begins here is not closed by {end}")
                return entries
            if end and self._take(end):
                return entries
            if self._text.startswith(_INCLUDE, self._at):
                for key, value in self._merged(depth):
                    self._put(entries, key, value)
            else:
                key = self._word("a key")
                self._skip()
                if not self._take("="):
                    raise self._fault(f"expected => after the key {key[:60]!r}")
                self._take(">")
                self._skip()
                self._put(entries, key, self._value(depth))
            self._skip()
            self._take(",")

    def _put(self, entries: dict[str, Value], key: str, value: Value) -> None:
        if key in entries:
            first = entries[key].place
            raise Malformed(f"{value.place}: the key {key[:60]!r} is given twice, first in {first}")
        entries[key] = value

    def _array(self, depth: int) -> list[Value]:
        self._check(depth)
        items: list[Value] = []
        begin = self._place()
        while True:
            self._skip()
            if self._at >= len(self._text):
                raise Malformed(f"{begin}: the array that begins here is not closed by ]")
            if self._take("]"):
                return items
            items.append(self._value(depth))
            self._skip()
            self._take(",")

    def _value(self, depth: int) -> Value:
        place = self._place()
        if self._take("{"):
            return Value(place, self._hash(depth + 1, "}"))
        if self._take("["):
            return Value(place, self._array(depth + 1))
        if self._text.startswith(_INCLUDE, self._at):
            found = list(self._included(depth))
            if len(found) != 1:
                raise Malformed(f"{place}: {len(found)} files cannot be one value")
            return found[0]
        return Value(place, self._word("a value"))

    def _merged(self, depth: int) -> Iterator[tuple[str, Value]]:
        for value in self._included(depth):
            yield from value.entries().items()

    def _included(self, depth: int) -> Iterator[Value]:
        place = self._place()
        self._at += len(_INCLUDE)
        self._skip()
        name = self._word("the name of a file")
        self._skip()
        if not self._take("}"):
            raise self._fault("expected } after the name of the file")
        try:
            files = self._files.included(name, self._file.name)
        except Malformed as fault:
            raise Malformed(f"{place}: {fault}") from None
        for file in files:
            self._budget[0] -= 1
            if self._budget[0] < 0:
                raise Malformed(f"{place}: more than {MAX_FILES} files are included")
            yield _Parser(file, self._files, depth, self._budget).document()

    def _word(self, what: str) -> str:
        quoted = _QUOTED.match(self._text, self._at)
        found = quoted or _UNQUOTED.match(self._text, self._at)
        if found is None:
            shown = self._text[self._at : self._at + 1]
            raise self._fault(f"expected {what}, not {shown!r}" if shown else f"{what} is missing")
        text = found.group(1) if quoted else found.group()
        for escape in _ESCAPE.finditer(text):
            if escape[1] is not None and int(escape[1]) > 255:
                raise self._fault(f"the escape {escape[0]} is over \\255")
        self._at = found.end()
        return _ESCAPE.sub(_unescaped, text)

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found is not None else self._at

    def _take(self, letter: str) -> bool:
        if not self._text.startswith(letter, self._at):
            return False
        self._at += len(letter)
        return True

    def _check(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise self._fault(f"nested more than {MAX_DEPTH} deep")

    def _place(self) -> str:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return f"{self._file.name}:{self._line}"

    def _fault(self, message: str) -> Malformed:
        return Malformed(f"{self._place()}: {message}")


def _unescaped(match: re.Match[str]) -> str:
    if match[1] is None:
        return "" if match[2] == "\n" else str(match[2])
    return chr(int(match[1]))
