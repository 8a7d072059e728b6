"""Names at which no records can be stored, because the server answers there itself.

| name                                              | belongs to                               |
|---------------------------------------------------|------------------------------------------|
| `<label>`, `primary.<label>`, `backup.<label>`    | the group that has the label             |
| the same                                          | nobody: it is retired, a group had it    |
| `primary.<zone>`, `backup.<zone>`                 | the group at the apex, if there is one   |
| `_status`, and names that begin with it           | the status of applications               |
| `_heads`, and names that have this label          | the addresses of heads, for updates      |
| the name of the catalog zone, and names below it  | the catalog zone of secondaries          |

The origin itself does not belong to the group at the apex, which answers addresses there only.
"""

from __future__ import annotations

from typing import Final

from failoverdns.model.group import Tombstone, group_names
from failoverdns.model.names import DomainName
from failoverdns.model.zone import STATUS_LABEL, Zone
from failoverdns.rules.decisions.configuring import group_at
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.zones import is_catalog

HEADS_LABEL: Final = "_heads"
"""The label before an application's name below which updates set the addresses of its heads."""


def why_reserved(view: View, zone: Zone, owner: DomainName) -> str | None:
    """Return in words why no records can be stored at a name of a zone, or None if they can.

    The sentence begins with the name.
    """
    if not owner.is_at_or_below(zone.origin):
        return f"{owner} is outside the zone {zone.origin}"
    labels = [*owner.labels()][: -len([*zone.origin.labels()]) or None]
    if labels[:1] == [STATUS_LABEL.encode()]:
        return f"{owner} is reserved: the server answers there which applications are online"
    if HEADS_LABEL.encode() in labels:
        return (
            f"{owner} is reserved: at names with the label {HEADS_LABEL} updates set the addresses "
            "of heads; use `head set`"
        )
    above = owner
    while above != zone.origin:
        if is_catalog(view, above):
            return (
                f"{owner} is in the catalog zone {above}, so secondaries would not answer it: "
                "choose another name"
            )
        above = above.parent()
    group = group_at(view, zone, owner)
    if group is not None:
        return (
            f"{owner} belongs to group {group.name!r}, which answers there: change its "
            "applications, or choose another name"
        )
    if 1 <= len(labels) <= 2:
        retired = view.label_owner(zone.origin, labels[-1].decode("latin-1"))
        if isinstance(retired, Tombstone):
            hostname = zone.origin.child(retired.label)
            if owner in group_names(hostname):
                return (
                    f"{owner} is retired: it belonged to the removed group {retired.group!r}, and "
                    "CNAMEs of its customers may still point at it; choose another name"
                )
    return None
