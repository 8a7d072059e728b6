"""Dynamic updates of heads: A and AAAA records that stand for the addresses of a head.

    <head>._heads.<application>.<zone>   A or AAAA   ->   as `head set APPLICATION HEAD --address`

These names are not served.  An update is judged by what it leaves: a head that has addresses keeps
at least one, so that a deletion before an addition is fine, and a deletion alone is refused.  Only
heads that there are can be set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import islice

from failoverdns.model.application import Application
from failoverdns.model.change import Write
from failoverdns.model.errors import Rejected
from failoverdns.model.moment import Moment
from failoverdns.model.names import DomainName
from failoverdns.model.records import AAAA, A, Opaque, RRset
from failoverdns.model.zone import Zone
from failoverdns.model.zone_update import Action, Instruction
from failoverdns.rules.decisions.applications import set_addresses
from failoverdns.rules.decisions.record_names import HEADS_LABEL
from failoverdns.rules.derived.entity_lookup import find_head
from failoverdns.rules.derived.view import View

Addresses = tuple[IPv4Address | IPv6Address, ...]


@dataclass(frozen=True, slots=True)
class HeadName:
    """A head, by its name and that of its application."""

    application: str
    head: str


def head_at(zone: Zone, owner: DomainName) -> HeadName | None:
    """Return the head that a name in a zone stands for, whether or not there is one; else None."""
    below = DomainName(owner.wire[: len(owner.wire) - len(zone.origin.wire)] + b"\0")
    match tuple(label.decode("latin-1") for label in islice(below.labels(), 4)):
        case (head, label, application) if label == HEADS_LABEL:
            return HeadName(application, head)
    return None


def head_rrsets(view: View, name: HeadName) -> tuple[RRset, ...]:
    """Return the addresses of a head as the RRsets that its name stands for; none without it."""
    application = view.application_named(name.application)
    head = application.head(name.head) if application is not None else None
    if head is None:
        return ()
    found = []
    for rtype, kind in ((A, IPv4Address), (AAAA, IPv6Address)):
        data = tuple(Opaque(one.packed) for one in head.addresses if isinstance(one, kind))
        if data:
            found.append(RRset(rtype, 0, data))
    return tuple(found)


def head_writes(
    view: View, instructions: Iterable[tuple[HeadName, Instruction]], moment: Moment
) -> tuple[Write, ...]:
    """Return the writes of instructions about heads.

    Raises Rejected if a head is not there, if one has no address left, or if `head set` would be
    refused.
    """
    after: dict[str, dict[str, Addresses]] = {}
    for name, one in instructions:
        application = _application(view, name)
        head = find_head(application, name.head)
        heads = after.setdefault(application.name, {})
        heads[head.name] = _edited(heads.get(head.name, head.addresses), one)
    writes: list[Write] = []
    for application_name, heads in after.items():
        application = _application(view, HeadName(application_name, ""))
        changed = _changed(application, heads)
        writes += set_addresses(view, application, changed, moment).writes
    return tuple(writes)


def _application(view: View, name: HeadName) -> Application:
    application = view.application_named(name.application)
    if application is None:
        raise Rejected("not-found", f"there is no application {name.application!r}")
    return application


def _edited(addresses: Addresses, one: Instruction) -> Addresses:
    """Return addresses after one instruction; raises Rejected for other types than A and AAAA."""
    kind = {A: IPv4Address, AAAA: IPv6Address}.get(one.rtype)
    if one.action is Action.DELETE_NAME:
        return ()
    if kind is None:
        text = f"{one.owner} stands for a head, whose addresses are A and AAAA records"
        raise Rejected("invalid", text)
    if one.action is Action.DELETE_RRSET:
        return tuple(address for address in addresses if not isinstance(address, kind))
    given = ip_address(one.data)
    others = tuple(address for address in addresses if address != given)
    if one.action is Action.DELETE_RECORD:
        return others
    return addresses if given in addresses else (*addresses, given)


def _changed(application: Application, heads: Mapping[str, Addresses]) -> dict[str, Addresses]:
    """Return the heads whose addresses change; raises Rejected if one has no address left."""
    changed = {
        name: addresses
        for name, addresses in heads.items()
        if set(addresses) != set(find_head(application, name).addresses)
    }
    for name, addresses in changed.items():
        if not addresses:
            text = (
                f"the head {name} of application {application.name} would have no address left: "
                "add the new address in the same update, or remove the head with `head remove`"
            )
            raise Rejected("refused", text)
    return changed
