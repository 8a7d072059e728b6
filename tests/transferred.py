"""Zones as they are transferred: deltas made from text, and messages read by dnspython."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from struct import pack

import dns.message
import dns.name
import dns.rdata
import dns.rrset

from failoverdns.model.names import DomainName
from failoverdns.protocol.table.deltas import DeltaOperation, Put, Removed, ServedNames, read_delta
from failoverdns.protocol.transfer.contents import Difference, Snapshot, records_in

ZONE = DomainName.from_text("failover.test")
KEY = b"0123456789abcdef"

Records = frozenset[str]
"""Records of a zone as text, without the SOA record: owner, TTL, type and data."""

Names = Mapping[str, Iterable[str]]
"""What names have: TTL, type and data of each record, by the name relative to the zone."""


def soa_record(serial: int) -> bytes:
    """Return the SOA record of the zone with a pointer to the question as its owner."""
    return _record(f"60 SOA ns1.failover.test. ops.failover.test. {serial} 300 60 1209600 60")


def zone_at(serial: int, origin: DomainName = ZONE) -> Put:
    """Return the operation that gives a zone its serial number."""
    return Put(origin.wire, soa_record(serial))


def served(name: str, *records: str, origin: DomainName = ZONE) -> ServedNames:
    """Return the operation that sets the records of a name, as it comes in a delta."""
    owner = DomainName.from_text(name, origin).wire
    by_type: dict[int, list[bytes]] = {}
    for text in records:
        record = _record(text)
        by_type.setdefault(int.from_bytes(record[2:4], "big"), []).append(record)
    rrsets = b"".join(
        pack(">HHI", rtype, len(some), len(b"".join(some))) + b"".join(some)
        for rtype, some in by_type.items()
    )
    delta = b"N" + owner + pack(">BII", len(origin.wire), 60, len(rrsets)) + rrsets
    (operation,) = read_delta(delta)
    assert isinstance(operation, ServedNames)
    return operation


def removed(name: str, origin: DomainName = ZONE) -> Removed:
    """Return the operation that removes a name."""
    return Removed(DomainName.from_text(name, origin).wire)


def operations(serial: int, names: Names) -> list[DeltaOperation]:
    """Return a delta that gives a zone a serial and names; those without records are removed."""
    found: list[DeltaOperation] = [zone_at(serial)]
    for name, records in names.items():
        found.append(served(name, *records) if records else removed(name))
    return found


def records_of(names: Names) -> Records:
    """Return the records that names have, as text."""
    return frozenset(
        _text_of(_record(record, name)) for name, records in names.items() for record in records
    )


def content(snapshot: Snapshot) -> Records:
    """Return the records of a snapshot, and check its numbers."""
    for data, _, records in snapshot.chunks:
        assert len(list(records_in(data))) == records
    assert snapshot.names == sum(chunk.names for chunk in snapshot.chunks)
    assert snapshot.size == sum(len(chunk.data) for chunk in snapshot.chunks)
    return as_text(b"".join(chunk.data for chunk in snapshot.chunks))


def as_text(data: bytes) -> Records:
    """Return joined records as text; each must be there once."""
    found: list[str] = []
    for record in records_in(data):
        found.append(_text_of(record))
    assert len(set(found)) == len(found)
    return frozenset(found)


def changed(records: Records, difference: Difference) -> Records:
    """Return records after a difference, which must fit them exactly."""
    deleted, added = as_text(difference.deleted), as_text(difference.added)
    assert deleted <= records
    assert not added & records
    return records - deleted | added


def read_messages(messages: Iterable[bytes]) -> list[list[str]]:
    """Return the answers of each message as text, in the order of the message, as dnspython reads.

    Each must be an authoritative reply without an error.
    """
    found = []
    for wire in messages:
        message = dns.message.from_wire(wire, one_rr_per_rrset=True)
        assert message.rcode() == 0
        assert message.flags & 0x8400 == 0x8400
        found.append([_text(rrset) for rrset in message.answer])
    return found


@cache
def _record(text: str, name: str | None = None) -> bytes:
    """Return a record from its TTL, type and data; its owner is a pointer to the question."""
    ttl, rtype, data = text.split(" ", 2)
    rdata = dns.rdata.from_text("IN", rtype, data)
    wire = rdata.to_wire()
    assert wire is not None
    owner = b"\xc0\x0c" if name is None else DomainName.from_text(name, ZONE).wire
    return owner + pack(">HHIH", rdata.rdtype, 1, int(ttl), len(wire)) + wire


@cache
def _text_of(record: bytes) -> str:
    head = b"\0\0\x84\0\0\1\0\1\0\0\0\0" + ZONE.wire + b"\0\xfc\0\1"
    ((text,),) = read_messages([head + record])
    return text


def _text(rrset: dns.rrset.RRset) -> str:
    return rrset.to_text().replace(" IN ", " ", 1)
