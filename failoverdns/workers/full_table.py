"""All that is served, as deltas in parts: what fills the table of whoever begins to answer.

Knows how the names of a group are written without making values of them on the way, because there
may be a million: 2 us a group.  What they answer is decided by `rules.derived.serving`, in the
function that changes are computed by, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from failoverdns.model.application import Application
from failoverdns.model.change import Delta
from failoverdns.model.group import BACKUP_LABEL, PRIMARY_LABEL, Group
from failoverdns.model.zone import Zone
from failoverdns.protocol.table.deltas import Shared, write_delta, write_nodes, write_rest
from failoverdns.rules.derived.serving import RecordsOf, in_parts, negative_ttl_of, served_groups
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.zones import all_authorities

GROUPS = 1000
"""Groups in a part: about two milliseconds for whoever writes it."""

MOST_KEPT = 1 << 16
"""Applications of which the bytes are remembered while tables are filled."""

_PRIMARY, _BACKUP = b"N" + PRIMARY_LABEL, b"N" + BACKUP_LABEL


def parts(view: View) -> Iterator[bytes]:
    """Yield all that is served, each part as it is at the moment it is asked for.

    The view may change in between: see `rules.derived.serving.in_parts`.
    """
    yield write_delta(Delta(authorities=all_authorities(view)))
    shared: Shared = {}
    for part in in_parts(view, GROUPS, partial(_write_groups, {})):
        yield part if isinstance(part, bytes) else write_nodes(part, shared)


_Kept = dict[str | None, tuple[Application, int, Zone, bytes]]
"""What follows the names that lead to an application (by id), and what it was written of.

That is the application itself, the TTL and the zone; what was written is the last of the four.
"""


def _write_groups(kept: _Kept, view: View, ids: Iterable[str], records: RecordsOf) -> bytes:
    """Return the names of groups, as `write_nodes` writes them."""

    def answer(group: Group, zone: Zone, ttl: int, id_: str | None, healthy: bool) -> bytes:
        """Return what follows a name that leads to an application: many groups may follow it."""
        is_kept = id_ is not None and not healthy and not group.flatten
        made = kept.get(id_) if is_kept else None
        application = view.application(id_) if id_ is not None else None
        if made and made[0] is application and made[1] == ttl and made[2] is zone:
            return made[3]
        rrsets = records(id_, ttl, group.flatten, healthy)
        rest = write_rest(rrsets, len(zone.origin.wire), negative_ttl_of(group, zone))
        if application is not None and is_kept:
            if len(kept) >= MOST_KEPT:
                kept.clear()
            kept[id_] = application, ttl, zone, rest
        return rest

    written: list[bytes] = []
    for group, _, active, primary, backup in served_groups(view, ids, answer):
        hostname = group.hostname_wire
        written += (b"N", hostname, active)
        written += (_PRIMARY, hostname, primary, _BACKUP, hostname, backup)
    return b"".join(written)
