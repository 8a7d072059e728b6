"""Read the zone files of a zone (`records_files`): each error has its file and line.

Master files are read as RFC 1035 section 5.1 and RFC 2308 section 4 define them: comments, quotes,
parentheses, omitted owners, `$ORIGIN`, `$TTL` and `$INCLUDE`; `$GENERATE` is in `generating`.
The bytes, records and files are limited, and so is the depth of inclusions; an included file must
be in the folder of the file that the configuration names, or below it.
One record is read in `record_text`; which records may exist together is checked in `zone_records`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from failoverdns.config.errors import FaultReport, Place, quoted
from failoverdns.config.zones.generating import generated
from failoverdns.config.zones.record_text import Record, parse_record, parse_ttl
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.regular_files import open_regular


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for all files of a zone together, generated records included.

    `depth` is the depth of inclusions; the first file has depth 0.
    """

    size: int
    records: int
    files: int
    depth: int


LIMITS = Limits(size=16 * 1024 * 1024, records=100_000, files=100, depth=8)
"""The limits of each zone; the size is in bytes."""

_PIECE = re.compile(r'"(?:\\.|[^"\\\n])*"?|;[^\n]*|\\.|[()\n]|[^"();\n\\]+|\\', re.DOTALL)

Placed = tuple[Place, Record]


def read_zone_files(
    files: Sequence[tuple[Place, Path]],
    origin: DomainName,
    default_ttl: int,
    limits: Limits,
    faults: FaultReport,
) -> list[Placed]:
    """Read the records of the zone `origin` from zone files, in order of appearance.

    `files` are absolute paths, each with the place of its name in the configuration.
    `default_ttl` (seconds) is for records without a TTL, unless a `$TTL` sets another one.
    Every error is reported in `faults`; invalid records, and those over `limits`, are left out.
    """
    reading = _Reading(origin, limits, faults)
    for place, path in files:
        reading.file(path, path.parent, place, _Context(origin, default_ttl), 0)
    return reading.records


@dataclass(frozen=True, slots=True)
class _Context:
    """The context that a line of a file inherits from the lines before it."""

    origin: DomainName
    ttl: int
    owner: DomainName | None = None


@dataclass(slots=True)
class _Reading:
    """One pass over all files of a zone."""

    zone: DomainName
    limits: Limits
    faults: FaultReport
    records: list[Placed] = field(default_factory=list)
    size: int = 0
    files: int = 0
    full: bool = False
    """A limit was reached and reported; the rest is left out."""

    def file(self, path: Path, folder: Path, place: Place, context: _Context, depth: int) -> None:
        """Read a file named at `place`; the files that it includes must be in `folder` or below."""
        try:
            text = self._text(path, folder, depth)
        except Malformed as fault:
            self.faults.add(place, str(fault))
            return
        for line, entry in entries(text):
            if self.full:
                return
            here = Place(line, 1, place.path, str(path))
            try:
                context = self._entry(entry, here, path, folder, context, depth)
            except Malformed as fault:
                self.faults.add(here, str(fault))

    def _text(self, path: Path, folder: Path, depth: int) -> str:
        self.files += 1
        if depth > self.limits.depth:
            raise Malformed(
                f"files include each other more than {self.limits.depth} deep; is it a circle?"
            )
        if self.files > self.limits.files:
            raise Malformed(f"more than {self.limits.files} files; put them together")
        try:
            if not path.resolve().is_relative_to(folder.resolve()):
                raise Malformed(f"{path} is not below {folder}; put it there, not behind a link")
            with open_regular(path) as file:
                data = file.read(self.limits.size - self.size + 1)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            raise Malformed(f"{path} cannot be read: {reason or error}") from None
        self.size += len(data)
        if self.size > self.limits.size:
            raise Malformed(
                f"the zone files have more than {self.limits.size // 1024**2} MiB together"
            )
        try:
            return data.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise Malformed(f"{path}:{line} is not UTF-8; write other bytes as \\DDD") from None

    def _entry(
        self, entry: str, place: Place, path: Path, folder: Path, context: _Context, depth: int
    ) -> _Context:
        """Read a record or a directive; return the context of the next line."""
        word, *arguments = entry.split()
        match word.upper(), arguments:
            case ("$ORIGIN", [name]):
                return replace(context, origin=_name(name, context.origin))
            case ("$TTL", [ttl]):
                return replace(context, ttl=parse_ttl(ttl))
            case ("$INCLUDE", [name, *rest]) if len(rest) < 2:
                inner = _name(rest[0], context.origin) if rest else context.origin
                included = path.parent / name.strip('"')
                self.file(included, folder, place, replace(context, origin=inner), depth + 1)
                return context
            case ("$GENERATE", [_, _, _, *_]):
                for text in generated(arguments, self.limits.records):
                    context = self._record(text, place, context)
                    if self.full:
                        break
                return context
            case (directive, _) if directive.startswith("$"):
                raise Malformed(_WRITE.get(directive, f"{quoted(word)} is not a directive"))
        return self._record(entry, place, context)

    def _record(self, text: str, place: Place, context: _Context) -> _Context:
        if len(self.records) >= self.limits.records:
            self.full = True
            raise Malformed(f"more than {self.limits.records} records in the files of a zone")
        if text[0].isspace():
            if context.owner is None:
                raise Malformed("the first record of a file needs an owner name")
            text = context.owner.absolute_text() + text
        record = parse_record(text, context.origin, context.ttl, self.zone)
        self.records.append((place, record))
        return replace(context, owner=record.owner)


_WRITE = {
    "$ORIGIN": "write $ORIGIN NAME",
    "$TTL": "write $TTL SECONDS",
    "$INCLUDE": "write $INCLUDE FILE [ORIGIN]",
    "$GENERATE": "write $GENERATE FIRST-LAST[/STEP] OWNER [TTL] [IN] TYPE DATA",
}


def entries(text: str) -> Iterator[tuple[int, str]]:
    """Yield the entries of a zone file that are not empty, and the line that each begins on.

    An entry is a line, or several in parentheses; comments and parentheses are left out.
    """
    line = first = 1
    depth = 0
    pieces: list[str] = []
    for match in _PIECE.finditer(text):
        piece = match.group()
        if piece == "\n":
            line += 1
            if depth > 0:
                pieces.append(" ")
                continue
            yield from _entry(first, pieces)
            pieces, first = [], line
        elif piece == "(":
            depth += 1
            pieces.append(" ")
        elif piece == ")":
            depth = max(0, depth - 1)
            pieces.append(" ")
        elif piece[0] != ";":
            line += piece.count("\n")
            pieces.append(piece)
    yield from _entry(first, pieces)


def _entry(line: int, pieces: list[str]) -> Iterator[tuple[int, str]]:
    text = "".join(pieces).rstrip(" \t")
    if text.strip():
        yield line, text


def _name(text: str, origin: DomainName) -> DomainName:
    try:
        return DomainName.from_text(text, origin)
    except Malformed as fault:
        raise Malformed(f"{quoted(text)} is not a DNS name: {fault}") from None
