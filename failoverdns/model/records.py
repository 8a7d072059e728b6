"""Resource records as values: what is served, before it becomes bytes.

Refuses to know wire format, except that `Opaque` carries RDATA of any type, uncompressed, as
read from zone-file text (RFC 3597).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from failoverdns.model.names import DomainName

A: Final = 1
NS: Final = 2
CNAME: Final = 5
SOA: Final = 6
TXT: Final = 16
AAAA: Final = 28
DNAME: Final = 39
ANY: Final = 255


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
    """An RRset but for its owner name, so that many names can share it.

    `ttl` in seconds; `data` is not empty.
    """

    rtype: int
    ttl: int
    data: tuple[Rdata, ...]


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
