"""Records to bytes, built with dnslib when something changes, never when a query comes.

A compiled record is everything after its owner name: type, class, TTL, RDLENGTH, RDATA; names in
RDATA are not compressed, so that the same bytes serve at any place of any message.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from struct import pack
from typing import assert_never

import dnslib

from failoverdns.model.names import DomainName
from failoverdns.model.records import (
    Opaque,
    Rdata,
    RRset,
    StartOfAuthority,
    Text,
)

IN = 1


@dataclass(frozen=True, slots=True)
class CompiledRRset:
    """An RRset in wire form: one entry of `records` a record, its owner name left out."""

    owner: bytes
    rtype: int
    records: tuple[bytes, ...]


def compile_rrset(rrset: RRset) -> CompiledRRset:
    """Put an RRset into wire form (RFC 1035 section 3.2.1)."""
    return CompiledRRset(
        rrset.owner.wire,
        rrset.rtype,
        compile_records(rrset.rtype, rrset.ttl, rrset.data),
    )


@lru_cache(maxsize=1 << 14)
def compile_records(rtype: int, ttl: int, data: tuple[Rdata, ...]) -> tuple[bytes, ...]:
    """Return the wire form of records that differ in RDATA only; `ttl` in seconds.

    Cached, because many names point at the same target.
    """
    return tuple(_compile(rtype, ttl, rdata) for rdata in data)


def _compile(rtype: int, ttl: int, rdata: Rdata) -> bytes:
    buffer = dnslib.DNSBuffer()
    dnslib.RR(".", rtype, IN, ttl, _dnslib_rdata(rdata)).pack(buffer)
    return bytes(buffer.data[1:])  # the root as owner is one byte


def _dnslib_rdata(rdata: Rdata) -> dnslib.RD:
    match rdata:
        case IPv4Address():
            return dnslib.A(str(rdata))
        case IPv6Address():
            return dnslib.AAAA(str(rdata))
        case Text(strings):
            return dnslib.TXT(list(strings))
        case DomainName():
            return dnslib.RD(rdata.wire)
        case StartOfAuthority(primary, mailbox):
            # dnslib.SOA would compress the second name against the first, at an offset that
            # holds in this buffer only.
            times = (rdata.serial, rdata.refresh, rdata.retry, rdata.expire, rdata.minimum)
            return dnslib.RD(primary.wire + mailbox.wire + pack(">5I", *times))
        case Opaque(data):
            return dnslib.RD(data)
        case _:
            assert_never(rdata)
