"""The alias of a zone: the hostname whose addresses its origin answers with.

A CNAME record is not allowed there (RFC 1034 section 3.6.2), so addresses are served in its place.
An alias to a name in a zone of this server leads to a group, or to records of the configuration;
whether there is such a group is not known here, because groups come and go while the server runs.
Any other alias is looked up by `resolvers`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from failoverdns.config.document import Node
from failoverdns.config.errors import FaultReport, Place, quoted
from failoverdns.model.errors import Malformed
from failoverdns.model.hostnames import target_hostname
from failoverdns.model.names import DomainName
from failoverdns.model.records import AAAA, CNAME, NS, A, Opaque, OwnedRRset
from failoverdns.model.zone import Zone

_ADDRESS: Final = "write A or AAAA records at the origin instead"


def read_alias(
    node: Node | None,
    origin: DomainName,
    records: Iterable[OwnedRRset],
    faults: FaultReport,
) -> DomainName | None:
    """Return the alias of the zone `origin`, None without one; report its errors in `faults`.

    `records` are the zone's static records.  `check_aliases` looks at the other zones.
    """
    if node is None or not isinstance(node.value, str):
        return None
    try:
        alias = origin if node.value == "@" else target_hostname(node.value, _ADDRESS)
    except Malformed as error:
        faults.add(node.place, f"{quoted(node.value)} cannot be an alias: {error}")
        return None
    if any(rrset.owner == origin and rrset.records.rtype in (A, AAAA) for rrset in records):
        faults.add(node.place, f"{origin} has address records; remove these or the alias")
    return alias


def check_aliases(
    zones: Iterable[Zone],
    places: Mapping[DomainName, Place],
    faults: FaultReport,
    *,
    can_resolve: bool,
) -> None:
    """Report in `faults` each alias that can never be answered.

    `places` are the places of the aliases, by the origin of their zone; `can_resolve` says whether
    there are `resolvers`.
    """
    by_origin = {zone.origin: zone for zone in zones}
    for origin, place in places.items():
        zone = by_origin.get(origin)
        if zone is None or zone.alias is None:
            continue
        if any(server.name == origin for server in zone.nameservers):
            faults.add(
                place,
                f"{origin} has the addresses of the name server of that name; "
                f"call the server ns1.{origin}, for example, or remove the alias",
            )
        problem = _problem(zone.alias, origin, by_origin, can_resolve=can_resolve)
        if problem is not None:
            faults.add(place, problem)


def _problem(
    alias: DomainName, origin: DomainName, zones: Mapping[DomainName, Zone], *, can_resolve: bool
) -> str | None:
    """Return why the alias of the zone `origin` can never be answered, or None if it can."""
    if alias == origin:
        return (
            f"{alias} is the zone itself; name a group's hostname, or a name elsewhere, or leave "
            "the alias out and add a group there (`failoverdns group add --label @`)"
        )
    name = alias
    while name not in zones and not name.is_root:
        name = name.parent()
    zone = zones.get(name)
    if zone is None or _is_delegated(alias, zone):
        if not can_resolve:
            return "needs resolvers to find the addresses; name some in `resolvers`"
        return None
    if alias == zone.origin and zone.alias == origin:
        return f"{alias} has {origin} as its alias, and they lead to each other; give one another"
    if alias == zone.origin and zone.alias is not None:
        return f"{alias} has an alias itself, to {zone.alias}; write {zone.alias} here too"
    for rrset in zone.static.at(alias):
        if rrset.rtype == CNAME and isinstance(data := rrset.data[0], Opaque):
            target = DomainName(data.data)
            return f"{alias} is a CNAME record that leads to {target}; write {target} here"
    return None


def _is_delegated(name: DomainName, zone: Zone) -> bool:
    while name != zone.origin:
        if any(rrset.rtype == NS for rrset in zone.static.at(name)):
            return True
        name = name.parent()
    return False
