"""The target of each side of a group, of its hostname, of an application, and of a zone's origin.

A target is addresses, a hostname, or nothing; here it becomes the RRsets that answer with it, too.
Names of a group at the apex answer addresses only: a hostname is nothing there until it is
resolved.
"""

from __future__ import annotations

from failoverdns.model.application import Addresses, Application, Hostname, Nothing, Target
from failoverdns.model.group import SIDE_LABELS, Group, Side, Tombstone
from failoverdns.model.names import DomainName
from failoverdns.model.records import AAAA, CNAME, A, RRset
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.active_side import answered
from failoverdns.rules.derived.apex import (
    answering_group,
    apex_group,
    apexes_of,
    configured_cname,
    configured_target,
    is_answered_here,
    named_zones,
)
from failoverdns.rules.derived.entity_lookup import zone_of
from failoverdns.rules.derived.health import healthy_heads
from failoverdns.rules.derived.resolving import Flattened, flattened
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.web_heads import target_of_heads, web_head

_SIDES = frozenset(label.encode() for label in SIDE_LABELS)


def application_on(view: View, group: Group, side: Side) -> Application | None:
    """Return the application on a side of a group, or None."""
    id_ = group.application(side)
    return view.application(id_) if id_ is not None else None


def target_of(view: View, group: Group, side: Side) -> Target:
    """Return the target of a side of a group, heads that are down included."""
    application = application_on(view, group, side)
    if application is None:
        return Nothing()
    return _as_answered(view, group, web_head(application))


def answer_of(view: View, group: Group) -> Target:
    """Return the target that the hostname of a group answers with."""
    return _as_answered(view, group, _active_target(view, group))


def _as_answered(view: View, group: Group, target: Target) -> Target:
    """Return a target in the form in which a group answers it."""
    if not group.flatten:
        return target
    found = flattened(view, target)[0]
    return Nothing() if group.is_apex and isinstance(found, Hostname) else found


def _active_target(view: View, group: Group) -> Target:
    """Return the target that the hostname of a group leads to, not flattened."""
    side, healthy = answered(view, group)
    application = application_on(view, group, side) if side is not None else None
    if application is None:
        return Nothing()
    return target_of_application(application, healthy=healthy)


def apex_rrsets(view: View, zone: Zone) -> tuple[RRset, ...]:
    """Return the addresses that the origin of a zone answers with, without configured ones.

    They are those of its group, or those that its alias leads to.
    """
    group = apex_group(view, zone)
    if group is not None:
        target, ttl = _active_target(view, group), group.served_ttl
    elif zone.alias is None:
        return ()
    elif is_answered_here(view, zone.alias):
        configured, most = configured_target(view.zone, zone.alias)
        return target_records(configured or Nothing(), min(zone.ttl, most))
    else:
        target, ttl = Hostname(zone.alias), zone.ttl
    return addresses_only(flattened_records(flattened(view, target), ttl))


def unresolved(view: View, target: Hostname) -> str:
    """Return why a flattened hostname has no addresses, in words that follow the hostname."""
    if not is_answered_here(view, target.name):
        return "has no address so far (the `resolvers` of the configuration find it)"
    leads_to = configured_cname(view.zone, target.name)
    if leads_to is not None:
        return f"is a CNAME record of this server, and not followed: name {leads_to} instead"
    return "is in a zone of this server, and has no address in the configuration"


def dark_apexes(view: View, group: Group) -> tuple[str, ...]:
    """Return why the apexes that answer with a group have no address; empty if they have one.

    Elsewhere a CNAME record is answered until a hostname is resolved; at an apex, nothing.  A group
    without a target leaves those zones without addresses whose alias it is.
    """
    origins = tuple(apexes_of(view, group))
    target = _active_target(view, group) if origins else Nothing()
    aliased = view.aliases.get(group.hostname, ())
    if aliased and isinstance(target, Nothing):
        dark = (
            f"the apex of {named_zones(aliased)}, whose alias is {group.hostname}, has no address"
        )
        return (f"{dark}: group {group.name!r} has no target",)
    if not isinstance(target, Hostname) or isinstance(flattened(view, target)[0], Addresses):
        return ()
    where = f"the apex of {named_zones(origins)} has no address, and no CNAME is allowed there"
    return (f"{where}: {target.name} {unresolved(view, target)}",)


