"""Decisions on the commands that install, request and remove certificates.

A chain and its key are read and checked before, in `failoverdns.pki`; here only the conditions are
checked that depend on the time and on the state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from failoverdns.model.application import Application, ApplicationRole
from failoverdns.model.certificate import Certificate, CertificateKind, Facts, Order
from failoverdns.model.change import Write
from failoverdns.model.commands.certificates import (
    InstallCertificate,
    RemoveCertificate,
    RequestCertificate,
)
from failoverdns.model.errors import Rejected
from failoverdns.model.moment import Moment
from failoverdns.model.timestamps import timestamp
from failoverdns.rules.decisions.decision import Decision, row, warned_after
from failoverdns.rules.decisions.judging_targets import application_warnings
from failoverdns.rules.derived.challenges import checked_names
from failoverdns.rules.derived.entity_lookup import find_application
from failoverdns.rules.derived.renewing import may_renew, renew_at, retry_asked_at
from failoverdns.rules.derived.serving import application_role
from failoverdns.rules.derived.view import View
from failoverdns.rules.reports.certificate_reports import certificate_report

MAX_NAMES = 100
"""The largest number of names in an order: the limit of Let's Encrypt."""


def install_certificate(
    view: View, command: InstallCertificate, moment: Moment, _random: Random
) -> Decision:
    """Install a certificate in place of the one that the application has, and drop its order.

    The reply warns if its names now keep policies from switching groups.
    Raises Rejected `invalid` for a certificate that clients refuse now.
    """
    application = find_application(view, command.application)
    if command.faults:
        text = "; ".join(f"chain: {fault}" for fault in command.faults)
        raise Rejected("invalid", f"{text}; it is {timestamp(moment.now)} now")
    check_dates(command.facts, moment.now)
    before, order = view.certificate(application.id), view.order_for(application.id)
    after = Certificate(application.id, CertificateKind.CUSTOM, command.facts, moment.now)
    writes = () if order is None else (Write(order, None),)
    installed = Decision(
        (*writes, Write(before, after)),
        lambda changed: {
            **certificate_report(changed, application, moment.now),
            "replaced": before.facts.fingerprint if before is not None else None,
        },
        bundles=(command.bundle,),
    )
    known = set(application_warnings(view, application))
    return warned_after(
        installed,
        lambda changed: [t for t in application_warnings(changed, application) if t not in known],
    )


def request_certificate(
    view: View, command: RequestCertificate, moment: Moment, _random: Random
) -> Decision:
    """Order a certificate for an application that is active.

    | the application has, for these names    | then                                         |
    |-----------------------------------------|----------------------------------------------|
    | an order without failures               | it continues                                 |
    | an order that failed                    | it is tried again as soon as the CA's limits |
    |                                         | allow it, see `renewing`                     |
    | a certificate that is not due           | nothing is ordered, except with `again`      |
    | none of these                           | a certificate is ordered, and an order for   |
    |                                         | other names is dropped; its failures in a    |
    |                                         | row still count                              |

    So a repeated request does no harm.  Without names in the command, they are those of the
    certificate that the application has, if that was issued over ACME, or else the hostnames of the
    groups in which it is active.
    Raises Rejected `refused` for an application that gets no traffic.
    """
    application = find_application(view, command.application)
    if not may_renew(view, application):
        role = application_role(view, application)
        where = "on the inactive side" if role is ApplicationRole.OFFLINE else "in no group"
        raise Rejected(
            "refused",
            f"application {application.name!r} is {where}: certificates are issued only where the "
            "traffic is; when it becomes active, the active one's is transferred to it, or its own "
            "can be issued",
        )
    names = checked_names(view, application, command.name or _names_for(view, application))
    if not names:
        raise Rejected("invalid", "no names: give them with --name")
    if len(names) > MAX_NAMES:
        raise Rejected("invalid", f"{len(names)} names: at most {MAX_NAMES} are allowed")
    return Decision(
        tuple(_request_writes(view, application, names, command.again, moment.now)),
        lambda changed: certificate_report(changed, application, moment.now),
    )


def _request_writes(
    view: View, application: Application, names: tuple[str, ...], again: bool, now: float
) -> Iterator[Write]:
    before, certificate = view.order_for(application.id), view.certificate(application.id)
    if before is not None and before.names == names:
        after = replace(before, retry_at=retry_asked_at(before, now))
        if before.failures and after != before:
            yield Write(before, after)
        return
    if before is not None:
        yield Write(before, None)
    if not again and certificate is not None and _is_enough(certificate, names, now):
        return
    after = Order(f"ord-{view.revision + 1}", application.id, names)
    if before is not None:
        after = replace(
            after,
            failures=before.failures,
            retry_at=retry_asked_at(before, now),
            problem=before.problem,
            not_before=before.not_before,
        )
    yield Write(None, after)


def _is_enough(certificate: Certificate, names: tuple[str, ...], now: float) -> bool:
    facts = certificate.facts
    return (
        certificate.kind is CertificateKind.ACME and facts.names == names and renew_at(facts) > now
    )


def remove_certificate(
    view: View, command: RemoveCertificate, _moment: Moment, _random: Random
) -> Decision:
    """Remove an application's certificate and its order."""
    application = find_application(view, command.application)
    writes = certificate_removals(view, application)
    if not writes:
        raise Rejected("not-found", f"application {application.name!r} has no certificate")
    certificate = view.certificate(application.id)
    fingerprint = certificate.facts.fingerprint if certificate is not None else None
    return Decision(writes, lambda _: {"removed": application.name, "fingerprint": fingerprint})


def certificate_removals(view: View, application: Application) -> tuple[Write, ...]:
    """Return the writes that remove an application's certificate and order."""
    entities = (view.certificate(application.id), view.order_for(application.id))
    return tuple(Write(entity, None) for entity in entities if entity is not None)


def check_dates(facts: Facts, now: float) -> None:
    """Raise Rejected `invalid` for a certificate that is not valid `now`."""
    if facts.not_after <= now:
        text = f"the certificate expired at {timestamp(facts.not_after)}"
    elif facts.not_before > now:
        text = f"the certificate is not valid before {timestamp(facts.not_before)}"
    else:
        return
    raise Rejected("invalid", f"{text}; it is {timestamp(now)} now")


def _names_for(view: View, application: Application) -> tuple[str, ...]:
    """Return the names to order when the command has none."""
    certificate = view.certificate(application.id)
    if certificate is not None and certificate.kind is CertificateKind.ACME:
        return certificate.facts.names
    return tuple(
        group.hostname.to_text()
        for group in view.following(application.id)
        if group.application(group.active) == application.id
    )


DECISIONS = (
    row(InstallCertificate, install_certificate),
    row(RequestCertificate, request_certificate),
    row(RemoveCertificate, remove_certificate),
)
"""The commands that this module decides on."""
