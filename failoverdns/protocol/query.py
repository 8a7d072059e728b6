"""Queries from DNS clients, read from bytes in bounded time.

Each byte is read once, no compression pointer is followed, and at most `MAX_RECORDS` records and
`options.MAX_OPTIONS` options are skipped.  The layout of a message is that of RFC 1035 section 4
and RFC 6891 section 6.

dnslib and dnspython do not parse queries: see docs/decisions.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from struct import Struct
from struct import error as StructError  # noqa: N812
from typing import Final

from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.model.numbers import Opcode, Rcode, RRType
from failoverdns.protocol.options import NO_OPTIONS, Options, read_options

MAX_RECORDS: Final = 32
"""Records that a query may have beside its question: OPT, TSIG, and some reserve."""

_QUERY: Final = Opcode.QUERY.value
_OPT: Final = RRType.OPT.value
_HEADER: Final = Struct(">HBBHHHH")
_QUESTION_END: Final = Struct(">HH")
_RECORD: Final = Struct(">HHBBHH")


@dataclass(frozen=True, slots=True)
class Edns:
    """The OPT record of a query (RFC 6891 section 6.1.3); `payload` is at least 512 bytes."""

    payload: int
    version: int
    dnssec_ok: bool
    options: Options = NO_OPTIONS


@dataclass(frozen=True, slots=True)
class Query:
    """A well-formed query with one question.

    `question` has the bytes of the question as received, which the reply repeats; `name` is in
    lower case.
    """

    id: int
    recursion_desired: bool
    question: bytes
    name: DomainName
    qtype: int
    qclass: int
    edns: Edns | None


@dataclass(frozen=True, slots=True)
class Unasked:
    """A query without a question that wants a cookie only (RFC 7873 section 5.4)."""

    id: int
    recursion_desired: bool
    edns: Edns


@dataclass(frozen=True, slots=True)
class Faulty:
    """A message that is answered with a 12-byte header only: its id, opcode and an rcode."""

    id: int
    opcode: int
    rcode: Rcode
    why: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that gets no reply, so that two servers never answer each other's replies."""

    why: str


def read_query(packet: bytes) -> Query | Unasked | Faulty | Ignored:
    """Read one message from the network; never raises.

    RFC 1035 section 4.1, RFC 6891 section 6.1, RFC 8906, RFC 9619.
    """
    if len(packet) < 12:
        return Ignored("shorter than a header")
    id_, high, _, questions, answers, authorities, additionals = _HEADER.unpack_from(packet)
    if high & 0x80:
        return Ignored("a response")
    opcode = high >> 3 & 0xF
    if opcode != _QUERY:
        return Faulty(id_, opcode, Rcode.NOTIMP, "opcode is not QUERY")
    if questions == 0:
        return _read_unasked(packet, id_, bool(high & 1), answers + authorities, additionals)
    if questions != 1:
        return Faulty(id_, opcode, Rcode.FORMERR, f"{questions} questions")
    if answers + authorities + additionals > MAX_RECORDS:
        return Faulty(id_, opcode, Rcode.FORMERR, "too many records for a query")
    try:
        end = _name_end(packet, 12, pointers=False)
        qtype, qclass = _QUESTION_END.unpack_from(packet, end)
        edns = _read_records(packet, end + 4, answers + authorities, additionals)
    except Malformed as fault:
        return Faulty(id_, opcode, Rcode.FORMERR, str(fault))
    except (IndexError, StructError):
        return Faulty(id_, opcode, Rcode.FORMERR, "cut short")
    name = DomainName(packet[12:end])
    return Query(id_, bool(high & 1), packet[12 : end + 4], name, qtype, qclass, edns)


def _read_unasked(
    packet: bytes, id_: int, recursion_desired: bool, before: int, additionals: int
) -> Unasked | Faulty:
    """Read a message without a question, which is well-formed only if it has a cookie."""
    edns = None
    if before + additionals <= MAX_RECORDS:
        with suppress(Malformed, IndexError, StructError):
            edns = _read_records(packet, 12, before, additionals)
    if edns is None or edns.version > 0 or edns.options.cookie is None:
        return Faulty(id_, _QUERY, Rcode.FORMERR, "no question")
    return Unasked(id_, recursion_desired, edns)


def _name_end(packet: bytes, at: int, *, pointers: bool) -> int:
    """Return the offset after the name at `at`; a pointer ends the name and is not followed."""
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
    """Skip the records after the question; return the content of OPT, or None without one."""
    edns = None
    for index in range(before + additionals):
        owner, at = at, _name_end(packet, at, pointers=True)
        rtype, payload, _, version, flags, length = _RECORD.unpack_from(packet, at)
        at += _RECORD.size
        if at + length > len(packet):
            raise Malformed("a record is cut short")
        if rtype == _OPT:
            if index < before or edns is not None or packet[owner]:
                raise Malformed("a second OPT record, or one in the wrong place")
            options = read_options(packet, at, at + length)
            edns = Edns(max(payload, 512), version, bool(flags & 0x8000), options)
        at += length
    if at != len(packet):
        raise Malformed("bytes after the message")
    return edns
