"""The groups that names of this server lead to, and what the origin of a zone answers with.

| the zone has                                     | its origin answers with the addresses of  |
|--------------------------------------------------|-------------------------------------------|
| a group with the label `@`                       | that group                                |
| an alias that is the hostname of a group         | that group                                |
| an alias that is another name in a zone here     | the records that are configured there     |
| any other alias                                  | the last good answer of the resolvers     |

They stand beside the SOA, NS and other records of the zone.  A CNAME record is not allowed at an
origin (RFC 1034 section 3.6.2), so a hostname is resolved, and the origin answers NODATA until it
is.  The addresses themselves are found in `rules.derived.targets`.

Where a function takes `zone_at`, it looks up zones by their origin: those that are served, or those
of a new configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from failoverdns.model.application import Addresses
from failoverdns.model.group import APEX_LABEL, Group
from failoverdns.model.names import DomainName
from failoverdns.model.records import AAAA, CNAME, NS, A, Opaque, Rdata
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.entity_lookup import zone_of
from failoverdns.rules.derived.view import View

_MOST_NAMED = 5
"""Zones that a sentence names, at most: thousands may have the same group as their alias."""

ZoneAt = Callable[[DomainName], Zone | None]
"""Returns the zone with an origin, or None."""


def apex_group(view: View, zone: Zone) -> Group | None:
    """Return the group that the origin of a zone answers with, by label or by alias, or None."""
    group = labelled_apex(view, zone.origin)
    if group is None and zone.alias is not None:
        return answering_group(view, zone.alias)
    return group


def labelled_apex(view: View, origin: DomainName) -> Group | None:
    """Return the group with the label `@` in a zone, or None."""
    owner = view.label_owner(origin, APEX_LABEL)
    return owner if isinstance(owner, Group) else None


def answering_group(view: View, name: DomainName, zone_at: ZoneAt | None = None) -> Group | None:
    """Return the group whose hostname is `name`, or None; aliases are not followed.

    `zone_at` is by default that of the view.
    """
    zone_at = zone_at or view.zone
    if zone_at(name) is not None:
        return labelled_apex(view, name)
    if name.is_root or zone_at(name.parent()) is None:
        return None
    owner = view.label_owner(name.parent(), next(name.labels()).decode("latin-1"))
    is_named = isinstance(owner, Group) and owner.hostname == name
    return owner if is_named and isinstance(owner, Group) else None


def group_for(view: View, name: DomainName) -> Group | None:
    """Return the group that a name belongs to: its own, one below whose hostname it is, or None.

    An alias gives the origin of its zone to a group, but no name below.
    """
    zone = zone_of(view, name)
    if zone is None:
        return None
    if name == zone.origin:
        return apex_group(view, zone)
    while name.parent() != zone.origin:
        name = name.parent()
    return answering_group(view, name) or labelled_apex(view, zone.origin)


def aliases_of(zones: Iterable[Zone]) -> dict[DomainName, tuple[DomainName, ...]]:
    """Return the origins of the zones that have an alias, by the hostname that the alias names."""
    found: dict[DomainName, tuple[DomainName, ...]] = {}
    for zone in zones:
        if zone.alias is not None:
            found[zone.alias] = (*found.get(zone.alias, ()), zone.origin)
    return found


def apexes_of(view: View, group: Group) -> Iterator[DomainName]:
    """Yield the origins of the zones that answer with a group at their apex."""
    if group.is_apex:
        yield group.zone
    if view.aliases:
        yield from view.aliases.get(group.hostname, ())


def named_zones(origins: Sequence[DomainName]) -> str:
    """Return the origins of zones as text, the first few of very many."""
    more = f" and {len(origins) - _MOST_NAMED} more" if len(origins) > _MOST_NAMED else ""
    return ", ".join(map(str, origins[:_MOST_NAMED])) + more


def apex_conflicts(zone: Zone) -> Iterator[str]:
    """Yield what the configuration of a zone has that excludes a group with the label `@`."""
    origin = zone.origin
    if zone.alias is not None:
        yield (
            f"{origin} has the alias {zone.alias} in the configuration, and a group would answer "
            "in its place: choose one of the two"
        )
    if any(server.name == origin for server in zone.nameservers):
        yield (
            f"{origin} is the name of a name server, whose addresses are answered there: call "
            f"that server ns1.{origin}, for example"
        )
    elif any(rrset.rtype in (A, AAAA) for rrset in zone.static.at(origin)):
        configured = zone.static.configured.at(origin)
        is_configured = any(rrset.rtype in (A, AAAA) for rrset in configured)
        where = "configuration" if is_configured else f"state (`record list {origin}`)"
        yield (
            f"{origin} has A or AAAA records in the {where}, and a group would answer in "
            "their place: remove these records, or the group"
        )


def is_answered_here(view: View, name: DomainName) -> bool:
    """Return whether a name is in a zone of this server, and at or below no delegation in it."""
    return answering_zone(view.zone, name) is not None


def answering_zone(zone_at: ZoneAt, name: DomainName) -> Zone | None:
    """Return the zone that answers a name, or None if there is none or the name is delegated."""
    above = name
    while (zone := zone_at(above)) is None and not above.is_root:
        above = above.parent()
    while zone is not None and name != zone.origin:
        if any(rrset.rtype == NS for rrset in zone.static.at(name)):
            return None
        name = name.parent()
    return zone


def configured_target(zone_at: ZoneAt, name: DomainName) -> tuple[Addresses | None, int]:
    """Return the addresses that are configured at a name of this server, and their TTL in seconds.

    None if no address is configured there, or if the name is not answered here.
    """
    zone = answering_zone(zone_at, name)
    found = zone.configured_at(name) if zone is not None else ()
    addresses, ttls = list[IPv4Address | IPv6Address](), list[int]()
    for rrset in found:
        if rrset.rtype in (A, AAAA):
            addresses += map(_address, rrset.data)
            ttls.append(rrset.ttl)
    if not addresses:
        return None, 0
    ipv4 = tuple(one for one in addresses if isinstance(one, IPv4Address))
    ipv6 = tuple(one for one in addresses if isinstance(one, IPv6Address))
    return Addresses(ipv4, ipv6), min(ttls)


def configured_cname(zone_at: ZoneAt, name: DomainName) -> DomainName | None:
    """Return the name that a configured CNAME record at a name of this server leads to, or None."""
    zone = answering_zone(zone_at, name)
    for rrset in zone.configured_at(name) if zone is not None else ():
        if rrset.rtype == CNAME and isinstance(data := rrset.data[0], Opaque):
            return DomainName(data.data)
    return None


def _address(rdata: Rdata) -> IPv4Address | IPv6Address:
    """Return the data of an A or AAAA record as an address."""
    data = rdata.data if isinstance(rdata, Opaque) else rdata
    assert isinstance(data, bytes | IPv4Address | IPv6Address)
    return ip_address(data)