def why_empty(view: View, group: Group, side: Side) -> tuple[str, str]:
    """Return why a side of a group resolves to nothing, and what to do about it.

    The first is in words that follow the side; at an apex the target may be a hostname.
    """
    application = application_on(view, group, side)
    target = web_head(application) if application is not None else Nothing()
    if isinstance(target, Hostname):
        why = f"has no address for the apex of a zone: {target.name} {unresolved(view, target)}"
        if is_answered_here(view, target.name):
            return why, "give it addresses, or another hostname, with `head set`"
        return why, (
            "keep it on the side that is not active until `status` shows its addresses, or give it "
            "addresses with `head set`"
        )
    if application is not None and application.heads:  # all of them on standby
        standby = f"`head activate {application.name} {application.heads[-1].name}`"
        return "resolves to nothing", f"its load balancers are on standby: {standby}"
    return "resolves to nothing", "add a head to its application with `head add`"


def alias_problem(view: View, alias: DomainName) -> str | None:
    """Return why the alias of a zone answers nothing, or None; only for one answered here."""
    group = answering_group(view, alias)
    if group is not None:
        target = flattened(view, _active_target(view, group))[0]
        if isinstance(target, Hostname):
            return f"group {group.name!r} leads to {target.name}, which {unresolved(view, target)}"
        return f"group {group.name!r} has no target" if isinstance(target, Nothing) else None
    if configured_target(view.zone, alias)[0] is not None:
        return None
    zone = zone_of(view, alias)
    side_of = answering_group(view, alias.parent()) if next(alias.labels()) in _SIDES else None
    if side_of is not None:
        return f"it is a side of group {side_of.name!r}; name the group, {side_of.hostname}"
    if zone is not None and alias.parent() == zone.origin:
        label = next(alias.labels()).decode("latin-1")
        if isinstance(view.label_owner(zone.origin, label), Tombstone):
            return "it is retired: its group was removed, so name another in the configuration"
    return (
        "no group has this hostname, and no address record of the configuration has this name "
        "(a wildcard does not count)"
    )


def addresses_only(rrsets: tuple[RRset, ...]) -> tuple[RRset, ...]:
    """Return the RRsets of a target at an apex: none if it is a hostname still."""
    return () if rrsets and rrsets[0].rtype == CNAME else rrsets


def target_of_application(application: Application, *, healthy: bool) -> Target:
    """Return the target of an application; `healthy` leaves out heads that are down."""
    if healthy:
        return target_of_heads(application, healthy_heads(application))
    return web_head(application)


def flattened_records(found: Flattened, ttl: int) -> tuple[RRset, ...]:
    """Return the RRsets that answer with a flattened target, with at most the TTL `ttl`."""
    served, stored = min(ttl, found.most), min(ttl, found.most_stored)
    return target_records(found.target, served, stored if stored != served else None)


def target_records(target: Target, ttl: int, stored_ttl: int | None = None) -> tuple[RRset, ...]:
    """Return the RRsets that answer with `target`, none for `Nothing`.

    `ttl` in seconds; `stored_ttl` is that of zone transfers where it differs.
    """
    match target:
        case Addresses(ipv4, ipv6):
            both = ((A, ipv4), (AAAA, ipv6))
            return tuple([RRset(rtype, ttl, data, stored_ttl) for rtype, data in both if data])
        case Hostname(name):
            return (RRset(CNAME, ttl, (name,), stored_ttl),)
        case Nothing():
            return ()
