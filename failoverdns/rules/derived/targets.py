"""The target of each side of a group, of its hostname, and of an application.

A target is addresses, a hostname, or nothing; here it becomes the RRsets that answer with it, too.
"""

from __future__ import annotations

from failoverdns.model.application import Addresses, Application, Hostname, Nothing, Target
from failoverdns.model.group import Group, Side
from failoverdns.model.records import AAAA, CNAME, A, RRset
from failoverdns.rules.derived.active_side import answered
from failoverdns.rules.derived.health import healthy_heads
from failoverdns.rules.derived.resolving import flattened
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.web_heads import target_of_heads, web_head


def application_on(view: View, group: Group, side: Side) -> Application | None:
    """Return the application on a side of a group, or None."""
    id_ = group.application(side)
    return view.application(id_) if id_ is not None else None


def target_of(view: View, group: Group, side: Side) -> Target:
    """Return the target of a side of a group, heads that are down included."""
    application = application_on(view, group, side)
    if application is None:
        return Nothing()
    target = web_head(application)
    return flattened(view, target)[0] if group.flatten else target


def answer_of(view: View, group: Group) -> Target:
    """Return the target that the hostname of a group answers with."""
    side, healthy = answered(view, group)
    application = application_on(view, group, side) if side is not None else None
    if application is None:
        return Nothing()
    target = target_of_application(application, healthy=healthy)
    return flattened(view, target)[0] if group.flatten else target


def target_of_application(application: Application, *, healthy: bool) -> Target:
    """Return the target of an application; `healthy` leaves out heads that are down."""
    if healthy:
        return target_of_heads(application, healthy_heads(application))
    return web_head(application)


def target_records(target: Target, ttl: int) -> tuple[RRset, ...]:
    """Return the RRsets that answer with `target`, none for `Nothing`; `ttl` in seconds."""
    match target:
        case Addresses(ipv4, ipv6):
            both = ((A, ipv4), (AAAA, ipv6))
            return tuple([RRset(rtype, ttl, data) for rtype, data in both if data])
        case Hostname(name):
            return (RRset(CNAME, ttl, (name,)),)
        case Nothing():
            return ()
