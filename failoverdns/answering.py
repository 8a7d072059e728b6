"""The query corridor: one packet in, one packet out.

    packet -> ready answer: the question's bytes, looked up in the table
           -> slow path (anything unusual): read -> look up -> write

Both give the same answer; a property test holds them to it.
Knows the table and what an authoritative server does with a question (RFC 1034 section 4.3.2).
Refuses to know sockets, and where the table comes from: it is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from struct import pack
from typing import Final

from failoverdns.model.records import AAAA, ANY, CNAME, NS, A
from failoverdns.wire.query import (
    BADVERS,
    FORMERR,
    NOERROR,
    NOTIMP,
    NXDOMAIN,
    OPT,
    REFUSED,
    SERVFAIL,
    Faulty,
    Ignored,
    Query,
    read_query,
)
from failoverdns.wire.records import CompiledRRset, type_key
from failoverdns.wire.reply import (
    OPT_DNSSEC_OK,
    OPT_PLAIN,
    PLAIN_UDP_PAYLOAD,
    TCP_PAYLOAD,
    UDP_PAYLOAD,
    Owned,
    Sections,
    udp_limit,
    write_header,
    write_reply,
)
from failoverdns.wire.table import Authority, Entry, Table, target_of

CLASS_IN, CLASS_CHAOS = 1, 3
DS = 43
AXFR, IXFR = 252, 251
NOT_AUTHORITATIVE = 20
"""Extended DNS Error: not a zone of ours (RFC 8914 section 4.21)."""

_A, _AAAA, _CNAME, _NS = type_key(A), type_key(AAAA), type_key(CNAME), type_key(NS)

MAX_CHAIN = 16
"""CNAME records followed inside a zone before the answer ends where it is."""

_ORDINARY: Final = frozenset(
    pack(">HH", rtype, CLASS_IN) for rtype in range(1, 128) if rtype != OPT
)
"""Types, in wire form and class IN, whose absence is simply NODATA."""

_SHAPES: Final = {
    bytes((high, low, 0, 1, 0, 0, 0, 0, 0, edns)): (pack(">H", 0x8400 | high << 8), bool(edns))
    for high in (0x00, 0x01)  # RD, which is copied
    for low in (0x00, 0x10, 0x20, 0x30)  # AD and CD, which an authoritative server ignores
    for edns in (0, 1)
}
"""Flags and counts of an ordinary query: the flags of its answer, and whether it has EDNS."""


_COUNTS_NODATA: Final = b"\0\1\0\0\0\1\0\0"
_COUNTS_NODATA_EDNS: Final = b"\0\1\0\0\0\1\0\1"


def respond(table: Table, packet: bytes, *, udp: bool) -> bytes | None:
    """Return the reply to a packet, or None if it gets none; never raises.

    `udp` limits the reply to what the client and the path can take.
    """
    return ready_answer(table, packet, udp=udp) or slow_answer(table, packet, udp=udp)


def ready_answer(table: Table, packet: bytes, *, udp: bool) -> bytes | None:
    """Return the reply if it lies ready, else None.

    Only for queries that are exactly header, question, and at most an OPT without options: then
    what precedes QTYPE is compared with the names of the table as a whole, so that nothing needs
    to be read.  Lower case is safe: no length byte of a label is a letter.
    """
    shape = _SHAPES.get(packet[2:12])
    if shape is None:
        return None
    flags, edns = shape
    if not edns:
        end, payload, opt = len(packet), PLAIN_UDP_PAYLOAD, b""
    else:
        end = len(packet) - 11
        if packet[end : end + 3] != b"\0\0)" or packet[end + 5 : end + 7] != b"\0\0":
            return None
        if packet[end + 9 :] != b"\0\0":
            return None
        payload = int.from_bytes(packet[end + 3 : end + 5], "big")
        opt = OPT_DNSSEC_OK if packet[end + 7] & 0x80 else OPT_PLAIN
    entry = table.entries.get(packet[12 : end - 4].lower())
    if entry is None:
        return None
    kind = packet[end - 4 : end]
    found = entry.ready.get(kind)
    if found is None and kind in _ORDINARY:
        found = entry.alias
    if found is not None:
        head = packet[:2] + flags + found.counts[edns]
        reply = head + packet[12:end] + found.tail + opt
    elif entry.negative is not None and kind in _ORDINARY:
        head = packet[:2] + flags + (_COUNTS_NODATA_EDNS if edns else _COUNTS_NODATA)
        reply = head + packet[12:end] + entry.negative + entry.authority.soa_rdata + opt
    else:
        return None
    size = len(reply)
    if size > PLAIN_UDP_PAYLOAD and size > (min(payload, UDP_PAYLOAD) if udp else TCP_PAYLOAD):
        return None
    return reply


def slow_answer(table: Table, packet: bytes, *, udp: bool) -> bytes | None:
    """Return the reply to a packet by reading all of it."""
    query = read_query(packet)
    match query:
        case Ignored():
            return None
        case Faulty():
            return write_header(query)
    limit = udp_limit(query) if udp else TCP_PAYLOAD
    sections = answer(table, query)
    if sections is None:
        return write_header(Faulty(query.id, 0, FORMERR, "a QTYPE that cannot be asked for"))
    return write_reply(query, sections, limit)


def answer(table: Table, query: Query) -> Sections | None:
    """Return what a well-formed query is told; None for OPT as QTYPE, which is no question."""
    if query.edns is not None and query.edns.version > 0:
        return Sections(BADVERS, authoritative=False)
    if query.qtype == OPT:
        return None
    if query.qclass == CLASS_CHAOS and query.name.wire in table.chaos:
        return _chaos(table.chaos[query.name.wire], query)
    if query.qclass != CLASS_IN:
        return Sections(REFUSED, authoritative=False)
    if query.qtype in (AXFR, IXFR):
        return Sections(REFUSED, authoritative=False)
    if (query.qtype >= 128 and query.qtype < ANY) or query.qtype == 0:
        return Sections(NOTIMP, authoritative=False)
    return _sections(look_up(table, query.name.wire, query.qtype))


def server_failure(packet: bytes) -> bytes | None:
    """Return SERVFAIL, so that a resolver asks another server at once; None for no query."""
    if len(packet) < 12 or packet[2] & 0x80:
        return None
    opcode = packet[2] >> 3 & 0xF
    return write_header(Faulty(int.from_bytes(packet[:2], "big"), opcode, SERVFAIL, "a defect"))


@dataclass(frozen=True, slots=True)
class Found:
    """The RRsets that answer the question, CNAME records that led there first."""

    answers: tuple[Owned, ...]


@dataclass(frozen=True, slots=True)
class NoData:
    """The (last) name exists, the type does not (RFC 2308 section 2.2)."""

    answers: tuple[Owned, ...]
    soa: Owned


@dataclass(frozen=True, slots=True)
class NoSuchName:
    """The (last) name does not exist: NXDOMAIN (RFC 2308 section 2.1)."""

    answers: tuple[Owned, ...]
    soa: Owned


@dataclass(frozen=True, slots=True)
class Referral:
    """The (last) name is below a zone cut (RFC 9499, "referral")."""

    answers: tuple[Owned, ...]
    nameservers: Owned
    glue: tuple[Owned, ...]


@dataclass(frozen=True, slots=True)
class NotOurs:
    """The name is in no zone of ours."""


Outcome = Found | NoData | NoSuchName | Referral | NotOurs


def look_up(table: Table, name: bytes, qtype: int) -> Outcome:
    """Look a name (wire form, lower case) up, following CNAME records inside its zone.

    RFC 1034 section 4.3.2, RFC 4592 section 3.3.1, RFC 6604, RFC 8482 section 4.1.
    """
    authority = table.zone_of(name)
    if authority is None:
        return NotOurs()
    chain: list[Owned] = []
    visited = {name}
    wanted = pack(">HH", qtype, CLASS_IN)
    while True:
        cut = table.cut_above(name, authority.origin)
        if cut is not None and not (qtype == DS and cut == name):
            return _referral(table, tuple(chain), cut)
        entry = table.entries.get(name) or _wildcard(table, name)
        if entry is None:
            return NoSuchName(tuple(chain), (authority.origin, authority.soa))
        found = entry.answers.get(wanted)
        if found is None and qtype == ANY and entry.answers:
            found = next(iter(entry.answers.values()))
        if found is not None:
            return Found((*chain, (name, found)))
        cname = entry.answers.get(_CNAME)
        if cname is None:
            return NoData(tuple(chain), _negative_soa(authority, entry))
        chain.append((name, cname))
        name = target_of(cname)
        if name in visited or len(chain) == MAX_CHAIN or table.zone_of(name) is not authority:
            return Found(tuple(chain))
        visited.add(name)


def _wildcard(table: Table, name: bytes) -> Entry | None:
    """Return the wildcard entry that a name without entry is made from, if there is one."""
    entries = table.entries
    while len(name) > 1:
        name = name[1 + name[0] :]
        if name in entries:
            return entries.get(b"\1*" + name)
    return None


def _referral(table: Table, chain: tuple[Owned, ...], cut: bytes) -> Referral:
    """Refer to the servers below a zone cut, with the glue that the zone has.

    That is the addresses of servers inside the cut, which nobody could find else, and below other
    cuts of the same zone ("sibling glue", RFC 9471 section 2.2).
    """
    nameservers = table.entries[cut].answers[_NS]
    authority = table.entries[cut].authority
    glue: list[Owned] = []
    for record in nameservers.records():
        name = record[10:].lower()
        entry = table.entries.get(name)
        if (
            entry is not None
            and entry.authority is authority
            and table.cut_above(name, authority.origin) is not None
        ):
            found = (entry.answers.get(key) for key in (_A, _AAAA))
            glue += [(name, rrset) for rrset in found if rrset is not None]
    return Referral(chain, (cut, nameservers), tuple(glue))


def _negative_soa(authority: Authority, entry: Entry) -> Owned:
    """Return the SOA record with the negative TTL of the name (RFC 2308 section 5)."""
    ttl = entry.negative_ttl or authority.negative_ttl
    soa = authority.soa
    return authority.origin, replace(soa, tail=soa.tail[:6] + ttl + soa.tail[10:])


def _sections(outcome: Outcome) -> Sections:
    match outcome:
        case Found(answers):
            return Sections(NOERROR, answer=answers)
        case NoData(answers, soa):
            return Sections(NOERROR, answer=answers, authority=(soa,))
        case NoSuchName(answers, soa):
            return Sections(NXDOMAIN, answer=answers, authority=(soa,))
        case Referral(answers, nameservers, glue):
            return Sections(
                NOERROR,
                authoritative=bool(answers),
                answer=answers,
                authority=(nameservers,),
                additional=glue,
            )
        case NotOurs():
            return Sections(REFUSED, authoritative=False, extended_error=NOT_AUTHORITATIVE)


def _chaos(rrset: CompiledRRset, query: Query) -> Sections:
    """Tell who we are, where the configuration allows it (RFC 4892)."""
    if query.qtype in (rrset.rtype, ANY):
        return Sections(NOERROR, answer=((query.name.wire, rrset),))
    return Sections(NOERROR)
