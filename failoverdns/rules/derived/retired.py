"""Names that are not served any more, where a wildcard of the zone must not answer in their place.

| name                                    | retired since                                        |
|-----------------------------------------|------------------------------------------------------|
| `<label>`, `primary.` and `backup.` it  | its group was removed                                |
| `_status.<application>`                 | its application was removed or renamed               |

Such a name does not exist (NXDOMAIN), unless a wildcard would match it: then it has a marker, so
that it exists without other data.  An NXDOMAIN that is not what the records of the zone say could
be neither transferred nor proven (RFC 4592 section 3.3, RFC 4035 section 3.1.3), and a marker can:
what is served is what is exported.

Markers depend on static records, tombstones and the names of applications only.  A name may get one
that would do without, because something exists below it or between it and the wildcard; this is
NODATA too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from failoverdns.model.change import Node
from failoverdns.model.former_name import FormerName
from failoverdns.model.group import Tombstone, group_names
from failoverdns.model.names import DomainName
from failoverdns.model.records import MARKER, Opaque, RRset
from failoverdns.model.zone import STATUS_LABEL, Zone
from failoverdns.rules.derived.view import View


@lru_cache(maxsize=1024)
def marker(ttl: int) -> tuple[RRset, ...]:
    """Return the RRsets of a name that exists and has nothing to answer; `ttl` in seconds."""
    return (RRset(MARKER, ttl, (Opaque(b""),)),)


def retired_nodes(view: View, tombstones: Iterable[Tombstone]) -> Iterator[Node]:
    """Yield the nodes of retired labels, at which a wildcard would answer otherwise."""
    for tombstone in tombstones:
        zone = view.zone(tombstone.zone)
        if zone is None or not zone.static.wildcards:
            continue
        hostname, *sides = group_names(zone.origin.child(tombstone.label))
        if is_covered(zone, hostname):
            yield _marked(zone, hostname)
        # The sides are below the hostname, which exists or is not covered.
        if zone.reveal.sides and zone.static.has_wildcard(hostname):
            yield from (_marked(zone, side) for side in sides if not zone.has_configured(side))


def retired_statuses(
    view: View, names: Iterable[FormerName], origins: Iterable[DomainName] | None = None
) -> Iterator[Node]:
    """Yield the nodes of the former names of applications, in all zones or those with `origins`."""
    found = view.zones if origins is None else map(view.zone, origins)
    zones = [z for z in found if z is not None and z.static.wildcards and z.reveal.status]
    for former in names if zones else ():
        if view.application_named(former.name) is None:
            for zone in zones:
                owner = zone.origin.child(former.name).child(STATUS_LABEL)
                if is_covered(zone, owner):
                    yield _marked(zone, owner)


def retired_in(view: View, origins: Iterable[DomainName]) -> Iterator[Node]:
    """Yield the nodes of all retired names in the zones with these origins."""
    wanted = {
        origin
        for origin in origins
        if (zone := view.zone(origin)) is not None and zone.static.wildcards
    }
    if wanted:
        tombstones = view.entities(Tombstone)
        yield from retired_nodes(view, (one for one in tombstones if one.zone in wanted))
        yield from retired_statuses(view, view.entities(FormerName), wanted)


def is_covered(zone: Zone, owner: DomainName) -> bool:
    """Return whether a wildcard of the zone answers at a name below its origin without records.

    It answers if no configured name is in between (RFC 4592 section 3.3.1).
    """
    if not zone.static.wildcards or zone.has_configured(owner):
        return False
    while owner != zone.origin and not owner.is_root:
        owner = owner.parent()
        if zone.static.has_wildcard(owner):
            return True
        if zone.static.has(owner):
            return False
    return False


def _marked(zone: Zone, owner: DomainName) -> Node:
    return Node(owner, zone.origin, marker(zone.negative_ttl), zone.negative_ttl)
