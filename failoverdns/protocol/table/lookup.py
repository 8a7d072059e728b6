"""The look-up of a name in the table, as in RFC 1034 section 4.3.2, without recursion.

It follows CNAME chains and wildcards, and stops at zone cuts; the result is one of five types.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from struct import pack
from typing import Final

from failoverdns.model.numbers import RRType
from failoverdns.model.records import AAAA, CNAME, NS, A
from failoverdns.protocol.records import BESIDE_CNAME, IN, target_of, type_key
from failoverdns.protocol.reply import Owned
from failoverdns.protocol.table.table import Authority, Entry, Table

_ANY: Final = RRType.ANY.value
_DS: Final = RRType.DS.value
_A, _AAAA, _CNAME, _NS = type_key(A), type_key(AAAA), type_key(CNAME), type_key(NS)

MAX_CHAIN = 16
"""CNAME records that are followed inside a zone; after them the answer ends."""


@dataclass(frozen=True, slots=True)
class Found:
    """The RRsets that answer the question, after the CNAME records that lead to them."""

    answers: tuple[Owned, ...]


@dataclass(frozen=True, slots=True)
class NoData:
    """NODATA: the (last) name exists without the type (RFC 2308 section 2.2)."""

    answers: tuple[Owned, ...]
    soa: Owned


@dataclass(frozen=True, slots=True)
class NoSuchName:
    """NXDOMAIN: the (last) name does not exist (RFC 2308 section 2.1)."""

    answers: tuple[Owned, ...]
    soa: Owned


@dataclass(frozen=True, slots=True)
class Referral:
    """A referral: the (last) name is at or below a zone cut (RFC 9499, "referral")."""

    answers: tuple[Owned, ...]
    nameservers: Owned
    glue: tuple[Owned, ...]


@dataclass(frozen=True, slots=True)
class NotOurs:
    """The name is in none of our zones."""


LookupResult = Found | NoData | NoSuchName | Referral | NotOurs


def look_up(table: Table, name: bytes, qtype: int) -> LookupResult:
    """Look up a name (wire form, lower case), and follow CNAME records inside its zone.

    RFC 1034 section 4.3.2, RFC 4592 section 3.3.1, RFC 6604, RFC 8482 section 4.1.
    """
    authority = table.zone_of(name)
    if authority is None:
        return NotOurs()
    chain: list[Owned] = []
    visited = {name}
    wanted = pack(">HH", qtype, IN)
    while True:
        cut = table.cut_above(name, authority.origin)
        if cut is not None and not (qtype == _DS and cut == name):
            return _referral(table, tuple(chain), cut)
        entry = table.find(name) or _wildcard(table, name)
        if entry is None:
            return NoSuchName(tuple(chain), (authority.origin, authority.soa))
        found = entry.answers.get(wanted)
        if found is None and qtype == _ANY and entry.answers:
            found = next(iter(entry.answers.values()))
        if found is not None:
            return Found((*chain, (name, found)))
        cname = entry.answers.get(_CNAME) if qtype not in BESIDE_CNAME else None
        if cname is None:
            return NoData(tuple(chain), _negative_soa(authority, entry))
        chain.append((name, cname))
        name = target_of(cname)
        if name in visited or len(chain) == MAX_CHAIN or table.zone_of(name) != authority:
            return Found(tuple(chain))
        visited.add(name)


def _wildcard(table: Table, name: bytes) -> Entry | None:
    """Return the entry of the wildcard that covers a name without entry, or None."""
    while len(name) > 1:
        name = name[1 + name[0] :]
        if table.find(name) is not None:
            return table.find(b"\1*" + name)
    return None


def _referral(table: Table, chain: tuple[Owned, ...], cut: bytes) -> Referral:
    """Return the referral to the servers of a zone cut, with the glue that the zone has.

    Glue is the addresses of servers below this cut, which nobody could find otherwise, and below
    other cuts of the same zone ("sibling glue", RFC 9471 section 2.2).
    """
    there = table.find(cut)
    assert there is not None
    nameservers = there.answers[_NS]
    glue: list[Owned] = []
    for record in nameservers.records():
        name = record[10:].lower()
        entry = table.find(name)
        if (
            entry is not None
            and entry.origin == there.origin
            and table.cut_above(name, there.origin) is not None
        ):
            found = (entry.answers.get(key) for key in (_A, _AAAA))
            glue += [(name, rrset) for rrset in found if rrset is not None]
    return Referral(chain, (cut, nameservers), tuple(glue))


def _negative_soa(authority: Authority, entry: Entry) -> Owned:
    """Return the SOA record with the negative TTL of the name (RFC 2308 section 5)."""
    ttl = entry.negative_ttl or authority.negative_ttl
    soa = authority.soa
    return authority.origin, replace(soa, tail=soa.tail[:6] + ttl + soa.tail[10:])
