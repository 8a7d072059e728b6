"""Read the zone files of a zone (`records_files`): each error has its file and line.

Master files are read as RFC 1035 section 5.1 and RFC 2308 section 4 define them, with the details
of BIND: comments, quotes, parentheses, omitted owners, `$ORIGIN`, `$TTL` and `$INCLUDE`;
`$GENERATE` is in `generating`.  The bytes, records, files and errors are limited, and so is the
depth of inclusions; an included file must be in the folder of the file that the configuration
names, or below it.
One record is read in `record_text`; which records may exist together is checked in `zone_records`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from failoverdns.config.errors import FaultReport, Place, quoted
from failoverdns.config.zones.directives import directive, read_name, wrong
from failoverdns.config.zones.generating import generated
from failoverdns.config.zones.record_data import words_of
from failoverdns.config.zones.record_text import (
    MAX_TTL,
    NO_TTL,
    SIGNED,
    Record,
    owner_of,
    parse_ttl,
    read_entry,
)
from failoverdns.config.zones.zone_entries import Entry, entries, zone_text
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.model.records import SOA
from failoverdns.model.settings import ZoneFileLimits
from failoverdns.regular_files import open_regular

MAX_FAULTS: Final = 1000
"""Errors in the files of a zone that are reported; a file of another kind has one in each line."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for all files of a zone together, generated records included.

    `depth` is the depth of inclusions; the first file has depth 0.
    """

    size: int
    records: int
    files: int
    depth: int


LIMITS: Final = Limits(
    size=ZoneFileLimits().max_size, records=ZoneFileLimits().max_records, files=100, depth=8
)
"""The limits of each zone, unless `zone_files` sets others; the size is in bytes."""

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
    `default_ttl` (seconds) is for records without a TTL, unless a `$TTL` or the SOA record of the
    file says another one.
    Every error is reported in `faults`; invalid records, and those over `limits`, are left out.
    """
    reading = _Reading(origin, limits, faults)
    for place, path in files:
        reading.default, reading.is_other_zone = _DefaultTTL(default_ttl), False
        reading.file(path, path.parent, place, _Context(origin), 0)
    return reading.records


@dataclass(slots=True)
class _DefaultTTL:
    """The TTL of records without one, which a file shares with those that it includes.

    `is_stated` is whether a `$TTL` has stated it, or an SOA record without a TTL its minimum.
    Without either, a file with an SOA record follows RFC 1035: the last TTL counts (`is_last`).
    """

    ttl: int
    is_stated: bool = False
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class _Context:
    """The context that a line of a file inherits from the lines before it.

    `owner` is None before the first record; `is_lost` says that it is None because the owner of a
    record could not be read.
    """

    origin: DomainName
    owner: DomainName | None = None
    is_lost: bool = False


