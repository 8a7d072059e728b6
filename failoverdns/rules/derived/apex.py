"""The groups that names of this server lead to, and what the origin of a zone answers with.

| the zone has                                     | its origin answers with the addresses of  |
|--------------------------------------------------|-------------------------------------------|
| a group with the label `@`                       | that group                                |
| an alias that is the hostname of a group         | that group                                |
| an alias that is another name in a zone here     | the records that are configured there     |
| any other alias                                  | the last good answer of the resolvers     |

They stand beside the SOA, NS and other records of the zone.  A CNAME record is not allowed at an
origin (RFC 1034 section 3.6.2), so a hostname is resolved, and the origin answers NODATA until it
is.  The addresses themselves are found in `rules.derived.targets`.
"""

from __future__ import annotations

from collections.abc import Iterator

from failoverdns.model.group import APEX_LABEL, Group
from failoverdns.model.names import DomainName
from failoverdns.model.records import AAAA, NS, A
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.entity_lookup import zone_of
from failoverdns.rules.derived.view import View


def apex_group(view: View, zone: Zone) -> Group | None:
    """Return the group that the origin of a zone answers with, by label or by alias, or None."""
    group = labelled_apex(view, zone.origin)
    if group is None and zone.alias is not None:
        return answering_group(view, zone.alias)
    return group


def labelled_apex(view: View, origin: DomainName) -> Group | None:
    """Return the group with the label `@` in a zone, or None."""
    owner = view.label_owner(origin, APEX_LABEL)
    return owner if isinstance(owner, Group) else None


def answering_group(view: View, name: DomainName) -> Group | None:
    """Return the group whose hostname is `name`, or None; aliases are not followed."""
    if view.zone(name) is not None:
        return labelled_apex(view, name)
    if name.is_root or view.zone(name.parent()) is None:
        return None
    owner = view.label_owner(name.parent(), next(name.labels()).decode("latin-1"))
    is_named = isinstance(owner, Group) and owner.hostname == name
    return owner if is_named and isinstance(owner, Group) else None


def group_for(view: View, name: DomainName) -> Group | None:
    """Return the group that a name belongs to: its own, one below whose hostname it is, or None.

    An alias gives the origin of its zone to a group, but no name below.
    """
    zone = zone_of(view, name)
    if zone is None:
        return None
    if name == zone.origin:
        return apex_group(view, zone)
    while name.parent() != zone.origin:
        name = name.parent()
    return answering_group(view, name) or labelled_apex(view, zone.origin)


def apexes_of(view: View, group: Group) -> Iterator[DomainName]:
    """Yield the origins of the zones that answer with a group at their apex."""
    if group.is_apex:
        yield group.zone
    if view.aliases:
        yield from view.aliases.get(group.hostname, ())


def apex_conflicts(zone: Zone) -> Iterator[str]:
    """Yield what the configuration of a zone has that excludes a group with the label `@`."""
    origin = zone.origin
    if zone.alias is not None:
        yield (
            f"{origin} has the alias {zone.alias} in the configuration, and a group would answer "
            "in its place: choose one of the two"
        )
    if any(server.name == origin for server in zone.nameservers):
        yield (
            f"{origin} is the name of a name server, whose addresses are answered there: call "
            f"that server ns1.{origin}, for example"
        )
    elif any(rrset.rtype in (A, AAAA) for rrset in zone.static.at(origin)):
        yield (
            f"{origin} has A or AAAA records in the configuration, and a group would answer in "
            "their place: remove these records, or the group"
        )


def is_answered_here(view: View, name: DomainName) -> bool:
    """Return whether a name is in a zone of this server, and at or below no delegation in it."""
    zone = zone_of(view, name)
    if zone is None:
        return False
    while name != zone.origin:
        if any(rrset.rtype == NS for rrset in zone.static.at(name)):
            return False
        name = name.parent()
    return True
