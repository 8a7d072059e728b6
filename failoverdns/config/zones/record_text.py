"""Read one static record: a line of zone-file text becomes an owner, a type and wire data.

The form of a line is that of RFC 1035 section 5.1 and RFC 3597 section 5.  Operators cannot write
some types, and others are not allowed at the origin.  The data is read in `record_data`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final

import dns.exception
import dns.ttl

from failoverdns.config.errors import quoted
from failoverdns.config.zones.plain_records import canonical, plain_record
from failoverdns.config.zones.record_data import STRINGS, read_data
from failoverdns.config.zones.record_types import type_number, type_text
from failoverdns.config.zones.zone_entries import Entry, entries
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.model.records import BY_SIGNING, CNAME, DNAME, NXT, SOA
from failoverdns.model.zone import STATUS_LABEL

MAX_TTL: Final = 2**31 - 1
"""The largest TTL, in seconds (RFC 2181 section 8)."""

NO_TTL: Final = -1
"""The default TTL that shows whether a record has a TTL of its own."""

_CLASS = re.compile(r"IN|CH|CS|HS|CLASS[0-9]+", re.ASCII | re.IGNORECASE)
_IN = ("IN", "CLASS1")
_WORD = re.compile(r"(?:\\.|[^ \t\"\\])+", re.DOTALL)
_WHOLE = re.compile(r"(?:[\w-]+\.)+(?:[a-z]{2,}|xn--[\w-]+)", re.ASCII | re.IGNORECASE)
_MX = 15

SIGNED: Final = "RRSIG, NSEC and NSEC3 records are made by signing; leave them out"
"""The error of a record that signing has made; a signed zone has one at each name."""

_NEVER: Final = {
    DNAME: "DNAME is not supported; write a CNAME record for each name below it",
    **dict.fromkeys(BY_SIGNING, SIGNED),
    NXT: "NXT is obsolete (RFC 3755), and was made by signing; leave it out",
}
_NO_CNAME = (
    "a CNAME is not allowed at the zone's own name, which has SOA and NS records; write its "
    "hostname as `alias` of the zone, or make a group there (`failoverdns group add --label @`)"
)


@dataclass(frozen=True, slots=True)
class Record:
    """A record of class IN: `ttl` in seconds, `data` in uncompressed wire form.

    `canonical` is the data in the form in which records are compared (RFC 4034 section 6.2).
    `is_cut` says that unquoted text of the data ends at a semicolon, which begins a comment.
    `lacks_dot` says that the target of a CNAME or MX is written like a whole name without the dot.
    """

    owner: DomainName
    rtype: int
    ttl: int
    data: bytes
    canonical: bytes
    is_cut: bool = field(default=False, compare=False)
    lacks_dot: bool = field(default=False, compare=False)

    @property
    def type_text(self) -> str:
        """The mnemonic of the type, or `TYPE` and its number."""
        return type_text(self.rtype)


def parse_record(
    text: str, origin: DomainName, default_ttl: int, zone: DomainName | None = None
) -> Record:
    """Parse `OWNER [TTL] [CLASS] TYPE DATA`, in the zone `zone` (None: `origin`).

    Relative names are completed with `origin`; `default_ttl` is in seconds.
    Raises Malformed for text that is not exactly one record, and for a record that is not allowed
    in the zone, whichever other records it has.
    """
    found = list(entries(text))
    if not found:
        raise Malformed("there is no record in this entry; write OWNER [TTL] [IN] TYPE DATA")
    entry = found[0]
    if entry.flaw is not None:
        raise Malformed(entry.flaw.message)
    if entry.text[0] in " \t":
        raise Malformed("a record begins with its owner name; write @ for the zone's own name")
    if entry.text[0] == "$":
        raise Malformed(
            f"{quoted(entry.text.split()[0])} is a directive; write one record an entry"
        )
    record = read_entry(entry, origin, default_ttl, zone or origin)
    if len(found) > 1:
        raise Malformed("something follows the record; write one record an entry")
    return record


def read_entry(entry: Entry, origin: DomainName, default_ttl: int, zone: DomainName) -> Record:
    """Read the record of an entry of a zone file that begins with its owner.

    See `parse_record`.  Parentheses that take in what looks like another record are refused, unless
    the whole is a record of a type that has no room for a second one.
    """
    try:
        record = _record(entry.text, origin, default_ttl, zone)
    except Malformed:
        if entry.taken_in:
            raise Malformed(_taken_in(entry)) from None
        raise
    if entry.taken_in and record.rtype in STRINGS:
        raise Malformed(_taken_in(entry))
    if entry.is_cut and record.rtype in STRINGS:
        return replace(record, is_cut=True)
    if record.rtype in (CNAME, _MX) and _lacks_dot(entry.text, zone):
        return replace(record, lacks_dot=True)
    return record


def _lacks_dot(text: str, zone: DomainName) -> bool:
    """Return whether the last word is a name without a dot at its end that looks like a whole one.

    It has three labels or more, the last of letters, or ends in the name of the zone.
    """
    word = text.split()[-1]
    if _WHOLE.fullmatch(word) is None:
        return False
    return word.count(".") > 1 or f".{word}".lower().endswith(f".{zone}")


def _taken_in(entry: Entry) -> str:
    return (
        f"the parenthesis of line {entry.opened} takes in line {entry.taken_in}, which looks like "
        "a record of its own; close the parenthesis before it, or indent the line and quote it"
    )


def _record(text: str, origin: DomainName, default_ttl: int, zone: DomainName) -> Record:
    plain = plain_record(text, origin)
    if plain is not None:
        name, ttl, rtype, data = plain
        owner = _owner_named(name, origin)
        _refuse(owner, rtype, zone)
        return Record(
            owner, rtype, default_ttl if ttl is None else ttl, data, canonical(rtype, data)
        )
    owner = owner_of(text, origin)
    words = _Words(text)
    words.next()
    ttl, rtype = _ttl_and_type(words)
    _refuse(owner, rtype, zone)
    data, compared = read_data(words.rest(), rtype, origin)
    return Record(owner, rtype, default_ttl if ttl is None else ttl, data, compared)


def owner_of(text: str, origin: DomainName) -> DomainName:
    """Return the owner that an entry begins with; raises Malformed."""
    word = _WORD.match(text)
    if word is None:
        raise Malformed("a record begins with its owner name; write @ for the zone's own name")
    return _owner_named(word.group(), origin)


def _owner_named(text: str, origin: DomainName) -> DomainName:
    try:
        return DomainName.from_text(text, origin)
    except Malformed as error:
        raise Malformed(f"the owner {quoted(text)} is not a DNS name: {error}") from None


class _Words:
    """The words of an entry, one after the other; quotes do not belong to words."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def next(self) -> str:
        """Return the next word, or nothing at the end or before a quote."""
        found = _WORD.match(self._text, self._skip())
        if found is None:
            return ""
        self._at = found.end()
        return found.group()

    def rest(self) -> str:
        """Return the text after the words that were returned."""
        return self._text[self._skip() :]

    def _skip(self) -> int:
        while self._at < len(self._text) and self._text[self._at] in " \t":
            self._at += 1
        return self._at


