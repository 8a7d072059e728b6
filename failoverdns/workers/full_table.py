"""The whole table as deltas in parts, to fill the table of a process that starts to answer.

The names of groups are written as bytes without values in between, because there may be a million
groups: 2 us each.  `rules.derived.serving` decides what they answer, in the same function that
computes changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from functools import partial
from itertools import islice

from failoverdns.model.application import Application
from failoverdns.model.change import Delta
from failoverdns.model.group import BACKUP_LABEL, PRIMARY_LABEL, Group
from failoverdns.model.names import DomainName
from failoverdns.model.zone import Zone
from failoverdns.protocol.table.deltas import (
    Shared,
    WriteRRsets,
    write_delta,
    write_nodes,
    write_rest,
    write_rrsets,
    write_static,
)
from failoverdns.rules.derived.affected_names import configured_nodes
from failoverdns.rules.derived.challenges import challenge_nodes
from failoverdns.rules.derived.serving import (
    RecordsOf,
    group_records,
    in_parts,
    negative_ttl_of,
    served_groups,
    static_owners,
)
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.zones import all_authorities

GROUPS = 1000
"""Groups in a part, which takes about two milliseconds to write."""

NEXT = 200
"""Groups, or names with static records, in a part of a next table: the process answers meanwhile.

The table in C takes them in less than a millisecond, and that in Python in about ten.
"""

MOST_KEPT = 1 << 16
"""Applications whose bytes are cached while tables are filled."""

_PRIMARY, _BACKUP = b"N" + PRIMARY_LABEL, b"N" + BACKUP_LABEL


def parts(view: View, write: WriteRRsets = write_rrsets) -> Iterator[bytes]:
    """Yield the whole table in parts, each computed at the moment when it is requested.

    The view may change between two parts: see `rules.derived.serving.in_parts`.  `write` is
    `write_stored_rrsets` for zone transfers.
    """
    yield write_delta(Delta(authorities=all_authorities(view)))
    shared: Shared = {}
    for part in in_parts(view, GROUPS, partial(_write_groups, {}, write), _write_static):
        yield part if isinstance(part, bytes) else write_nodes(part, shared, write)


def next_parts(
    view: View, zones: tuple[Zone, ...], own_names: Set[tuple[DomainName, DomainName]]
) -> Iterator[bytes]:
    """Yield a table with the static records of new `zones` in parts, and all else from the view.

    It becomes right by the delta that configures these zones, without its difference of static
    records.  `own_names` are names, each with its origin, that this delta sets if they differ.
    """
    serials = ((zone, view.serial(zone.origin)) for zone in zones)
    soas = (zone.start_of_authority(serial.serial if serial else 0) for zone, serial in serials)
    while some := tuple(islice(soas, NEXT)):
        yield write_delta(Delta(authorities=some))
    shared: Shared = {}
    write_groups = partial(_write_groups, {}, write_rrsets)
    for part in in_parts(view, NEXT, write_groups, lambda *_: b""):
        yield part if isinstance(part, bytes) else write_nodes(part, shared)
    yield write_nodes(configured_nodes(view, own_names))
    for zone in zones:
        own = {owner.wire for origin, owner in own_names if origin == zone.origin}
        names = iter(list(zone.static.by_owner))
        while piece := list(islice(names, NEXT)):
            found = (name for name in static_owners(zone, piece) if name not in own)
            yield _write_static(zone, found)
        yield from _laid_parts(view, zone.origin)


def _laid_parts(view: View, origin: DomainName) -> Iterator[bytes]:
    """Yield the names of a zone that have stored records, with all that is served there now.

    That may be challenges too.  What the new configuration changes there is in the delta that
    configures it.
    """
    zone = view.zone(origin)
    names = iter(list(zone.static.laid) if zone is not None else ())
    while piece := list(islice(names, NEXT)):
        zone = view.zone(origin)  # as it is now
        if zone is not None:
            owners = [owner for owner in static_owners(zone, piece) if owner in zone.static.laid]
            challenges = challenge_nodes(view, map(DomainName, owners))
            yield _write_static(zone, owners) + write_nodes(challenges)


def _write_static(zone: Zone, owners: Iterable[bytes]) -> bytes:
    """Return names with static records, which are bytes already."""
    written = zone.static.written
    found = ((owner, rrsets) for owner in owners if (rrsets := written(owner)) is not None)
    return write_static(zone.origin.wire, zone.negative_ttl, found)


_Kept = dict[str | None, tuple[Application, int, Zone, bytes]]
"""Cached bytes by the id of an application: the last item follows each name that points at it.

The other items are the application, TTL and zone from which the bytes were made.
"""


def _write_groups(
    kept: _Kept, write: WriteRRsets, view: View, ids: Iterable[str], records: RecordsOf
) -> bytes:
    """Return the names of groups, in the form of `write_nodes`."""

    def answer(group: Group, zone: Zone, ttl: int, id_: str | None, healthy: bool) -> bytes:
        """Return the bytes that follow a name which points at an application.

        They are cached, because many groups may point at the same application.
        """
        is_kept = id_ is not None and not healthy and not group.flatten
        made = kept.get(id_) if is_kept else None
        application = view.application(id_) if id_ is not None else None
        if made and made[0] is application and made[1] == ttl and made[2] is zone:
            return made[3]
        rrsets = group_records(group, records, ttl, id_, healthy=healthy)
        rest = write_rest(rrsets, len(zone.origin.wire), negative_ttl_of(group, zone), write)
        if application is not None and is_kept:
            if len(kept) >= MOST_KEPT:
                kept.clear()
            kept[id_] = application, ttl, zone, rest
        return rest

    written: list[bytes] = []
    for group, zone, active, primary, backup in served_groups(view, ids, answer):
        hostname = group.hostname_wire
        if not group.is_apex:  # the origin is among the names of its zone
            written += (b"N", hostname, active)
        if zone.reveal.sides:
            written += (_PRIMARY, hostname, primary, _BACKUP, hostname, backup)
    return b"".join(written)
