r"""Read a zone file of gdnsd: what is peculiar to gdnsd becomes ordinary zone-file text.

`@Z` is the zone and `@F` the first origin of a file, alone or as the last label of a name; `DYNA`
and `DYNC` take their data from a resource, with a TTL of the form `MAX/MIN`; a long string of a TXT
record is split; the TTL of a record without one is that of the configuration.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from failoverdns.config.zones.record_text import parse_record, parse_ttl
from failoverdns.config.zones.zone_entries import Entry, entries
from failoverdns.importing.builder import PlanBuilder
from failoverdns.importing.vscf import Files, SourceFile
from failoverdns.importing.zone_contents import ZoneDraft
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName

MAX_DEPTH: Final = 8
"""How deep zone files may include each other."""

_DYNAMIC: Final = ("DYNA", "DYNC")
_NAMED: Final = frozenset(("CNAME", "MX", "NAPTR", "NS", "PTR", "SOA", "SRV"))
"""The types with names in their data."""

_STRINGS: Final = frozenset(("TXT", "SPF"))
_STRING: Final = re.compile(r'"((?:\\.|[^"\\])*)"|((?:\\.|[^\s"\\])+)', re.DOTALL)
_BYTE: Final = re.compile(r"\\[0-9]{3}|\\.|[^\\]", re.DOTALL)
_LONGEST: Final = 255
_TTL: Final = re.compile(r"[0-9][0-9A-Za-z]*(?:/[0-9][0-9A-Za-z]*)?")
_IGNORED: Final = ("$ADDR_LIMIT_V4", "$ADDR_LIMIT_V6")


@dataclass(frozen=True, slots=True)
class DynamicRecord:
    """A DYNA or DYNC record: its data is the name of a plugin, and of a resource or nothing.

    `ttl` and `least_ttl` (None if it is not given) in seconds.
    """

    place: str
    owner: DomainName
    rtype: str
    ttl: int
    least_ttl: int | None
    data: str


@dataclass(frozen=True, slots=True)
class _Context:
    """What a line inherits: the origin, the first origin of its file, the TTL and the owner."""

    origin: DomainName
    first: DomainName
    ttl: int
    owner: DomainName | None = None


@dataclass(frozen=True, slots=True)
class ZoneReader:
    """Reads the zone `draft`; dynamic records go to `take`, what cannot be read to the builder."""

    builder: PlanBuilder
    draft: ZoneDraft
    files: Files
    take: Callable[[DynamicRecord], None]

    def read(self, file: SourceFile, ttl: int) -> None:
        """Read the main file of the zone; `ttl` (seconds) is that of records without one."""
        self._file(file, _Context(self.draft.origin, self.draft.origin, ttl), 0)

    def _file(self, file: SourceFile, context: _Context, depth: int) -> None:
        for entry in entries(file.text.replace("\r\n", "\n")):
            place = f"{file.name}:{entry.line}"
            try:
                context = self._entry(entry, place, file, context, depth)
            except Malformed as fault:
                text = " ".join(entry.text.split())
                shown = text if len(text) <= 60 else f"{text[:57]}..."
                self.builder.refuse(place, shown or "this line", str(fault))
                context = self._with_owner(entry, context)

    def _with_owner(self, entry: Entry, context: _Context) -> _Context:
        """Return the context after a record that was not taken: its owner counts."""
        if not entry.text or entry.text[0] in " \t$":
            return context
        try:
            return replace(context, owner=self._name(entry.text.split()[0], context))
        except Malformed:
            return replace(context, owner=None)

    def _entry(
        self, entry: Entry, place: str, file: SourceFile, context: _Context, depth: int
    ) -> _Context:
        """Read an entry; return the context of the next one.  Raises Malformed."""
        if entry.flaw is not None:
            raise Malformed(entry.flaw.message)
        if entry.text[0] == "$":
            return self._directive(entry.text.split(), place, file, context, depth)
        owner, rest = context.owner, entry.text.strip()
        if entry.text[0] not in " \t":
            first, rest = _split(rest)
            owner = self._name(first, context)
        if owner is None:
            raise Malformed("this record has no owner name")
        self._record(place, owner, rest, context)
        return replace(context, owner=owner)

    def _directive(
        self, words: list[str], place: str, file: SourceFile, context: _Context, depth: int
    ) -> _Context:
        match words[0].upper(), words[1:]:
            case "$TTL", [ttl]:
                return replace(context, ttl=parse_ttl(ttl))
            case "$ORIGIN", [name]:
                return replace(context, origin=self._name(name, context))
            case "$INCLUDE", [name, *rest] if len(rest) < 2:
                if depth >= MAX_DEPTH:
                    raise Malformed(f"files include each other more than {MAX_DEPTH} deep")
                origin = self._name(rest[0], context) if rest else context.origin
                inner = replace(context, origin=origin, first=origin)
                for included in self.files.included(name.strip('"'), file.name):
                    self._file(included, inner, depth + 1)
                return context
            case directive, _ if directive in _IGNORED:
                text = "it is left out: all addresses are answered"
                self.builder.note(place, directive, text)
                return context
        raise Malformed(f"{words[0][:40]!r} is not a directive, or has other arguments")

    def _record(self, place: str, owner: DomainName, rest: str, context: _Context) -> None:
        ttl_text, has_class = "", False
        word, rest = _split(rest)
        while True:
            if not ttl_text and _TTL.fullmatch(word):
                ttl_text = word
            elif not has_class and word.upper() == "IN":
                has_class = True
            else:
                break
            word, rest = _split(rest)
        rtype = word.upper()
        most, _, least = ttl_text.partition("/")
        ttl = parse_ttl(most) if most else context.ttl
        if rtype in _DYNAMIC:
            floor = parse_ttl(least) if least else None
            self.take(DynamicRecord(place, owner, rtype, ttl, floor, rest.strip()))
            return
        if least:
            raise Malformed("a TTL of the form MAX/MIN is for DYNA and DYNC only")
        if rtype in _STRINGS:
            rest = split_strings(rest)
        elif rtype in _NAMED and "@" in rest:
            rest = " ".join(self._expanded(text, context) for text in rest.split())
        text = f"{owner.absolute_text()} {ttl} IN {rtype} {rest}"
        record = parse_record(text, context.origin, ttl, self.draft.origin)
        self.draft.add_own(place, record)

    def _name(self, text: str, context: _Context) -> DomainName:
        try:
            return DomainName.from_text(self._expanded(text, context), context.origin)
        except Malformed as fault:
            raise Malformed(f"{text[:80]!r} is not a domain name: {fault}") from None

    def _expanded(self, text: str, context: _Context) -> str:
        """Return the text of a name with `@Z` and `@F` written out."""
        for mark, name in (("@Z", self.draft.origin), ("@F", context.first)):
            if text.upper() == mark:
                return name.absolute_text()
            if text.upper().endswith(f".{mark}"):
                return f"{text[: -len(mark)]}{name.absolute_text()}"
        return text


def split_strings(data: str) -> str:
    """Return the data of a TXT record with each string of more than 255 bytes split."""
    strings = []
    for match in _STRING.finditer(data):
        text = match[1] if match[1] is not None else match[2]
        pieces = _BYTE.findall(text)
        sizes = [len(piece.encode()) if piece[0] != "\\" else 1 for piece in pieces]
        if sum(sizes) <= _LONGEST:
            strings.append(match.group())
            continue
        chunk, size = "", 0
        for piece, length in zip(pieces, sizes, strict=True):
            if size + length > _LONGEST:
                strings.append(f'"{chunk}"')
                chunk, size = "", 0
            chunk, size = chunk + piece, size + length
        strings.append(f'"{chunk}"')
    return " ".join(strings)


def _split(text: str) -> tuple[str, str]:
    """Return the first word of a text, and the rest."""
    words = text.split(None, 1)
    return (words[0] if words else "", words[1] if len(words) > 1 else "")
