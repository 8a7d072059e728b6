"""Read what strangers send: one DNS query, in bounded time.

Knows the layout of a message (RFC 1035 section 4, RFC 6891 section 6) and its limits: each byte
is looked at once, no compression pointer is ever followed, at most `MAX_RECORDS` records and
`MAX_OPTIONS` options are stepped over.
Refuses to know what is served.  dnslib and dnspython do not parse packets here: see
docs/decisions.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from struct import error as StructError  # noqa: N812
from typing import Final

from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName

QUERY: Final = 0
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 2, 3, 4, 5, 16
OPT: Final = 41

MAX_RECORDS: Final = 32
"""Records in a query beside its question: OPT, TSIG, and room for what is to come."""

MAX_OPTIONS: Final = 32
"""EDNS options in a query."""

_HEADER: Final = Struct(">HBBHHHH")
_QUESTION_END: Final = Struct(">HH")
_RECORD: Final = Struct(">HHBBHH")


@dataclass(frozen=True, slots=True)
class Edns:
    """What the OPT record of a query says (RFC 6891 section 6.1.3)."""

    payload: int
    version: int
    dnssec_ok: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A well-formed query with one question.

    `question` are the bytes of the question as asked, to be echoed; `name` is folded.
    """

    id: int
    recursion_desired: bool
    question: bytes
    name: DomainName
    qtype: int
    qclass: int
    edns: Edns | None


@dataclass(frozen=True, slots=True)
class Faulty:
    """A message that gets nothing but a 12-byte header: its id, opcode and an rcode."""

    id: int
    opcode: int
    rcode: int
    why: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that gets no reply at all, so that two servers never answer each other."""

    why: str


def read_query(packet: bytes) -> Query | Faulty | Ignored:
    """Read one message as it came from the network; never raises.

    RFC 1035 section 4.1, RFC 6891 section 6.1, RFC 8906, RFC 9619.
    """
    if len(packet) < 12:
        return Ignored("shorter than a header")
    id_, high, _, questions, answers, authorities, additionals = _HEADER.unpack_from(packet)
    if high & 0x80:
        return Ignored("a response")
    opcode = high >> 3 & 0xF
    if opcode != QUERY:
        return Faulty(id_, opcode, NOTIMP, "opcode is not QUERY")
    if questions != 1:
        return Faulty(id_, opcode, FORMERR, f"{questions} questions")
    if answers + authorities + additionals > MAX_RECORDS:
        return Faulty(id_, opcode, FORMERR, "too many records for a query")
    try:
        end = _name_end(packet, 12, pointers=False)
        qtype, qclass = _QUESTION_END.unpack_from(packet, end)
        edns = _read_records(packet, end + 4, answers + authorities, additionals)
    except Malformed as fault:
        return Faulty(id_, opcode, FORMERR, str(fault))
    except (IndexError, StructError):
        return Faulty(id_, opcode, FORMERR, "cut short")
    name = DomainName(packet[12:end])
    return Query(id_, bool(high & 1), packet[12 : end + 4], name, qtype, qclass, edns)


def _name_end(packet: bytes, at: int, *, pointers: bool) -> int:
    """Return where the name at `at` ends; a pointer ends it and is not followed."""
    start = at
    while length := packet[at]:
        if length >= 0xC0 and pointers:
            return at + 2
        if length > 63:
            raise Malformed("a label of a type that is not allowed here")
        at += 1 + length
        if at - start > 254:
            raise Malformed("a name of more than 255 bytes")
    return at + 1


def _read_records(packet: bytes, at: int, before: int, additionals: int) -> Edns | None:
    """Step over the records after the question; return what OPT says, if it is there."""
    edns = None
    for index in range(before + additionals):
        owner, at = at, _name_end(packet, at, pointers=True)
        rtype, payload, _, version, flags, length = _RECORD.unpack_from(packet, at)
        at += _RECORD.size
        if at + length > len(packet):
            raise Malformed("a record is cut short")
        if rtype == OPT:
            if index < before or edns is not None or packet[owner]:
                raise Malformed("a second OPT, or one that is not in its place")
            _check_options(packet, at, at + length)
            edns = Edns(max(payload, 512), version, bool(flags & 0x8000))
        at += length
    if at != len(packet):
        raise Malformed("bytes after the message")
    return edns


def _check_options(packet: bytes, at: int, end: int) -> None:
    options = 0
    while at < end:
        options += 1
        if options > MAX_OPTIONS:
            raise Malformed("too many EDNS options")
        if at + 4 > end:
            raise Malformed("an EDNS option is cut short")
        at += 4 + int.from_bytes(packet[at + 2 : at + 4], "big")
    if at != end:
        raise Malformed("an EDNS option is longer than OPT")