@dataclass(slots=True)
class _Reading:
    """One pass over all files of a zone."""

    zone: DomainName
    limits: Limits
    faults: FaultReport
    default: _DefaultTTL = field(default_factory=lambda: _DefaultTTL(0))
    records: list[Placed] = field(default_factory=list)
    size: int = 0
    files: int = 0
    open: list[Path] = field(default_factory=list)
    errors: int = 0
    full: bool = False
    """A limit was reached and reported; the rest is left out."""
    is_signed: bool = False
    """A record that signing has made was reported, which is done once."""

    is_other_zone: bool = False
    """The file is that of another zone; the rest of it is left out."""

    def file(self, path: Path, folder: Path, place: Place, context: _Context, depth: int) -> None:
        """Read a file named at `place`; the files that it includes must be in `folder` or below."""
        try:
            if path in self.open:
                raise Malformed(f"{path} includes itself; remove this line, or one that led here")
            text = self._text(path, folder, depth)
        except Malformed as fault:
            self._report(place, str(fault))
            return
        self.open.append(path)
        for entry in entries(text):
            if self.full or self.is_other_zone:
                break
            here = Place(entry.line, 1, place.path, str(path))
            context = self._entry(entry, here, path, folder, context, depth)
        self.open.pop()

    def _report(self, place: Place, fault: str) -> None:
        self.errors += 1
        if self.errors > MAX_FAULTS:
            self.full = True
            fault = f"more than {MAX_FAULTS} errors in the files of a zone; the rest is not read"
        self.faults.add(place, fault)

    def _text(self, path: Path, folder: Path, depth: int) -> str:
        self.files += 1
        if depth > self.limits.depth:
            raise Malformed(f"inclusions over {self.limits.depth} deep; put files together")
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
                f"the zone files have more than {self.limits.size // 1024**2} MiB together; "
                "raise `zone_files.max_size`"
            )
        return zone_text(data, str(path))

    def _entry(
        self, entry: Entry, place: Place, path: Path, folder: Path, context: _Context, depth: int
    ) -> _Context:
        """Read a record or a directive; return the context of the next line."""
        if entry.text[:1] != "$":
            return self._record(entry, place, context)
        try:
            if entry.flaw is not None:
                raise Malformed(entry.flaw.message)
            word, arguments = directive(entry.text)
            match word, arguments:
                case ("$ORIGIN", [name]):
                    return replace(context, origin=read_name(name, context.origin))
                case ("$TTL", [ttl]):
                    self.default = _DefaultTTL(parse_ttl(ttl), is_stated=True)
                case ("$INCLUDE", [name, *rest]) if name and len(rest) < 2:
                    inner = read_name(rest[0], context.origin) if rest else context.origin
                    included = replace(context, origin=inner)
                    self.file(path.parent / name, folder, place, included, depth + 1)
                case ("$GENERATE", [span, pattern]):
                    self._generate(span, pattern, place, context)
                case _:
                    raise Malformed(wrong(word))
        except Malformed as fault:
            where = entry.flaw if entry.flaw is not None else place
            self._report(replace(place, line=where.line, column=where.column), str(fault))
        return context

    def _generate(self, span: str, pattern: str, place: Place, context: _Context) -> None:
        """Add the records of a `$GENERATE`; the owner of the next line is that before it."""
        for text in generated(span, pattern, self.limits.records):
            if self.full:
                break
            before = self.errors
            for entry in entries(text):
                self._record(entry, place, context, f"$GENERATE makes {quoted(text)}: ")
            if self.errors > before:
                break  # the next ones have the same error

    def _record(self, entry: Entry, place: Place, context: _Context, source: str = "") -> _Context:
        """Read a record; return the context of the next line, whether or not it is right.

        An error begins with `source`.
        """
        if len(self.records) >= self.limits.records:
            self.full = True
            self.faults.add(
                place,
                f"more than {self.limits.records} records in the files of a zone; "
                "raise `zone_files.max_records`",
            )
            return context
        if entry.flaw is not None:
            where = place if source else entry.flaw
            here = replace(place, line=where.line, column=where.column)
            self._report(here, f"{source}{entry.flaw.message}")
            return _with_owner(context, entry.text)
        try:
            inherits = entry.text[0] in " \t"
            if inherits:
                if context.owner is None and not context.is_lost:
                    raise Malformed("the first record of a file needs an owner name")
                owner = context.owner or self.zone
                entry = replace(entry, text=owner.absolute_text() + entry.text)
            record = read_entry(entry, context.origin, self.default.ttl, self.zone)
        except Malformed as fault:
            context = context if inherits else _with_owner(context, entry.text)
            if str(fault) == SIGNED:
                if self.is_signed:
                    return context
                self.is_signed = True
            self._report(place, f"{source}{self._other_zone(entry, context) or fault}")
            return context
        if record.rtype == SOA or self.default.is_last:
            record = self._with_default(entry, record, context)
        if not inherits:
            context = _Context(context.origin, record.owner)
        if not context.is_lost:
            self.records.append((place, record))
        return context

    def _other_zone(self, entry: Entry, context: _Context) -> str:
        """Return that a file is that of another zone, if the entry is its SOA record.

        The rest of the file is not read then, because each of its lines would be an error.
        """
        owner = context.owner
        if owner is None or owner.is_at_or_below(self.zone):
            return ""
        if "SOA" not in map(str.upper, words_of(entry.text)[1:4]):
            return ""
        self.is_other_zone = True
        return f"this is the file of the zone {owner}, not of {self.zone}; the rest is not read"

    def _with_default(self, entry: Entry, record: Record, context: _Context) -> Record:
        """Note the TTL of the next records without one, in a file that has no `$TTL` so far.

        Returns the record; if it is an SOA record without a TTL, with `NO_TTL`.
        """
        default = self.default
        if record.rtype == SOA and not default.is_stated and not default.is_last:
            minimum = int.from_bytes(record.data[-4:], "big") & MAX_TTL
            record = read_entry(entry, context.origin, NO_TTL, self.zone)
            if record.ttl == NO_TTL:
                self.default = _DefaultTTL(minimum, is_stated=True)
            else:
                self.default = _DefaultTTL(record.ttl, is_last=True)
        elif default.is_last:
            default.ttl = record.ttl
        return record


def _with_owner(context: _Context, text: str) -> _Context:
    """Return the context after an entry: its owner counts for the next one, right or wrong."""
    if text[:1] in ("", " ", "\t"):
        return context
    try:
        return replace(context, owner=owner_of(text, context.origin), is_lost=False)
    except Malformed:
        return replace(context, owner=None, is_lost=True)
