"""Dynamic updates (RFC 2136): messages read in bounded time, and their replies.

    header | zone: one SOA question | prerequisites | updates | additional records

The message comes without its TSIG record, which was verified before.  It is read as a whole or not
at all: at most `MAX_RECORDS` records, each name and the data of each record checked.  Whether the
zone is one of ours, and whether the key may change the names, is decided elsewhere
(`rules.decisions.updating`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from struct import Struct
from struct import error as StructError  # noqa: N812
from typing import Final

import dns.exception
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.model.numbers import Opcode, Rcode, RRClass, RRType
from failoverdns.model.record_data import has_layout, with_names
from failoverdns.model.zone_update import (
    Action,
    Condition,
    Instruction,
    NotUpdated,
    Prerequisite,
    ZoneUpdate,
)
from failoverdns.protocol.compressed_names import NameReader

MAX_RECORDS: Final = 1000
"""Records that one message may have, all sections together; more are REFUSED."""

_HEADER: Final = Struct(">HHHHHH")
_QUESTION_END: Final = Struct(">HH")
_RECORD: Final = Struct(">HHIH")
_SOA: Final = RRType.SOA.value
_ANY: Final = RRType.ANY.value
_OPT: Final = RRType.OPT.value
_IN, _CLASS_ANY, _CLASS_NONE = RRClass.IN.value, RRClass.ANY.value, RRClass.NONE.value
_META: Final = frozenset((0, _OPT, *range(128, 256)))
"""Types that no zone has (RFC 6895 section 3.1)."""

_EMPTY_OPT: Final = b"\0" + _RECORD.pack(_OPT, 1232, 0, 0)
_QR: Final = 0x8000

_PADDING: Final = b"\x40" * 0x4000
"""What is before record data when a library reads it, where every pointer leads: no label.

