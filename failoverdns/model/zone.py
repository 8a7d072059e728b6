"""Zones as configured, and their serial numbers, which are stored.

A zone does not list its groups: a group refers to its zone by the origin.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address

from failoverdns.model.entity import Entity
from failoverdns.model.names import DomainName
from failoverdns.model.records import AAAA, NS, SOA, A, OwnedRRset, RRset, StartOfAuthority
from failoverdns.model.static_records import StaticRecords

APEX_TTL = 3600
"""TTL of the zone's NS records and of its name servers' addresses, in seconds."""

STATUS_LABEL = "_status"
"""The label before an application's name where every zone answers with the application's role."""

CHALLENGE_LABEL = "_acme-challenge"
"""The label below a name at which a CA looks for its challenge (RFC 8555 section 8.4)."""

MAX_TIMER = 2**31 - 1
"""Seconds of an SOA timer, at most (RFC 1035 section 2.3.4)."""

MAX_ORIGIN = 255 - 64 - 8
"""Bytes of the longest origin in wire form, before which `primary.` and any label still fit."""


@dataclass(frozen=True, slots=True)
class NameServer:
    """A name server of a zone; it has addresses only if its name is inside the zone."""

    name: DomainName
    addresses: tuple[IPv4Address | IPv6Address, ...] = ()


@dataclass(frozen=True, slots=True)
class SOATimers:
    """How secondaries keep a zone up to date, in seconds (RFC 1035 section 3.3.13).

    They ask for the serial number every `refresh` seconds, after a failure every `retry` seconds,
    and serve the zone no longer than `expire` seconds after the last success.
    """

    refresh: int = 14400
    retry: int = 3600
    expire: int = 1209600


TIMERS_OF_TRANSFERRED = SOATimers(refresh=300, retry=60)
"""The defaults of a zone with secondaries: these timers help when a NOTIFY message is lost."""


@dataclass(frozen=True, slots=True)
class Reveal:
    """What a zone shows beside the hostnames of groups; a name that it does not show is not there.

    `sides` are the names `primary.<label>` and `backup.<label>`, `status` is
    `_status.<application>`.
    """

    sides: bool = True
    status: bool = True


@dataclass(frozen=True, slots=True)
class UpdateScope:
    """What the messages of one TSIG key may change in a zone by dynamic update (RFC 2136).

    `names` are patterns in lower case of names relative to the origin, which is `@`; `*` matches
    any characters, dots too.  `types` are the numbers of types; ANY stands for all of them.
    `heads` are the names of applications, in lower case, whose heads' addresses may be set.
    """

    key: DomainName
    names: tuple[str, ...] = ()
    types: frozenset[int] = frozenset()
    heads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone that the server is authoritative for, as configured; TTLs in seconds.

    `records` are static, and are kept as `StaticRecords` in whatever form they are given.
    `alias` is a hostname; its addresses are answered at the origin.
    `secondaries` are the names of the name servers that transfer the zone; `updates` are those who
    may change it.  Neither of them changes what the zone answers, nor its digest.
    """

    origin: DomainName
    nameservers: tuple[NameServer, ...]
    mailbox: DomainName
    ttl: int
    negative_ttl: int
    records: Collection[OwnedRRset] = ()
    alias: DomainName | None = None
    soa: SOATimers = SOATimers()
    reveal: Reveal = Reveal()
    secondaries: tuple[str, ...] = field(default=(), repr=False)
    updates: tuple[UpdateScope, ...] = field(default=(), repr=False)
    _digest: str = field(default="", init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Hash the zone while its records are in the order in which they were given."""
        if not isinstance(self.records, StaticRecords):
            object.__setattr__(self, "records", tuple(self.records))
            object.__setattr__(self, "_digest", self._hashed())
            object.__setattr__(self, "records", StaticRecords.of(self.records))

    @property
    def static(self) -> StaticRecords:
        """The static records."""
        assert isinstance(self.records, StaticRecords)
        return self.records

    def with_static(self, records: StaticRecords, digest: str) -> Zone:
        """Return this zone with other static records; `digest` is that of the zone with these."""
        zone = replace(self, records=records)
        object.__setattr__(zone, "_digest", digest)
        return zone

    def with_laid(self, laid: Mapping[bytes, bytes]) -> Zone:
        """Return this zone with the records of the state laid over the static ones.

        `laid` has all RRsets of each of its names, those of `own_names` left out; see
        `StaticRecords.with_laid`.
        """
        return self._serving(self.static.with_laid(laid))

    def with_changed(self, changed: Mapping[bytes, bytes]) -> Zone:
        """Return this zone with records of the state changed at some names.

        `changed` has all RRsets of each of these names, b"" where none is left.
        """
        return self._serving(self.static.with_changed(changed))

    def _serving(self, records: StaticRecords) -> Zone:
        return self if records is self.records else self.with_static(records, self.digest())

    def start_of_authority(self, serial: int) -> OwnedRRset:
        """Return the SOA RRset; its TTL is the negative TTL (RFC 2308 section 3)."""
        data = StartOfAuthority(
            self.nameservers[0].name,
            self.mailbox,
            serial,
            self.soa.refresh,
            self.soa.retry,
            self.soa.expire,
            self.negative_ttl,
        )
        return OwnedRRset(self.origin, SOA, self.negative_ttl, (data,))

    def configured_rrsets(self) -> tuple[OwnedRRset, ...]:
        """Return the NS set, the name servers' addresses and the static records, SOA left out."""
        return (*self._own_rrsets(), *self.records)

    def own_names(self) -> frozenset[DomainName]:
        """Return the origin, and the name servers in the zone: names with more than static records.

        A configuration has few of them.
        """
        return frozenset(rrset.owner for rrset in self._own_rrsets())

    def configured_at(self, owner: DomainName) -> tuple[RRset, ...]:
        """Return the RRsets that are configured at a name, SOA left out."""
        return self.own_rrsets_at(owner) + self.static.at(owner)

    def own_rrsets_at(self, owner: DomainName) -> tuple[RRset, ...]:
        """Return the NS set or the addresses of a name server, if they are at this name."""
        if owner != self.origin and all(server.name != owner for server in self.nameservers):
            return ()
        return tuple(rrset.records for rrset in self._own_rrsets() if rrset.owner == owner)

    def has_configured(self, owner: DomainName) -> bool:
        """Return whether records are configured at a name."""
        return self.static.has(owner) or owner in self.own_names()

    def digest(self) -> str:
        """Return a hash of the configured zone, by which a change of it is noticed.

        State files hold this hash: another text for the same zone raises its serial number when a
        new version starts, which is right only if that version serves the zone differently.  So the
        text keeps the class names of the first version, and the order in which records were given.
        """
        return self._digest or self._hashed()

    def _hashed(self) -> str:
        return sha256(repr(self).replace("OwnedRRset(", "RRset(").encode()).hexdigest()[:32]

    def _own_rrsets(self) -> list[OwnedRRset]:
        """Return the NS set and the addresses of the name servers in the zone."""
        names = tuple(server.name for server in self.nameservers)
        rrsets = [OwnedRRset(self.origin, NS, APEX_TTL, names)]
        for server in self.nameservers:
            for rtype, kind in ((A, IPv4Address), (AAAA, IPv6Address)):
                data = tuple(a for a in server.addresses if isinstance(a, kind))
                if data:
                    rrsets.append(OwnedRRset(server.name, rtype, APEX_TTL, data))
        return rrsets


@dataclass(frozen=True, slots=True)
class ZoneSerial(Entity):
    """The serial number of a zone, and the digest of the zone as configured at that serial."""

    origin: DomainName
    serial: int
    digest: str

    @property
    def identity(self) -> DomainName:
        """The zone's origin."""
        return self.origin


RESERVED_SERIALS = 1 << 16
"""Serial numbers above a stored one that may be served without being stored.

A start that may have lost such numbers begins above them.  See docs/decisions/disk-full.md.
"""


def next_serial(previous: int | None, now: float | None) -> int:
    """Return the serial number that follows `previous` (RFC 1982): the Unix time where possible.

    `now` is in seconds since 1970.  The serial number never decreases, even if the clock does.
    Without `now` it is the number after `previous`, which is one of the reserved ones.
    """
    if now is None and previous is not None:
        return (previous + 1) & 0xFFFFFFFF or 1
    now = now or 0.0
    clock = int(now) & 0xFFFFFFFF or 1
    if previous is None:
        return clock
    ahead = (clock - previous) & 0xFFFFFFFF
    following = clock if 0 < ahead < 0x80000000 else (previous + 1) & 0xFFFFFFFF
    return following or 1
