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

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from failoverdns.model.change import Node
from failoverdns.model.former_name import FormerName
from failoverdns.model.group import Tombstone, group_names
from failoverdns.model.names import DomainName
from failoverdns.model.records import MARKER, Opaque, RRset
from failoverdns.model.static_records import WILDCARD
from failoverdns.model.zone import STATUS_LABEL, Zone
from failoverdns.rules.derived.view import View


@lru_cache(maxsize=1024)
def marker(ttl: int) -> tuple[RRset, ...]:
    """Return the RRsets of a name that exists and has nothing to answer; `ttl` in seconds."""
    return (RRset(MARKER, ttl, (Opaque(b""),)),)


def retired_nodes(view: View, tombstones: Iterable[Tombstone]) -> Iterator[Node]:
    """Yield the nodes of retired labels, at which a wildcard would answer otherwise."""
    zone: Zone | None = None
    covers: Callable[[bytes], bool] = _nothing
    for tombstone in tombstones:
        if zone is None or zone.origin != tombstone.zone:
            zone = view.zone(tombstone.zone)
            covers = _coverage(zone) if zone is not None else _nothing
        if zone is None or not zone.static.wildcards:
            continue
        hostname, *sides = group_names(zone.origin.child(tombstone.label))
        if covers(hostname.wire):
            yield _marked(zone, hostname)
        # The sides are below the hostname, which exists or is not covered.
        if zone.reveal.sides and zone.static.has_wildcard(hostname):
            yield from (_marked(zone, side) for side in sides if not zone.has_configured(side))


def retired_statuses(
    view: View, names: Iterable[FormerName], origins: Iterable[DomainName] | None = None
) -> Iterator[Node]:
    """Yield the nodes of the former names of applications, in all zones or those with `origins`."""
    found = view.zones if origins is None else map(view.zone, origins)
    zones = [
        (zone, _coverage(zone))
        for zone in found
        if zone is not None and zone.static.wildcards and zone.reveal.status
    ]
    for former in names if zones else ():
        if view.application_named(former.name) is None:
            for zone, covers in zones:
                owner = zone.origin.child(former.name).child(STATUS_LABEL)
                if covers(owner.wire):
                    yield _marked(zone, owner)


def retired_between(
    view: View, before: Zone | None, after: Zone | None
) -> Iterator[Tombstone | FormerName]:
    """Yield the retired names whose markers may differ between two versions of a zone.

    There may be very many retired names, so this takes a microsecond or two for each.
    """
    zones = [zone for zone in (before, after) if zone is not None]
    if not any(zone.static.wildcards for zone in zones):
        return
    traits = [(zone.negative_ttl, zone.reveal, zone.static.wildcards) for zone in zones]
    is_other = len(zones) < 2 or traits[0] != traits[1]
    origin = zones[0].origin
    covers = [_coverage(zone) for zone in zones]
    wildcards = [zone.static.wildcards for zone in zones]
    for tombstone in view.entities(Tombstone):
        if tombstone.zone is not origin and tombstone.zone != origin:
            continue
        label = tombstone.label.encode("ascii")
        wire = b"%c%b%b" % (len(label), label, origin.wire)
        if (
            is_other
            or any(WILDCARD + wire in found for found in wildcards)
            or covers[0](wire) != covers[1](wire)
        ):
            yield tombstone
    for former in view.entities(FormerName):
        wire = origin.child(former.name).child(STATUS_LABEL).wire
        if is_other or covers[0](wire) != covers[1](wire):
            yield former


def is_covered(zone: Zone, owner: DomainName) -> bool:
    """Return whether a wildcard of the zone answers at a name below its origin without records.

    It answers if no configured name is in between (RFC 4592 section 3.3.1).
    """
    return bool(zone.static.wildcards) and _coverage(zone)(owner.wire)


def _coverage(zone: Zone) -> Callable[[bytes], bool]:
    """Return `is_covered` for many names of a zone, in wire form."""
    own = {owner.wire for owner in zone.own_names()}
    by_owner, laid = zone.static.by_owner, zone.static.laid
    wildcards, end = zone.static.wildcards, len(zone.origin.wire)

    def is_covered(wire: bytes) -> bool:
        if wire in by_owner or wire in laid or wire in own:
            return False
        while len(wire) > end:
            wire = wire[1 + wire[0] :]
            if WILDCARD + wire in wildcards:
                return True
            if wire in by_owner or wire in laid:
                return False
        return False

    return is_covered


def _nothing(_: bytes) -> bool:
    """Cover no name, as no zone does."""
    return False


def _marked(zone: Zone, owner: DomainName) -> Node:
    return Node(owner, zone.origin, marker(zone.negative_ttl), zone.negative_ttl)
