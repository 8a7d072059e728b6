"""Where DNS-01 challenges are answered, and for which names a certificate can be ordered.

| name                                  | its challenge is answered at                          |
|---------------------------------------|-------------------------------------------------------|
| a group's hostname, or one below it   | `_acme-challenge.<name>`                              |
| another name in a zone of the server  | nowhere: it belongs to no group of the application    |
| a customer's name                     | `<name>._acme-challenge.<zone>`, to which a CNAME at  |
|                                       | the customer's `_acme-challenge.<name>` points        |

The challenge for a wildcard is at the name without its `*.` (RFC 8555 section 8.4), so one owner
may have several values at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from failoverdns.model.application import Application
from failoverdns.model.certificate import Challenge
from failoverdns.model.change import Json, Node
from failoverdns.model.commands.certificates import ChallengeName
from failoverdns.model.errors import Malformed, Rejected
from failoverdns.model.names import DomainName
from failoverdns.model.records import TXT, RRset, Text
from failoverdns.model.zone import CHALLENGE_LABEL, Zone
from failoverdns.rules.derived.entity_lookup import find_zone, zone_of
from failoverdns.rules.derived.view import View


def base_name(name: str) -> DomainName:
    """Return the domain name that the challenge for `name` is about: without `*.` if a wildcard.

    Raises Rejected `invalid` if `name` is not a full domain name, such as an address.
    """
    text = name.removeprefix("*.")
    try:
        base = DomainName.from_text(text)
    except Malformed as fault:
        raise Rejected("invalid", f"{name!r} is not a domain name: {fault}") from None
    labels = list(base.labels())
    if len(labels) < 2 or b"*" in labels or _looks_like_an_address(text):
        raise Rejected("invalid", f"{name!r}: certificates are ordered for full domain names")
    return base


def challenge_owners(view: View, base: DomainName) -> tuple[DomainName, ...]:
    """Return the owner names at which the challenge for a name (without `*.`) is answered.

    For a customer's name there is one in each zone, because only the customer knows into which zone
    its CNAME points.
    """
    owners = []
    with suppress(Malformed):  # too long
        if zone_of(view, base) is not None:
            return (base.child(CHALLENGE_LABEL),)
    for zone in view.zones:
        with suppress(Malformed):
            owners.append(delegated_owner(base, zone))
    return tuple(owners)


def delegated_owner(base: DomainName, zone: Zone) -> DomainName:
    """Return the owner of the challenge for a customer's name in a zone.

    Raises Malformed if that name would be too long.
    """
    return base.below(zone.origin.child(CHALLENGE_LABEL))


def checked_names(view: View, application: Application, names: Iterable[str]) -> tuple[str, ...]:
    """Return `names` sorted and without duplicates, if a certificate may be ordered for all.

    A name in a zone of the server must belong to a group that the application is attached to, on
    either side.  Whether the application may have certificates issued at all is decided in
    `rules.derived.renewing`.
    Raises Rejected `invalid`, which lists every name that may not be ordered.
    """
    hostnames = [group.hostname for group in view.following(application.id)]
    faults, found = [], set()
    for name in names:
        try:
            base = base_name(name)
        except Rejected as fault:
            faults.append(fault.message)
            continue
        if zone_of(view, base) is not None and not any(base.is_at_or_below(h) for h in hostnames):
            faults.append(
                f"{name!r} is in a zone of this server, but is not the hostname of a group that "
                f"application {application.name!r} is attached to, or below it"
            )
        if not challenge_owners(view, base):
            faults.append(f"{name!r} is too long: no zone has room for its challenge")
        found.add("*." * name.startswith("*.") + base.to_text())
    if faults:
        raise Rejected("invalid", "; ".join(faults))
    return tuple(sorted(found))


def challenge_nodes(view: View, owners: Iterable[DomainName] | None = None) -> list[Node]:
    """Return the nodes for the challenges of all orders, or only for those at `owners`.

    The TTL is 0, because each value is queried once.  A name with configured records answers these
    instead of a challenge.
    """
    wanted = None if owners is None else set(owners)
    values: dict[DomainName, dict[str, None]] = {}
    if wanted is None or wanted:
        for order in view.orders():
            for challenge in order.challenges:
                if wanted is None or challenge.owner in wanted:
                    values.setdefault(challenge.owner, {})[challenge.value] = None
    return [
        Node(owner, zone.origin, (RRset(TXT, 0, _texts(found)),), 0)
        for owner, found in values.items()
        if (zone := zone_of(view, owner)) is not None and not zone.has_configured(owner)
    ]


def owners_of(challenges: Iterable[Challenge]) -> set[DomainName]:
    """Return the owner names of challenges."""
    return {challenge.owner for challenge in challenges}


def _texts(values: Iterable[str]) -> tuple[Text, ...]:
    return tuple(Text((value.encode(),)) for value in values)


def _looks_like_an_address(text: str) -> bool:
    """Return whether a name has a colon, or nothing but digits and dots."""
    return ":" in text or text.replace(".", "").isdigit()


def challenge_name(view: View, query: ChallengeName) -> dict[str, Json]:
    """Return the CNAME that a customer's name needs, as the reply to `certificate challenge-name`.

    Raises Rejected `invalid` for a name that needs none, or that is too long.
    """
    base = base_name(query.name)
    if zone_of(view, base) is not None:
        text = f"{base} is in a zone of this server: its challenge is answered without a CNAME"
        raise Rejected("invalid", text)
    zone = find_zone(view, query.zone)
    try:
        target = delegated_owner(base, zone)
        owner = base.child(CHALLENGE_LABEL)
    except Malformed as fault:
        text = f"{base} is too long: {zone.origin} has no room for its challenge: {fault}"
        raise Rejected("invalid", text) from None
    return {
        "name": query.name,
        "target": target.to_text(),
        "record": f"{owner.absolute_text()} IN CNAME {target.absolute_text()}",
    }
