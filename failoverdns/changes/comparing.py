"""The comparison of new zones with those in use, in steps between which the server goes on.

Each step takes about a millisecond, and there may be hundreds of thousands of names.  The result is
the difference as bytes of a delta, and the faults of names that belong to a group.  Groups that are
added between two steps are noticed by the names that are published meanwhile.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Set
from itertools import islice
from typing import Final

from failoverdns.changes.hiding import hidden_by_records
from failoverdns.changes.state import State
from failoverdns.model.change import StaticDifference
from failoverdns.model.errors import Rejected
from failoverdns.model.names import DomainName
from failoverdns.model.zone import Zone
from failoverdns.protocol.table.deltas import write_removals, write_static
from failoverdns.rules.decisions.configuring import apex_faults, group_at
from failoverdns.rules.derived.affected_names import changed_zones
from failoverdns.rules.derived.stored import zone_with

STEP: Final = 500
"""Names that are compared in one step."""

MOST_FAULTS: Final = 100
"""Names in use by groups that are reported; there may be very many."""

_SMALL: Final = 40_000
"""Bytes of a part: some 500 names."""


def compare(
    state: State, zones: tuple[Zone, ...], published: Set[DomainName]
) -> Generator[None, None, StaticDifference]:
    """Compare new zones with those in use, step by step; return how their static records differ.

    `published` are the names that were published since the comparison began; it grows meanwhile.
    Raises Rejected `in-use` if a name with new records belongs to a group, or if the zone has what
    excludes a group at its apex.
    """
    old = {zone.origin: zone for zone in state.zones}
    new = {zone.origin: zone for zone in zones}
    removed, served = list[bytes](), list[bytes]()
    own_names = set[tuple[DomainName, DomainName]]()
    faults = list[str]()
    hidden = list[str]()
    names = 0
    for origin in sorted(changed_zones(old.values(), zones), key=lambda origin: origin.wire):
        zone, before = new.get(origin), old.get(origin)
        if zone is None:  # it is dropped with all its names
            assert before is not None
            names += len(before.static.by_owner)
            continue
        faults += apex_faults(state, zone)
        own = zone.own_names() | (before.own_names() if before is not None else frozenset())
        own_names.update((origin, owner) for owner in own)
        own_wires = {owner.wire for owner in own}
        for owners in _steps(_gone(before, zone), own_wires):
            removed.append(write_removals(owners))
            names += len(owners)
            yield
        for owners in _steps(zone.static.by_owner, own_wires):
            changed = [owner for owner in owners if _differs(owner, before, zone)]
            if changed:
                by_owner = zone.static.by_owner
                pairs = [(owner, by_owner[owner]) for owner in changed]
                served.append(write_static(origin.wire, zone.negative_ttl, pairs))
                names += len(changed)
                faults += _conflicts(state, before, zone, changed)
            yield
        if before is not None:
            after = zone_with(zone, state.stored_records(origin))
            hidden += yield from hidden_by_records(state, before, after)
    if faults:
        more = [f"and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
        raise Rejected("in-use", "; ".join([*faults[:MOST_FAULTS], *more]))
    return StaticDifference(
        tuple(_joined(removed)),
        tuple(_joined(served)),
        frozenset(own_names),
        names,
        published,
        hidden=tuple(hidden),
    )


def set_again(
    zones: Iterable[Zone], difference: StaticDifference, removed: Iterable[DomainName]
) -> bytes:
    """Return the bytes of a delta that sets names that were published or removed to static records.

    Such names had a challenge that gives way to new records.
    """
    by_origin = {zone.origin: zone for zone in zones}
    parts = []
    for owner in {*difference.unchecked, *removed}:
        name = owner
        while name not in by_origin and not name.is_root:
            name = name.parent()
        zone = by_origin.get(name)
        # Names with stored records are among the nodes of the delta, if they change at all.
        if zone is None or owner.wire in zone.static.laid or owner in zone.own_names():
            continue
        if owner.wire in zone.static.by_owner:
            pair = (owner.wire, zone.static.by_owner[owner.wire])
            parts.append(write_static(zone.origin.wire, zone.negative_ttl, [pair]))
    return b"".join(parts)


def _steps(names: Iterable[bytes], own: Set[bytes]) -> Iterator[list[bytes]]:
    """Yield names in pieces, without those that have more than static records."""
    rest = iter(names)
    while piece := list(islice(rest, STEP)):
        yield [owner for owner in piece if owner not in own]


def _gone(before: Zone | None, zone: Zone) -> Iterator[bytes]:
    """Yield the names that have no static records any more."""
    if before is not None:
        still = zone.static.by_owner
        yield from (owner for owner in before.static.by_owner if owner not in still)


def _differs(owner: bytes, before: Zone | None, zone: Zone) -> bool:
    if before is None or before.negative_ttl != zone.negative_ttl:
        return True
    return before.static.by_owner.get(owner) != zone.static.by_owner[owner]


def _conflicts(
    state: State, before: Zone | None, zone: Zone, owners: Iterable[bytes]
) -> Iterator[str]:
    """Yield the faults of names that have records now and belong to a group."""
    for wire in owners:
        if before is None or wire not in before.static.by_owner:
            group = group_at(state, zone, owner := DomainName(wire))
            if group is not None:
                yield f"{owner} has records, but belongs to group {group.name!r}"


def _joined(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Join parts as long as they stay small."""
    joined = b""
    for part in parts:
        if joined and len(joined) + len(part) > _SMALL:
            yield joined
            joined = b""
        joined += part
    if joined:
        yield joined
