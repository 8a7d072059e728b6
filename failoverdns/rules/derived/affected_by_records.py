"""What a change of stored records affects beside the names of these records.

A name that gets or loses records may be the target of a flattened group or of an alias, be between
a wildcard and a retired name, or, with NS records, take all names below it away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from failoverdns.model.former_name import FormerName
from failoverdns.model.group import Tombstone
from failoverdns.model.names import DomainName
from failoverdns.model.records import NS
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.resolving import flattened_hostnames
from failoverdns.rules.derived.retired import retired_between
from failoverdns.rules.derived.view import View


def led_elsewhere(
    view: View, before: Zone, after: Zone, owners: Iterable[DomainName]
) -> set[DomainName]:
    """Return the names of a zone that may lead to other addresses after stored records changed.

    They are the changed `owners`, and flattened hostnames below a delegation that comes or goes.
    """
    found = set(owners)
    cuts = {owner for owner in found if _has_ns(before, owner) != _has_ns(after, owner)}
    if cuts:
        below = flattened_hostnames(view)
        found |= {name for name in below if any(name.is_at_or_below(cut) for cut in cuts)}
    return found


def _has_ns(zone: Zone, owner: DomainName) -> bool:
    return any(rrset.rtype == NS for rrset in zone.static.at(owner))


def retired_by(
    view: View, before: Zone, after: Zone, owners: Iterable[DomainName]
) -> Iterator[Tombstone | FormerName]:
    """Yield the retired names whose markers may change with the stored records of a zone.

    A wildcard may cover all of them, and another name hides a wildcard from the names below it.
    """
    if before.static.wildcards != after.static.wildcards:
        yield from retired_between(view, before, after)
        return
    for owner in owners if after.static.wildcards else ():
        if owner.parent() == after.origin and owner != after.origin:
            label = next(owner.labels()).decode("latin-1")
            tombstone = view.entity(Tombstone, (after.origin, label))
            former = view.entity(FormerName, label)
            yield from (one for one in (tombstone, former) if one is not None)
