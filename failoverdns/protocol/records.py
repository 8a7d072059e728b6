"""Records in wire form: RRsets compiled to bytes when something changes, not when a query comes.

A compiled RRset is the answer section of a reply whose question has the same owner name: each
record begins with a pointer to the question.  Names in RDATA are not compressed, so the same bytes
fit into any message, and all names with the same target share them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from struct import pack
from typing import Final, assert_never

import dnslib

from failoverdns.model.names import DomainName
from failoverdns.model.numbers import RRClass, RRType
from failoverdns.model.records import Opaque, Rdata, RRset, StartOfAuthority, Text

IN: Final = RRClass.IN.value

BESIDE_CNAME: Final = frozenset((RRType.RRSIG.value, RRType.NSEC.value))
"""Types that a name may have beside a CNAME record, which does not answer for them.

RFC 4035 section 2.5; BIND and Knot do so in unsigned zones as well.  The fast path in C has the
same two types.
"""

POINTER_TO_QUESTION = b"\xc0\x0c"
"""A compression pointer (RFC 1035 section 4.1.4) to offset 12, where the question begins."""


@dataclass(frozen=True, slots=True)
class CompiledRRset:
    """An RRset in wire form: its type, the answer section, and the counts of a reply with it.

    `counts` has the four counts of a DNS header in wire form, first without, then with OPT.
    """

    rtype: int
    tail: bytes
    counts: tuple[bytes, bytes]

    def records(self) -> Iterator[bytes]:
        """Yield each record without its owner name: TYPE, CLASS, TTL, RDLENGTH, RDATA."""
        tail, at = self.tail, 0
        while at < len(tail):
            end = at + 12 + int.from_bytes(tail[at + 10 : at + 12], "big")
            yield tail[at + 2 : end]
            at = end


Answers = Mapping[bytes, CompiledRRset]
"""Compiled RRsets of one name by QTYPE and QCLASS in wire form."""


def compile_records(records: RRset, rclass: int = IN) -> CompiledRRset:
    """Return an RRset in wire form."""
    head = POINTER_TO_QUESTION + _head(records.rtype, rclass, records.ttl)
    parts = []
    for rdata in records.data:
        data = _rdata(rdata)
        parts.append(head + len(data).to_bytes(2, "big") + data)
    return CompiledRRset(records.rtype, b"".join(parts), counts(len(parts)))


def target_of(cname: CompiledRRset) -> bytes:
    """Return the name that a CNAME record points at, in wire form and lower case."""
    return cname.tail[12:].lower()


@lru_cache(maxsize=256)
def type_key(rtype: int) -> bytes:
    """Return QTYPE and QCLASS IN in wire form."""
    return pack(">HH", rtype, IN)


@lru_cache(maxsize=1024)
def _head(rtype: int, rclass: int, ttl: int) -> bytes:
    """Return TYPE, CLASS and TTL: a record's bytes from its owner to its RDLENGTH."""
    buffer = dnslib.DNSBuffer()
    dnslib.RR(".", rtype, rclass, ttl, dnslib.RD(b"")).pack(buffer)
    return bytes(buffer.data[1:9])


@lru_cache(maxsize=1024)
def counts(answers: int) -> tuple[bytes, bytes]:
    """Return the four counts of a reply with `answers` records, without and with OPT."""
    return pack(">HHHH", 1, answers, 0, 0), pack(">HHHH", 1, answers, 0, 1)


def _rdata(rdata: Rdata) -> bytes:
    match rdata:
        case IPv4Address() | IPv6Address():
            return rdata.packed
        case DomainName():
            return rdata.wire
        case Opaque(data):
            return data
        case Text(strings):
            buffer = dnslib.DNSBuffer()
            dnslib.TXT(list(strings)).pack(buffer)
            return bytes(buffer.data)
        case StartOfAuthority(primary, mailbox):
            # dnslib.SOA would compress the second name with a pointer to the first one, and that
            # offset is valid in dnslib's buffer only.
            times = (rdata.serial, rdata.refresh, rdata.retry, rdata.expire, rdata.minimum)
            return primary.wire + mailbox.wire + pack(">5I", *times)
        case _:
            assert_never(rdata)
