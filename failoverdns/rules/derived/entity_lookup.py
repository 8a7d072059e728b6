"""Look-up of applications, heads, groups and zones by name; refusals suggest the nearest name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

from failoverdns.model.application import Application, Head
from failoverdns.model.errors import Rejected
from failoverdns.model.group import Group
from failoverdns.model.names import DomainName
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.view import View

_COMPARED = 2000
"""Names that are compared for a suggestion, so that an error costs no more than a change."""


def find_application(view: View, name: str) -> Application:
    """Return the application called `name`; raises Rejected `not-found` if there is none."""
    found = view.application_named(name.lower())
    if found is None:
        raise not_found("application", name, (a.name for a in view.applications()))
    return found


def find_head(application: Application, name: str) -> Head:
    """Return the head called `name`; raises Rejected `not-found` if `application` has none."""
    found = application.head(name.lower())
    if found is None:
        names = (head.name for head in application.heads)
        raise not_found("head", name, names, f" in application {application.name!r}")
    return found


def find_group(view: View, name: str) -> Group:
    """Return the group called `name`; raises Rejected `not-found` if there is none."""
    found = view.group_named(name)
    if found is None:
        raise not_found("group", name, (group.name for group in view.groups()))
    return found


def find_zone(view: View, origin: DomainName | None) -> Zone:
    """Return the zone with this origin, or the only zone if `origin` is None.

    Raises Rejected `not-found` if there is none, `invalid` if there are several to choose from.
    """
    if origin is None:
        if len(view.zones) != 1:
            names = ", ".join(zone.origin.to_text() for zone in view.zones)
            raise Rejected("invalid", f"there are several zones: choose one with --zone ({names})")
        return view.zones[0]
    found = view.zone(origin)
    if found is None:
        names_ = (zone.origin.to_text() for zone in view.zones)
        raise not_found("zone", origin.to_text(), names_)
    return found


def zone_of(view: View, name: DomainName) -> Zone | None:
    """Return the zone of the server that a name is in, or None."""
    while (zone := view.zone(name)) is None and not name.is_root:
        name = name.parent()
    return zone


def not_found(kind: str, name: str, names: Iterable[str], where: str = "") -> Rejected:
    """Return the refusal of an unknown name, which suggests the nearest of the known `names`."""
    known = list(islice(names, _COMPARED))
    near = get_close_matches(name, known, n=1)
    if near:
        hint = f"; did you mean {near[0]!r}?"
    elif 0 < len(known) <= 5:
        hint = f"; there is {', '.join(repr(k) for k in known)}"
    else:
        hint = "" if known else f"; there is no {kind} at all{where} yet"
    return Rejected("not-found", f"no {kind} {name!r}{where}{hint}")
