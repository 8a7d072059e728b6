"""The targets of probes: each address of each head, for each check of its application.

Standby load balancers are probed like active ones, so that their health is known before they are
needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from failoverdns.model.application import Application, Head
from failoverdns.model.certificate import Certificate
from failoverdns.model.change import Change
from failoverdns.model.group import Group
from failoverdns.model.health import Check, ProbeTarget
from failoverdns.model.names import DomainName
from failoverdns.rules.derived.client_names import client_names
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.web_heads import hostname

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class TallyKey:
    """The key of a tally: a check of a head, at one address; `application` is an id.

    `address` is None for the head as a whole: for reports, and for a hostname without addresses.
    """

    application: str
    head: str
    check: str
    address: Address | None = None


def checks_of(view: View, application: Application) -> tuple[Check, ...]:
    """Return the checks of an application, as far as they are configured."""
    found = (view.settings.check(name) for name in application.checks)
    return tuple(check for check in found if check is not None)


def targets_of(
    view: View,
    application: Application,
    addresses: Callable[[DomainName], Iterable[Address]],
) -> Mapping[TallyKey, ProbeTarget]:
    """Return the targets to probe for an application; none for `push` checks.

    `addresses` returns the addresses that a hostname resolves to now.
    """
    names = client_names(view, application)
    targets = {}
    for check in checks_of(view, application):
        if not check.kind.is_probed:
            continue
        for head in application.heads:
            found = head.addresses or tuple(addresses(hostname(application, head)))
            for address in found:
                key = TallyKey(application.id, head.name, check.name, address)
                targets[key] = ProbeTarget(
                    check,
                    application.name,
                    head.name,
                    address,
                    names.at(address),
                    names.advice_for(check),
                )
    return targets


def hostnames_of(application: Application) -> tuple[DomainName, ...]:
    """Return the hostnames that must be resolved to probe an application."""
    heads: Iterable[Head] = application.heads if application.checks else ()
    return tuple(hostname(application, head) for head in heads if not head.addresses)


def concerned(change: Change) -> frozenset[str]:
    """Return the ids of the applications whose targets a change may alter.

    A change of observed or forced health alters none.
    """
    found: set[str] = set()
    for write in change.writes:
        if _is_probed_alike(write.before, write.after):
            continue
        for entity in (write.before, write.after):
            match entity:
                case Application(id=id_) | Certificate(application=id_):
                    found.add(id_)
                case Group():
                    found.update(entity.applications)
    return frozenset(found)


def _is_probed_alike(before: object, after: object) -> bool:
    return (
        isinstance(before, Application)
        and isinstance(after, Application)
        and _without_health(before) == _without_health(after)
    )


def _without_health(application: Application) -> tuple[object, ...]:
    """Return the properties of an application that its targets and tallies depend on."""
    return (
        application.name,
        application.hostname_template,
        application.checks,
        application.require_checks,
        tuple([(head.name, head.addresses, head.hostname) for head in application.heads]),
    )