def _ttl_and_type(words: _Words) -> tuple[int | None, int]:
    """Read TTL and class, in either order and both optional, then the type."""
    ttl: int | None = None
    has_class = False
    while True:
        word = words.next()
        if not word:
            raise Malformed("the type is missing; write OWNER [TTL] [IN] TYPE DATA")
        if not has_class and _CLASS.fullmatch(word):
            if word.upper() not in _IN:
                raise Malformed(f"the class {word} is not supported; only IN is")
            has_class = True
        elif ttl is None and word[:1] in "0123456789":
            ttl = parse_ttl(word)
        else:
            return ttl, type_number(word)


def parse_ttl(word: str) -> int:
    """Return a TTL in seconds, written as such or with units, as in `1h30m`; raises Malformed."""
    try:
        ttl = dns.ttl.from_text(word)
    except (dns.exception.DNSException, ValueError, OverflowError):
        ttl = -1
    if not 0 <= ttl <= MAX_TTL:
        raise Malformed(f"{quoted(word)} is not a TTL; write seconds from 0 to {MAX_TTL}")
    return ttl


def _refuse(owner: DomainName, rtype: int, origin: DomainName) -> None:
    """Raise Malformed if no record of this type is allowed at `owner`."""
    if not owner.is_at_or_below(origin):
        raise Malformed(
            f"the owner {owner} is outside the zone {origin}; "
            "a name inside it is written without the trailing dot"
        )
    if is_status_name(owner):
        raise Malformed(
            f"names that begin with {STATUS_LABEL} are reserved: "
            "the server answers there which applications are online"
        )
    if rtype in _NEVER:
        raise Malformed(_NEVER[rtype])
    if rtype == SOA and owner != origin:
        advice = "leave it out"
        if str(owner) == f"{origin}.{origin}":
            advice = f"this one is at {owner}, as its name has no dot at the end; write @"
        raise Malformed(f"an SOA record is at the zone's own name only, {origin}; {advice}")
    if rtype == CNAME and owner == origin:
        raise Malformed(_NO_CNAME)


def is_status_name(name: DomainName) -> bool:
    """Return whether `name` is reserved for the status of an application."""
    return next(name.labels(), b"") == STATUS_LABEL.encode()