So a compressed name, which such a type must not have, is malformed and costs nothing.
"""


def read_update(message: bytes) -> ZoneUpdate:
    """Return what an UPDATE message asks for.

    `message` has no TSIG record.  Raises NotUpdated: FORMERR if it is malformed, REFUSED if it has
    too many records, NOTAUTH for a zone of another class than IN.
    RFC 2136 sections 2, 3.1.1, 3.2 and 3.4.1.
    """
    try:
        return _read(message)
    except Malformed as fault:
        raise NotUpdated(Rcode.FORMERR, str(fault)) from None


def update_reply(message: bytes, rcode: Rcode) -> bytes:
    """Return the reply to an UPDATE message: its header, its zone section as far as it was read.

    It has an OPT record if the message has one (RFC 6891 section 6.1.1).
    RFC 2136 section 3.8: the zone section may be repeated, as BIND does.
    """
    id_ = int.from_bytes(message[:2], "big")
    flags = _QR | Opcode.UPDATE << 11 | rcode & 0xF
    zone, opt = b"", b""
    try:
        _, _, zones, *counts = _HEADER.unpack_from(message)
        if zones == 1:
            names = NameReader(message)
            end = names.read(12)[1] + _QUESTION_END.size
            zone = message[12:end] if end <= len(message) else b""
            if sum(counts) <= MAX_RECORDS:
                found = _records(message, names, end, sum(counts))
                opt = _EMPTY_OPT if any(one.rtype == _OPT for one in found) else b""
    except (Malformed, ValueError, StructError):
        pass
    head = _HEADER.pack(id_, flags, int(bool(zone)), 0, 0, int(bool(opt)))
    return head + zone + opt


@dataclass(frozen=True, slots=True)
class _Record:
    """A record as it is in a message; its data is `message[at:end]`."""

    owner: DomainName
    rtype: int
    rclass: int
    ttl: int
    at: int
    end: int

    @property
    def is_empty(self) -> bool:
        return self.at == self.end


def _read(message: bytes) -> ZoneUpdate:
    if len(message) < _HEADER.size:
        raise Malformed("shorter than a header")
    _, _, zones, prerequisites, updates, additional = _HEADER.unpack_from(message)
    count = prerequisites + updates + additional
    if zones != 1:
        raise Malformed(f"{zones} zones in the zone section; there must be one")
    names = NameReader(message)
    origin, at = names.read(12)
    if at + _QUESTION_END.size > len(message):
        raise Malformed("a zone section that is cut short")
    rtype, rclass = _QUESTION_END.unpack_from(message, at)
    if rtype != _SOA:
        raise Malformed("a zone section of another type than SOA")
    if count > MAX_RECORDS:
        text = f"{count} records in one update; {MAX_RECORDS} are allowed"
        raise NotUpdated(Rcode.REFUSED, text)
    records = list(_records(message, names, at + _QUESTION_END.size, count))
    if (records[-1].end if records else at + _QUESTION_END.size) != len(message):
        raise Malformed("bytes after the message")
    if rclass != _IN:
        raise NotUpdated(Rcode.NOTAUTH, f"a zone of class {rclass}; all zones here are of class IN")
    end = prerequisites + updates
    data = partial(_data, message, names)
    return ZoneUpdate(
        DomainName(origin),
        tuple(_prerequisite(one, data) for one in records[:prerequisites]),
        tuple(_instruction(one, data) for one in records[prerequisites:end]),
    )


def _records(message: bytes, names: NameReader, at: int, count: int) -> Iterator[_Record]:
    """Yield records without looking at their data; raises Malformed."""
    for _ in range(count):
        owner, at = names.read(at)
        if at + _RECORD.size > len(message):
            raise Malformed("a record that is cut short")
        rtype, rclass, ttl, length = _RECORD.unpack_from(message, at)
        at += _RECORD.size
        end = at + length
        if end > len(message):
            raise Malformed("a record that is cut short")
        yield _Record(DomainName(owner), rtype, rclass, ttl, at, end)
        at = end


def _prerequisite(record: _Record, data: Callable[[_Record], bytes]) -> Prerequisite:
    """Return the prerequisite that a record stands for (RFC 2136 sections 2.4 and 3.2)."""
    if record.ttl:
        raise Malformed("a prerequisite with a TTL")
    owner, rtype = record.owner, record.rtype
    if record.rclass == _IN:
        return Prerequisite(Condition.RRSET_IS, owner, rtype, data(record))
    if record.rclass not in (_CLASS_ANY, _CLASS_NONE):
        raise Malformed(f"a prerequisite of class {record.rclass}")
    if not record.is_empty:
        raise Malformed("a prerequisite of class ANY or NONE with data")
    is_there = record.rclass == _CLASS_ANY
    if rtype == _ANY:
        return Prerequisite(Condition.NAME_IN_USE if is_there else Condition.NAME_NOT_IN_USE, owner)
    return Prerequisite(
        Condition.RRSET_EXISTS if is_there else Condition.RRSET_ABSENT, owner, rtype
    )


def _instruction(record: _Record, data: Callable[[_Record], bytes]) -> Instruction:
    """Return the instruction that a record stands for (RFC 2136 sections 2.5 and 3.4.1.2)."""
    owner, rtype = record.owner, record.rtype
    if record.rclass == _IN:
        ttl = record.ttl if record.ttl < 1 << 31 else 0  # RFC 2181 section 8
        return Instruction(Action.ADD, owner, rtype, ttl, data(record))
    if record.rclass not in (_CLASS_ANY, _CLASS_NONE):
        raise Malformed(f"an update of class {record.rclass}")
    if record.ttl:
        raise Malformed("a deletion with a TTL")
    if record.rclass == _CLASS_NONE:
        return Instruction(Action.DELETE_RECORD, owner, rtype, data=data(record))
    if not record.is_empty:
        raise Malformed("a deletion of an RRset or name with data")
    if rtype == _ANY:
        return Instruction(Action.DELETE_NAME, owner)
    if rtype in _META:
        raise Malformed(f"type {rtype}, which no zone has")
    return Instruction(Action.DELETE_RRSET, owner, rtype)


def _data(message: bytes, names: NameReader, record: _Record) -> bytes:
    """Return the data of a record in canonical form, if it is that of its type.

    RFC 4034 section 6.2: names without compression, and in lower case.
    """
    rtype = record.rtype
    if rtype in _META:
        raise Malformed(f"type {rtype}, which no zone has")

    def read(at: int) -> tuple[bytes, int]:
        name, after = names.read(at)
        return name.lower(), after

    data = with_names(rtype, message, record.at, record.end, read)
    if has_layout(rtype):
        return data
    kind = dns.rdatatype.RdataType.make(rtype)
    try:
        dns.rdata.from_wire(dns.rdataclass.IN, kind, _PADDING + data, len(_PADDING), len(data))
    except (dns.exception.DNSException, ValueError) as fault:
        name = dns.rdatatype.to_text(kind)
        raise Malformed(f"the data of a {name} record is malformed: {fault}") from None
    return data
