"""What the static records of the zones say of a name, and where they lead.

    www.customer.example -> CNAME -> shop.failover.example, the hostname of a group

A wildcard answers for names that do not exist (RFC 4592).  The names of groups, sides and
applications exist, and so do those between an origin and a name with records.
"""

from __future__ import annotations

from collections.abc import Iterator

from failoverdns.model.former_name import FormerName
from failoverdns.model.group import SIDE_LABELS, Tombstone
from failoverdns.model.names import DomainName
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.apex import (
    answering_group,
    configured_cname,
    is_answered_here,
)
from failoverdns.rules.derived.entity_lookup import zone_of
from failoverdns.rules.derived.retired import retired_nodes, retired_statuses
from failoverdns.rules.derived.view import View

MAX_TRAIL = 16
"""Names that are followed: resolvers give up at about as many CNAME records."""

_SIDES = frozenset(label.encode() for label in SIDE_LABELS)


def trail(view: View, name: DomainName, *, wildcards: bool = True) -> Iterator[DomainName]:
    """Yield a name, and each name that static CNAME records and aliases lead to from there.

    The last one has no such record, or is not answered by this server.  Without `wildcards` only
    records at the names themselves count.
    """
    seen: list[DomainName] = []
    following: DomainName | None = name
    while following is not None and following not in seen and len(seen) < MAX_TRAIL:
        yield following
        seen.append(following)
        following = leads_to(view, following, wildcards=wildcards)


def matching_wildcard(view: View, zone: Zone, name: DomainName) -> DomainName | None:
    """Return the wildcard of a zone whose records answer for a name, or None.

    None if the name exists, and if there is no such wildcard.
    """
    above = [name]
    while above[-1] != zone.origin:
        above.append(above[-1].parent())
    if not any(zone.static.has(encloser.child("*")) for encloser in above[1:]):
        return None
    encloser = next(one for one in above if exists(view, zone, one))
    wildcard = encloser.child("*")
    return wildcard if encloser != name and zone.static.has(wildcard) else None


def leads_to(view: View, name: DomainName, *, wildcards: bool = True) -> DomainName | None:
    """Return the name that a static CNAME record or an alias leads to from a name, or None.

    Without `wildcards` only records at the name itself count.
    """
    zone = zone_of(view, name)
    if zone is None or not is_answered_here(view, name):
        return None
    if name == zone.origin and zone.alias is not None:
        return zone.alias
    owner = name
    if wildcards and not zone.static.has(name):
        owner = matching_wildcard(view, zone, name) or name
    return configured_cname(view.zone, owner)


def _has_status(view: View, zone: Zone, name: DomainName) -> bool:
    """Return whether a name exists because `_status` of an application is below it."""
    label = next(name.labels()).decode("latin-1")
    if name.parent() != zone.origin or not zone.reveal.status:
        return False
    former = view.entity(FormerName, label)
    marked = retired_statuses(view, (former,) if former is not None else (), (zone.origin,))
    return view.application_named(label) is not None or any(marked)


def _is_retired(view: View, zone: Zone, name: DomainName) -> bool:
    """Return whether a name of a removed group exists, because it has a marker."""
    label = name if name.parent() == zone.origin else name.parent()
    if label.parent() != zone.origin:
        return False
    owner = view.label_owner(zone.origin, next(label.labels()).decode("latin-1"))
    tombstones = (owner,) if isinstance(owner, Tombstone) else ()
    return any(node.owner == name for node in retired_nodes(view, tombstones))


def exists(view: View, zone: Zone, name: DomainName) -> bool:
    """Return whether a name at or below the origin of a zone exists (RFC 8020)."""
    if name == zone.origin or zone.has_configured(name) or answering_group(view, name) is not None:
        return True
    first, parent = next(name.labels()), name.parent()
    if first in _SIDES and zone.reveal.sides and answering_group(view, parent) is not None:
        return True
    if _has_status(view, zone, name) or _is_retired(view, zone, name):
        return True
    tail = name.wire
    return any(
        owner.endswith(tail) and DomainName(owner).is_at_or_below(name)
        for owner in zone.static.names()
    )
