"""Queries from DNS clients, read from bytes in bounded time.

Each byte is read once, and at most `MAX_RECORDS` records are skipped.  No compression pointer is
followed, except a few in the name of a TSIG key.  The layout of a message is that of RFC 1035
section 4 and RFC 6891 section 6; an UPDATE has the same, and its question is the zone (RFC 2136).

What is signed with a key whose name is known is `Signed`, and answered elsewhere: its secret is not
known to whoever reads here.

A malformed query is answered with its question and OPT record as far as these could be read: a
resolver may drop a reply without its question, and takes one without OPT for a server without EDNS.

dnslib and dnspython do not parse queries: see docs/decisions.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from struct import Struct
from struct import error as StructError  # noqa: N812
from typing import Final

from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.model.numbers import Opcode, Rcode, RRClass, RRType
from failoverdns.protocol.compressed_names import NameReader, skip_name
from failoverdns.protocol.options import NO_OPTIONS, Options, read_options
from failoverdns.protocol.signed import key_at_end
from failoverdns.protocol.tsig_records import TSIG, bad_key

MAX_RECORDS: Final = 32
"""Records that a query may have beside its question: OPT, TSIG, and some reserve."""

_QUERY: Final = Opcode.QUERY.value
_UPDATE: Final = Opcode.UPDATE.value
_SOA: Final = RRType.SOA.value
_NO_ZONE: Final = (RRClass.NONE.value, RRClass.ANY.value)
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
class Update:
    """A dynamic update of a zone that is not signed with a known key (RFC 2136).

    `question` has the bytes of its zone section, `name` is the zone.
    """

    id: int
    recursion_desired: bool
    question: bytes
    name: DomainName
    qclass: int
    edns: Edns | None


@dataclass(frozen=True, slots=True)
class Signed:
    """A query or an update with a TSIG record that names a known key, `key` in lower case.

    Nobody has checked the signature yet.  The rest is what a reply without an answer needs.
    """

    id: int
    opcode: int
    recursion_desired: bool
    question: bytes
    edns: Edns | None
    key: bytes


@dataclass(frozen=True, slots=True)
class Faulty:
    """A message that is answered with an rcode, and with its question and OPT if they were read.

    `question` is empty and `edns` None if they could not be read; the options of `edns` are those
    of a well-formed OPT record, else none.  `tsig` is a TSIG record for the reply, or empty.
    """

    id: int
    opcode: int
    rcode: Rcode
    why: str
    recursion_desired: bool = False
    question: bytes = b""
    edns: Edns | None = None
    tsig: bytes = b""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that gets no reply, so that two servers never answer each other's replies."""

    why: str


