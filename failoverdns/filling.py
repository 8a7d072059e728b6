"""All that is served, as deltas in parts: what fills the table of whoever begins to answer.

Knows how the names of a group are written without making values of them on the way, because there
may be a million: 2 us a group, where nodes take 20.
Refuses to know who is filled, and what is served: `rules.serving` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from failoverdns.model.change import Delta
from failoverdns.model.group import Side
from failoverdns.model.records import Records
from failoverdns.rules.serving import RecordsOf, in_parts
from failoverdns.rules.view import View
from failoverdns.rules.zones import all_authorities
from failoverdns.wire.deltas import Shared, write_delta, write_nodes, write_rest

GROUPS = 1000
"""Groups in a part: about two milliseconds for whoever writes it."""

_Rests = dict[tuple[int, int, int], tuple[tuple[Records, ...], bytes]]
"""The bytes after an owner, by identity of RRsets, size of the origin, and negative TTL."""

_MOST_RESTS = 1 << 16


def parts(view: View) -> Iterator[bytes]:
    """Yield all that is served, each part as it is at the moment it is asked for.

    The view may change in between: see `rules.serving.in_parts`.
    """
    yield write_delta(Delta(authorities=all_authorities(view)))
    shared: Shared = {}
    for part in in_parts(view, GROUPS, partial(_write_groups, {})):
        yield part if isinstance(part, bytes) else write_nodes(part, shared)


def _write_groups(rests: _Rests, view: View, ids: Iterable[str], records: RecordsOf) -> bytes:
    """Return the names of groups, as `write_nodes` writes them."""
    origin, zone = None, None
    written: list[bytes] = []
    for id_ in ids:
        group = view.group(id_)
        if group is None:
            continue
        if group.zone is not origin:
            origin, zone = group.zone, view.zone(group.zone)
        if zone is None or origin is None:
            continue
        label = group.label.encode("ascii")
        hostname = b"%c%b%b" % (len(label), label, origin.wire)
        size, ttl = len(origin.wire), min(zone.negative_ttl, group.ttl)
        primary = _rest(rests, records(group.primary, group.ttl, group.flatten), size, ttl)
        backup = _rest(rests, records(group.backup, group.ttl, group.flatten), size, ttl)
        active = primary if group.active is Side.PRIMARY else backup
        written += (b"N", hostname, active)
        written += (b"N\7primary", hostname, primary, b"N\6backup", hostname, backup)
    return b"".join(written)


def _rest(rests: _Rests, rrsets: tuple[Records, ...], size: int, negative_ttl: int) -> bytes:
    found = rests.get((id(rrsets), size, negative_ttl))
    if found is None:
        if len(rests) >= _MOST_RESTS:
            rests.clear()
        found = rrsets, write_rest(rrsets, size, negative_ttl)
        rests[id(rrsets), size, negative_ttl] = found
    return found[1]
