"""Where DNS-01 challenges are answered, and for which names a certificate can be ordered.

| name                                  | its challenge is answered at                          |
|---------------------------------------|-------------------------------------------------------|
| a group's hostname, or one below it   | `_acme-challenge.<name>`                              |
| one that leads there by static CNAME  | the same, or where a static CNAME at that name leads  |
| records and aliases                   |                                                       |
| another name in a zone of the server  | nowhere: it belongs to no group of the application    |
| a customer's name                     | `<name>._acme-challenge.<zone>`, to which a CNAME at  |
|                                       | the customer's `_acme-challenge.<name>` points        |

A name at or below a delegation of a zone is a customer's, because other servers answer for it.

The challenge for a wildcard is at the name without its `*.` (RFC 8555 section 8.4), so one owner
may have several values at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress

from failoverdns.model.application import Application
from failoverdns.model.certificate import Challenge
from failoverdns.model.change import Json, Node
from failoverdns.model.commands.certificates import ChallengeName
from failoverdns.model.errors import Malformed, Rejected
from failoverdns.model.names import DomainName
from failoverdns.model.records import TXT, Opaque, RRset, Text
from failoverdns.model.static_records import wire_rdata
from failoverdns.model.zone import CHALLENGE_LABEL, Zone
from failoverdns.rules.derived.apex import group_for, is_answered_here
from failoverdns.rules.derived.entity_lookup import find_zone, zone_of
from failoverdns.rules.derived.static_names import matching_wildcard, trail
from failoverdns.rules.derived.stored import excludes_challenge
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
    its CNAME points.  None if records of the configuration are answered in place of a challenge.
    """
    owners = []
    with suppress(Malformed):  # too long
        if is_answered_here(view, base):
            owner = _own_owner(view, base)
            return () if _conflict(view, owner) else (owner,)
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
    either side, or lead to a name that does.  Whether the application may have certificates issued
    at all is decided in `rules.derived.renewing`.
    Raises Rejected `invalid`, which lists every name that may not be ordered.
    """
    groups = {group.id for group in view.following(application.id)}
    faults, found = [], set()
    for name in names:
        try:
            base = base_name(name)
        except Rejected as fault:
            faults.append(fault.message)
            continue
        if is_answered_here(view, base) and groups.isdisjoint(_groups_of(view, name, base)):
            faults.append(
                f"{name!r} is in a zone of this server, but is not the hostname of a group that "
                f"application {application.name!r} is attached to, or below it, and no CNAME "
                "record in the configuration leads there"
            )
        if not challenge_owners(view, base):
            faults.append(f"{name!r} {_why_nowhere(view, base)}")
        found.add("*." * name.startswith("*.") + base.to_text())
    if faults:
        raise Rejected("invalid", "; ".join(faults))
    return tuple(sorted(found))


def challenge_nodes(view: View, owners: Iterable[DomainName] | None = None) -> list[Node]:
    """Return the nodes for the challenges of all orders, or only for those at `owners`.

    The TTL is 0, because each value is queried once.  A name with configured records answers these
    instead of a challenge; records of the state are answered with it.
    """
    wanted = None if owners is None else set(owners)
    values: dict[DomainName, dict[str, None]] = {}
    if wanted is None or wanted:
        for order in view.orders():
            for challenge in order.challenges:
                values.setdefault(challenge.owner, {})[challenge.value] = None
    nodes = [
        Node(owner, zone.origin, _beside(zone.static.at(owner), _texts(found)), 0)
        for owner, found in values.items()
        if wanted is None or owner in wanted
        if (zone := zone_of(view, owner)) is not None and not excludes_challenge(zone, owner)
    ]
    return nodes + _copies(view, values, wanted)


def _copies(
    view: View, owners: Iterable[DomainName], wanted: Collection[DomainName] | None
) -> list[Node]:
    """Return nodes with the records of wildcards, for names that exist because of challenges only.

    Without them, `_acme-challenge.app` would hide the wildcard from `app` (RFC 4592 section 2.2.2).
    `wanted` limits them to names above some owners.
    """
    found: dict[DomainName, Node] = {}
    for owner in owners:
        zone = zone_of(view, owner)
        name = owner
        while zone is not None and (name := name.parent()) != zone.origin and name not in found:
            if wanted is not None and not any(one.is_at_or_below(name) for one in wanted):
                continue
            wildcard = matching_wildcard(view, zone, name)
            if wildcard is not None:
                rrsets = zone.static.at(wildcard)
                found[name] = Node(name, zone.origin, rrsets, zone.negative_ttl)
    return list(found.values())


def owners_of(challenges: Iterable[Challenge]) -> set[DomainName]:
    """Return the owner names of challenges."""
    return {challenge.owner for challenge in challenges}


def _own_owner(view: View, base: DomainName) -> DomainName:
    """Return where the challenge for a name that is answered here is looked for.

    CNAME records of the configuration are followed, as the CA does.
    """
    *_, last = trail(view, base.child(CHALLENGE_LABEL), wildcards=False)
    return last


def _conflict(view: View, owner: DomainName) -> bool:
    """Return whether something else than a challenge is answered at its owner."""
    zone = zone_of(view, owner)
    return zone is None or excludes_challenge(zone, owner) or not is_answered_here(view, owner)


def _why_nowhere(view: View, base: DomainName) -> str:
    """Return why no challenge for a name can be answered."""
    if not is_answered_here(view, base) or len(base.wire) + len(CHALLENGE_LABEL) >= 255:
        return "is too long: no zone has room for its challenge"
    owner, last = base.child(CHALLENGE_LABEL), _own_owner(view, base)
    through = "" if owner == last else ", which its CNAME record leads to,"
    where = f"{last}{through}"
    if is_answered_here(view, last):
        return (
            f"cannot be validated: {where} has records in the configuration, which are answered "
            "in place of its challenge: remove them"
        )
    return (
        f"cannot be validated: {where} is not answered by this server: remove the record at "
        f"{owner} from the configuration"
    )


def _groups_of(view: View, name: str, base: DomainName) -> Iterator[str]:
    """Yield the groups (by id) that a name in a zone of this server belongs to, or leads to.

    `name` is as it is ordered, `base` is without `*.`.
    """
    starts = [base]
    if name.startswith("*."):
        with suppress(Malformed):  # too long
            starts.append(base.child("*"))
    for start in starts:
        for one in trail(view, start):
            group = group_for(view, one)
            if group is not None:
                yield group.id


def _beside(rrsets: Collection[RRset], texts: tuple[Text, ...]) -> tuple[RRset, ...]:
    """Return the RRsets of a name with TXT records of a challenge beside those that it has."""
    others = tuple(rrset for rrset in rrsets if rrset.rtype != TXT)
    known = tuple(data for rrset in rrsets if rrset.rtype == TXT for data in rrset.data)
    new = (Opaque(wire_rdata(text)) for text in texts)
    data = (*known, *(text for text in new if text not in known)) if known else texts
    return (*others, RRset(TXT, 0, data))


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
    if is_answered_here(view, base):
        where = f"{base} is in a zone of this server"
        if not challenge_owners(view, base):
            raise Rejected("invalid", f"{where}: it {_why_nowhere(view, base)}")
        if not any(True for _ in _groups_of(view, query.name, base)):
            raise Rejected(
                "invalid",
                f"{where}, and belongs to no group: a certificate can be ordered for the hostname "
                "of a group, for a name below it, and for a name that a CNAME record in the "
                "configuration leads there",
            )
        raise Rejected("invalid", f"{where}: its challenge is answered without a CNAME")
    target, record = _delegation(base, find_zone(view, query.zone))
    return {"name": query.name, "target": target.to_text(), "record": record}


def record_for(view: View, application: str, base: DomainName) -> str:
    """Return the CNAME record that a customer's name needs, for a certificate of an application.

    It leads to the zone of a group that the application (by id) is attached to.
    Raises Rejected `invalid` if the name is too long.
    """
    groups = sorted(
        view.following(application), key=lambda g: g.application(g.active) != application
    )
    origin = groups[0].zone if groups else view.zones[0].origin
    return _delegation(base, view.zone(origin) or view.zones[0])[1]


def _delegation(base: DomainName, zone: Zone) -> tuple[DomainName, str]:
    """Return the target of a customer's CNAME record into a zone, and the record as text."""
    try:
        target = delegated_owner(base, zone)
        owner = base.child(CHALLENGE_LABEL)
    except Malformed as fault:
        text = f"{base} is too long: {zone.origin} has no room for its challenge: {fault}"
        raise Rejected("invalid", text) from None
    return target, f"{owner.absolute_text()} IN CNAME {target.absolute_text()}"
