"""Zones: what the configuration says of them, and the serial number that the store keeps.

Refuses to know the groups in a zone: they refer to it by its origin.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address

from failoverdns.model.entity import Entity
from failoverdns.model.names import DomainName
from failoverdns.model.records import AAAA, NS, SOA, A, OwnedRRset, StartOfAuthority

REFRESH, RETRY, EXPIRE = 3600, 600, 1209600
"""SOA timers in seconds, for secondaries."""

APEX_TTL = 3600
"""TTL of the zone's NS records and of its name servers' addresses, in seconds."""

STATUS_LABEL = "_status"
"""Below each application's name every zone answers, under this label, for its role."""

CHALLENGE_LABEL = "_acme-challenge"
"""Below names that a certificate is ordered for, a CA looks for its challenge here (RFC 8555)."""

MAX_ORIGIN = 255 - 64 - 8
"""Bytes of an origin in wire form: `primary.` or `_status.` and any label fit before it."""


@dataclass(frozen=True, slots=True)
class NameServer:
    """A member of a zone's NS set; addresses only if its name is inside the zone."""

    name: DomainName
    addresses: tuple[IPv4Address | IPv6Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone that we are authoritative for, as configured; TTLs in seconds.

    `alias` is a hostname whose addresses the origin itself answers with, flattened.
    """

    origin: DomainName
    nameservers: tuple[NameServer, ...]
    mailbox: DomainName
    ttl: int
    negative_ttl: int
    records: tuple[OwnedRRset, ...] = ()
    alias: DomainName | None = None

    def start_of_authority(self, serial: int) -> OwnedRRset:
        """Return the SOA RRset; its TTL is the negative TTL (RFC 2308 section 3)."""
        data = StartOfAuthority(
            self.nameservers[0].name,
            self.mailbox,
            serial,
            REFRESH,
            RETRY,
            EXPIRE,
            self.negative_ttl,
        )
        return OwnedRRset(self.origin, SOA, self.negative_ttl, (data,))

    def configured_rrsets(self) -> tuple[OwnedRRset, ...]:
        """Return the NS set, the name servers' addresses and the static records, SOA left out."""
        names = tuple(server.name for server in self.nameservers)
        rrsets = [OwnedRRset(self.origin, NS, APEX_TTL, names)]
        for server in self.nameservers:
            for rtype, kind in ((A, IPv4Address), (AAAA, IPv6Address)):
                data = tuple(a for a in server.addresses if isinstance(a, kind))
                if data:
                    rrsets.append(OwnedRRset(server.name, rtype, APEX_TTL, data))
        return (*rrsets, *self.records)

    def digest(self) -> str:
        """Return a fingerprint of all that is configured, to notice that the zone changed."""
        return sha256(repr(self).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class ZoneSerial(Entity):
    """The serial number of a zone, and the digest of the configuration it was given for."""

    origin: DomainName
    serial: int
    digest: str

    @property
    def identity(self) -> DomainName:
        """The zone's origin."""
        return self.origin


def next_serial(previous: int | None, now: float) -> int:
    """Return the serial number that follows `previous` (RFC 1982), in Unix time where it can.

    `now` is in seconds since 1970. Never goes back, whatever the clock does.
    """
    clock = int(now) & 0xFFFFFFFF or 1
    if previous is None:
        return clock
    ahead = (clock - previous) & 0xFFFFFFFF
    following = clock if 0 < ahead < 0x80000000 else (previous + 1) & 0xFFFFFFFF
    return following or 1
