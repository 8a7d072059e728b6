"""The catalog zone (RFC 9432), from which secondaries learn which zones they serve.

Each secondary finds the zones in it that it may transfer, so its content depends on the TSIG key of
whoever asks.  All have one serial number, which is raised when the content for any of them changes.
Nothing of it is stored but the serial number: the content follows from the configuration.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from failoverdns.model.names import DomainName
from failoverdns.model.numbers import RRType
from failoverdns.model.records import NS, SOA, TXT, OwnedRRset, StartOfAuthority, Text
from failoverdns.model.settings import Config, SecondarySettings
from failoverdns.model.zone import TIMERS_OF_TRANSFERRED, Zone

VERSION: Final = b"2"
"""The version of the format of catalog zones (RFC 9432 section 4.2.1)."""

INVALID: Final = DomainName.from_text("invalid")
"""The name server of a catalog zone, which is not to be asked (RFC 9432 section 4)."""

TTL: Final = 0
"""The TTL of all its records, which has no meaning (RFC 9432 section 4)."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """The catalog zone `origin`: for each TSIG key, by name, the origins of its member zones.

    A key without members is left out; keys and members are in the order of their wire form.
    """

    origin: DomainName
    members: tuple[tuple[DomainName, tuple[DomainName, ...]], ...]

    @property
    def keys(self) -> tuple[DomainName, ...]:
        """The names of the keys that may transfer the catalog zone."""
        return tuple(key for key, _ in self.members)

    def members_of(self, key: DomainName) -> tuple[DomainName, ...]:
        """Return the origins of the zones that a key finds in the catalog; none for other keys."""
        return dict(self.members).get(key, ())

    def digest(self) -> str:
        """Return a hash of the content for all keys, by which a change of it is noticed."""
        lines = [f"{VERSION.decode()} {self.origin}"]
        lines += [" ".join(map(str, (key, *origins))) for key, origins in self.members]
        return sha256("\n".join(lines).encode()).hexdigest()[:32]

    def start_of_authority(self, serial: int) -> OwnedRRset:
        """Return the SOA RRset with a serial number."""
        timers = TIMERS_OF_TRANSFERRED
        data = StartOfAuthority(
            INVALID, INVALID, serial, timers.refresh, timers.retry, timers.expire, TTL
        )
        return OwnedRRset(self.origin, SOA, TTL, (data,))

    def rrsets(self, key: DomainName) -> tuple[OwnedRRset, ...]:
        """Return the RRsets that a key finds in the zone, SOA left out (RFC 9432 section 4)."""
        zones = self.origin.child("zones")
        version = OwnedRRset(self.origin.child("version"), TXT, TTL, (Text((VERSION,)),))
        return (
            OwnedRRset(self.origin, NS, TTL, (INVALID,)),
            version,
            *(
                OwnedRRset(zones.child(member_label(member)), RRType.PTR.value, TTL, (member,))
                for member in self.members_of(key)
            ),
        )


def member_label(origin: DomainName) -> str:
    """Return the label of a member zone, which stays the same as long as it is a member.

    RFC 9432 section 4.1: another label would make secondaries drop the zone and transfer it again.
    """
    return sha256(origin.wire).hexdigest()[:32]


def catalog_of(config: Config) -> Catalog | None:
    """Return the catalog zone of a configuration; None without one."""
    if config.catalog is None:
        return None
    return make_catalog(config.catalog, config.zones, config.secondaries)


def make_catalog(
    name: DomainName, zones: Iterable[Zone], secondaries: Iterable[SecondarySettings]
) -> Catalog:
    """Return the catalog zone `name` of these zones.

    A key finds the zones of all secondaries that have it.
    """
    key_of = {secondary.name: secondary.key for secondary in secondaries}
    found: dict[DomainName, set[DomainName]] = {}
    for zone in zones:
        for secondary in zone.secondaries:
            if (key := key_of.get(secondary)) is not None:
                found.setdefault(key, set()).add(zone.origin)
    return Catalog(name, tuple((key, _in_order(found[key])) for key in _in_order(found)))


def _in_order(names: Iterable[DomainName]) -> tuple[DomainName, ...]:
    return tuple(sorted(names, key=lambda name: name.wire))
