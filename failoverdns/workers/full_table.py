"""All that is served, as deltas in parts: what fills the table of whoever begins to answer.

Knows how the names of a group are written without making values of them on the way, because there
may be a million: 2 us a group, where nodes take 20.
Refuses to know who is filled, and what is served: `rules.derived.serving` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

from failoverdns.model.application import Application
from failoverdns.model.change import Delta
from failoverdns.model.group import Group, Side
from failoverdns.model.zone import Zone
from failoverdns.protocol.table.deltas import Shared, write_delta, write_nodes, write_rest
from failoverdns.rules.derived.active_side import answered
from failoverdns.rules.derived.serving import RecordsOf, in_parts, present_groups
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.zones import all_authorities

GROUPS = 1000
"""Groups in a part: about two milliseconds for whoever writes it."""

MOST_KEPT = 1 << 16
"""Applications of which the bytes are remembered while tables are filled."""


def parts(view: View) -> Iterator[bytes]:
    """Yield all that is served, each part as it is at the moment it is asked for.

    The view may change in between: see `rules.derived.serving.in_parts`.
    """
    yield write_delta(Delta(authorities=all_authorities(view)))
    shared: Shared = {}
    for part in in_parts(view, GROUPS, partial(_write_groups, {})):
        yield part if isinstance(part, bytes) else write_nodes(part, shared)


class _Kept(NamedTuple):
    """What follows the names that lead to an application, and what it was written of."""

    application: Application
    ttl: int
    zone: Zone
    written: bytes


def _write_groups(
    kept: dict[str, _Kept], view: View, ids: Iterable[str], records: RecordsOf
) -> bytes:
    """Return the names of groups, as `write_nodes` writes them."""
    written: list[bytes] = []

    def side(id_: str | None, group: Group, zone: Zone, healthy: bool = False) -> bytes:
        """Return what follows the names of a side: very many groups may have the same."""
        usual = not (group.flatten or healthy)
        made = kept.get(id_) if id_ is not None and usual else None
        ttl = group.served_ttl
        if (
            made is not None
            and made.application is view.application(made.application.id)
            and made.ttl == ttl
            and made.zone is zone
        ):
            return made.written
        rrsets = records(id_, ttl, group.flatten, healthy)
        rest = write_rest(rrsets, len(zone.origin.wire), min(zone.negative_ttl, ttl))
        application = view.application(id_) if id_ is not None else None
        if application is not None and usual:
            if len(kept) >= MOST_KEPT:
                kept.clear()
            kept[application.id] = _Kept(application, ttl, zone, rest)
        return rest

    for group, zone in present_groups(view, ids):
        label = group.label.encode("ascii")
        hostname = b"%c%b%b" % (len(label), label, zone.origin.wire)
        primary, backup = side(group.primary, group, zone), side(group.backup, group, zone)
        where, healthy = answered(view, group)
        active = primary if where is Side.PRIMARY else backup
        if where is None or healthy:
            id_ = group.application(where) if where is not None else None
            active = side(id_, group, zone, healthy)
        written += (b"N", hostname, active)
        written += (b"N\7primary", hostname, primary, b"N\6backup", hostname, backup)
    return b"".join(written)
