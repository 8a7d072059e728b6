"""Resource records as values, before they are encoded.

Only `Opaque` holds wire format: RDATA of any type, uncompressed, as read from zone-file text
(RFC 3597).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from failoverdns.model.names import DomainName
from failoverdns.model.numbers import RRType

A: Final = RRType.A.value
NS: Final = RRType.NS.value
CNAME: Final = RRType.CNAME.value
SOA: Final = RRType.SOA.value
TXT: Final = RRType.TXT.value
AAAA: Final = RRType.AAAA.value
DNAME: Final = RRType.DNAME.value
NXT: Final = RRType.NXT.value

BY_SIGNING: Final = frozenset((RRType.RRSIG.value, RRType.NSEC.value, RRType.NSEC3.value))
"""The types of records that whoever signs a zone makes; NXT is obsolete (RFC 3755)."""

MARKER: Final = 65350
"""The type of the record at a name that has no other records, and exists nevertheless.

It is one for private use (RFC 6895 section 3.1); the RDATA is empty.
See docs/decisions/markers.md.
"""


@dataclass(frozen=True, slots=True)
class Text:
    """RDATA of a TXT record: one or more strings of at most 255 bytes."""

    strings: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class StartOfAuthority:
    """RDATA of a SOA record (RFC 1035 section 3.3.13); times in seconds."""

    primary: DomainName
    mailbox: DomainName
    serial: int
    refresh: int
    retry: int
    expire: int
    minimum: int


@dataclass(frozen=True, slots=True)
class Opaque:
    """RDATA of any type in uncompressed wire form (RFC 3597 section 4)."""

    data: bytes


Rdata = IPv4Address | IPv6Address | DomainName | Text | StartOfAuthority | Opaque


@dataclass(frozen=True, slots=True)
class RRset:
    """An RRset without its owner name, so that many names can share it.

    `ttl` in seconds; `data` is not empty.  `stored_ttl` is the TTL in zone transfers where it is
    another one: a flattened hostname is served with a TTL that may change from answer to answer of
    a resolver, and a zone at one serial has one content.
    """

    rtype: int
    ttl: int
    data: tuple[Rdata, ...]
    stored_ttl: int | None = None

    @property
    def as_stored(self) -> RRset:
        """The RRset with the TTL that zone transfers have."""
        if self.stored_ttl is None:
            return self
        return RRset(self.rtype, self.stored_ttl, self.data)


@dataclass(frozen=True, slots=True)
class OwnedRRset:
    """Records of one type at one name (RFC 9499, "RRset"); `ttl` in seconds, `data` not empty."""

    owner: DomainName
    rtype: int
    ttl: int
    data: tuple[Rdata, ...]

    @property
    def records(self) -> RRset:
        """The RRset without its owner name."""
        return RRset(self.rtype, self.ttl, self.data)