def read_query(
    packet: bytes, keys: Collection[bytes] = ()
) -> Query | Unasked | Update | Signed | Faulty | Ignored:
    """Read one message from the network; never raises.

    `keys` are the names of known TSIG keys in wire form and lower case.  A message without a
    question is well-formed only if it has a cookie (RFC 7873 section 5.4).

    RFC 1035 section 4.1, RFC 2136 section 2, RFC 6891 section 6.1, RFC 8906, RFC 8945 section 5.2,
    RFC 9619.
    """
    if len(packet) < 12:
        return Ignored("shorter than a header")
    id_, high, _, questions, answers, authorities, additionals = _HEADER.unpack_from(packet)
    if high & 0x80:
        return Ignored("a response")
    opcode = high >> 3 & 0xF
    if opcode not in (_QUERY, _UPDATE):
        return Faulty(id_, opcode, Rcode.NOTIMP, "opcode is neither QUERY nor UPDATE")
    rd, before, beside = bool(high & 1), answers + authorities, answers + authorities + additionals
    if questions > 1 or (opcode == _UPDATE and not questions):
        return Faulty(id_, opcode, Rcode.FORMERR, f"{questions} questions", rd)
    at = 12
    if questions == 1:
        try:
            end = skip_name(packet, 12, pointers=False)
            qtype, qclass = _QUESTION_END.unpack_from(packet, end)
        except Malformed as fault:
            return Faulty(id_, opcode, Rcode.FORMERR, str(fault), rd)
        except (IndexError, StructError):
            return Faulty(id_, opcode, Rcode.FORMERR, "cut short", rd)
        at = end + 4
        if opcode == _UPDATE and (qtype != _SOA or qclass in _NO_ZONE):
            return Faulty(id_, opcode, Rcode.FORMERR, "a zone section without a zone", rd)
    question = packet[12:at]
    if opcode == _UPDATE and beside > MAX_RECORDS:
        found = _Beside(key=key_at_end(packet, keys) if additionals else None)
    else:
        found = _read_records(packet, at, before, min(beside, MAX_RECORDS))
        if beside > MAX_RECORDS:
            found.fault = "too many records for a query"
    edns = found.edns
    if found.fault is not None:
        return Faulty(id_, opcode, Rcode.FORMERR, found.fault, rd, question, edns)
    if found.key is not None and found.key in keys:
        return Signed(id_, opcode, rd, question, edns, found.key)
    if found.key is not None:
        why = "a TSIG key that is not known"
        return Faulty(id_, opcode, Rcode.NOTAUTH, why, rd, question, edns, found.tsig)
    if opcode == _UPDATE:
        return Update(id_, rd, question, DomainName(packet[12:end]), qclass, edns)
    if questions == 1:
        return Query(id_, rd, question, DomainName(packet[12:end]), qtype, qclass, edns)
    if edns is not None and edns.version > 0:
        return Faulty(id_, opcode, Rcode.BADVERS, "no question", rd, b"", edns)
    if edns is None or edns.options.cookie is None:
        return Faulty(id_, opcode, Rcode.FORMERR, "no question", rd, b"", edns)
    return Unasked(id_, rd, edns)


@dataclass(slots=True)
class _Beside:
    """What stands beside the question, as far as it was read, and why it is malformed, or None.

    `key` is the name in a TSIG record, in lower case, and `tsig` the record of a reply that says
    that this key is not known.
    """

    edns: Edns | None = None
    key: bytes | None = None
    tsig: bytes = b""
    fault: str | None = None


def _read_records(packet: bytes, at: int, before: int, count: int) -> _Beside:
    """Read the records after the question, of which `before` are not in the additional section."""
    found = _Beside()
    try:
        for index in range(count):
            if found.key is not None:
                raise Malformed("a TSIG record that is not the last one")
            at = _read_record(packet, at, found, is_additional=index >= before)
        if at != len(packet):
            raise Malformed("bytes after the message")
    except Malformed as fault:
        found.fault = str(fault)
    except (IndexError, StructError):
        found.fault = "cut short"
    return found


def _read_record(packet: bytes, at: int, found: _Beside, *, is_additional: bool) -> int:
    """Read the record at an offset into `found`; return the offset after it. Raises Malformed."""
    owner, at = at, skip_name(packet, at)
    rtype, rclass, _, version, flags, length = _RECORD.unpack_from(packet, at)
    data = at + _RECORD.size
    end: int = data + length
    if end > len(packet):
        raise Malformed("a record is cut short")
    if rtype == _OPT:
        if not is_additional or packet[owner]:
            raise Malformed("an OPT record in the wrong place")
        if found.edns is not None:
            raise Malformed("a second OPT record")
        found.edns = Edns(max(rclass, 512), version, bool(flags & 0x8000))
        found.edns = _with_options(found.edns, packet, data, end)
    elif rtype == TSIG:
        if not is_additional:
            raise Malformed("a TSIG record in the wrong place")
        rdata, (name, _) = packet[data:end], NameReader(packet).read(owner)
        found.tsig = bad_key(name, rclass, rdata, skip_name(rdata, 0, pointers=False))
        found.key = name.lower()
    return end


def _with_options(edns: Edns, packet: bytes, at: int, end: int) -> Edns:
    """Return the content of OPT with its options; those of a later version may be anything."""
    try:
        options = read_options(packet, at, end)
    except Malformed:
        if edns.version == 0:
            raise
        options = NO_OPTIONS
    return replace(edns, options=options) if options is not NO_OPTIONS else edns
