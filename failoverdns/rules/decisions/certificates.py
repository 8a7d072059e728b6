"""Commands on certificates: install, request, remove; and what is reported of a certificate.

Refuses to know PEM and keys: a chain and its key were read, and found sound, before they come
here; what is left to check is what depends on the time and on the state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from failoverdns.model.application import Application, ApplicationRole
from failoverdns.model.certificate import Certificate, CertificateKind, Facts, Order
from failoverdns.model.change import Json, Write
from failoverdns.model.commands.certificates import (
    InstallCertificate,
    RemoveCertificate,
    RequestCertificate,
)
from failoverdns.model.errors import Rejected
from failoverdns.model.moment import Moment
from failoverdns.model.timestamps import timestamp
from failoverdns.rules.decisions.decision import Decision
from failoverdns.rules.derived.challenges import checked_names
from failoverdns.rules.derived.entity_lookup import find_application
from failoverdns.rules.derived.renewing import may_renew, renew_at, retry_asked_at
from failoverdns.rules.derived.serving import application_role
from failoverdns.rules.derived.view import View

MAX_NAMES = 100
"""Names in a certificate that is ordered: what Let's Encrypt takes."""


def install_certificate(
    view: View, command: InstallCertificate, moment: Moment, _random: Random
) -> Decision:
    """Give an application a certificate, in place of the one it has; what is ordered is dropped.

    Raises Rejected `invalid` for one that is not valid `now` (seconds since 1970).
    """
    application = find_application(view, command.application)
    check_dates(command.facts, moment.now)
    before, order = view.certificate(application.id), view.order_for(application.id)
    after = Certificate(application.id, CertificateKind.CUSTOM, command.facts, moment.now)
    writes = () if order is None else (Write(order, None),)
    return Decision(
        (*writes, Write(before, after)),
        lambda changed: {
            **certificate_report(changed, application, moment.now),
            "replaced": before.facts.fingerprint if before is not None else None,
        },
        bundles=(command.bundle,),
    )


def request_certificate(
    view: View, command: RequestCertificate, moment: Moment, _random: Random
) -> Decision:
    """Order a certificate for an application that is active.

    | what there is for these names           | then                                         |
    |-----------------------------------------|----------------------------------------------|
    | an order that did not fail              | it goes on                                   |
    | an order that failed                    | it is tried again as soon as the CA's limits |
    |                                         | allow it: `renewing`                         |
    | a certificate that is not due           | is enough, unless it is to be issued `again` |
    | nothing of these                        | they are ordered, in place of other names;   |
    |                                         | failures in a row stay counted               |

    So asking again and again does no harm.  Without names: those of the certificate it has, if
    that was issued over ACME; else the hostnames of the groups in which it is active.
    Raises Rejected `refused` for an application that gets no traffic.
    """
    application = find_application(view, command.application)
    if not may_renew(view, application):
        role = application_role(view, application)
        where = "on the inactive side" if role is ApplicationRole.OFFLINE else "in no group"
        raise Rejected(
            "refused",
            f"application {application.name!r} is {where}: certificates are issued only where the "
            "traffic is; when it becomes active it gets the active one's, or its own",
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
    """Remove an application's certificate and what is ordered for it."""
    application = find_application(view, command.application)
    writes = certificate_removals(view, application)
    if not writes:
        raise Rejected("not-found", f"application {application.name!r} has no certificate")
    certificate = view.certificate(application.id)
    fingerprint = certificate.facts.fingerprint if certificate is not None else None
    return Decision(writes, lambda _: {"removed": application.name, "fingerprint": fingerprint})


def certificate_removals(view: View, application: Application) -> tuple[Write, ...]:
    """Return the writes that take away an application's certificate and order."""
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


def certificate_report(view: View, application: Application, now: float) -> dict[str, Json]:
    """Report an application's certificate and order: never the key, which is not here at all."""
    certificate, order = view.certificate(application.id), view.order_for(application.id)
    role = application_role(view, application)
    report: dict[str, Json] = {"application": application.name, "role": role.value}
    if certificate is not None:
        facts = certificate.facts
        source = view.application(certificate.source) if certificate.source is not None else None
        report |= {
            "kind": certificate.kind.value,
            "names": list(facts.names),
            "issuer": facts.issuer,
            "key_type": facts.key_type,
            "not_before": timestamp(facts.not_before),
            "not_after": timestamp(facts.not_after),
            "fingerprint": facts.fingerprint,
            "chain_length": facts.length,
            "installed_at": timestamp(certificate.installed_at),
            "transferred_from": source.name if source is not None else certificate.source,
        }
    report["renewal"] = _renewal_report(view, application, certificate)
    if order is not None:
        report["order"] = {
            "id": order.id,
            "names": list(order.names),
            "state": _order_state(view, application, order),
            "failures": order.failures,
            "problem": order.problem,
            "retry_at": timestamp(order.retry_at) if order.failures else None,
        }
    report["warnings"] = list(warnings(view, application, now))
    return report


def warnings(view: View, application: Application, now: float) -> list[str]:
    """Return what an operator should know of an application's certificate."""
    certificate, order = view.certificate(application.id), view.order_for(application.id)
    found = []
    if certificate is not None:
        found += _expiry_warnings(view, application, certificate, now)
    if order is not None and order.failures:
        found.append(
            f"issuing failed {order.failures} time(s), next try at {timestamp(order.retry_at)}: "
            f"{order.problem}"
        )
    return found


def _expiry_warnings(
    view: View, application: Application, certificate: Certificate, now: float
) -> list[str]:
    facts = certificate.facts
    when = timestamp(facts.not_after)
    inactive = application_role(view, application) is ApplicationRole.OFFLINE
    if facts.not_after <= now:
        return [f"the certificate expired at {when}"]
    if renew_at(facts) > now:
        return []
    if certificate.kind is CertificateKind.ACME and may_renew(view, application):
        fault = renewal_fault(view, application, facts.names)
        text = f"the certificate cannot be renewed, and will expire at {when}: {fault}"
        return [text] if fault is not None else []
    if inactive:
        return [
            f"the copy on the inactive side will expire at {when}: it is renewed or replaced only "
            "when a switch makes the application active"
        ]
    if certificate.kind is CertificateKind.CUSTOM:
        return [f"the certificate will expire at {when}: install a new one"]
    return [f"the certificate will expire at {when}: no group leads to the application"]


def renewal_fault(view: View, application: Application, names: tuple[str, ...]) -> str | None:
    """Say why a certificate for these names cannot be ordered anew; None if it can."""
    try:
        checked_names(view, application, names)
    except Rejected as refusal:
        return refusal.message
    return None


def _renewal_report(
    view: View, application: Application, certificate: Certificate | None
) -> dict[str, Json]:
    """Say who may renew, and from when on."""
    allowed = may_renew(view, application)
    if certificate is not None and certificate.kind is CertificateKind.CUSTOM:
        return {"allowed": False, "by": "whoever installed it", "due_at": None}
    if not allowed:
        return {
            "allowed": False,
            "by": "nobody here: the application is not active",
            "due_at": None,
        }
    due = renew_at(certificate.facts) if certificate is not None else None
    return {"allowed": True, "by": "failoverdns", "due_at": timestamp(due)}


def _order_state(view: View, application: Application, order: Order) -> str:
    if not may_renew(view, application):
        return "waiting for the application to become active"
    if order.failures:
        return "failed"
    if order.challenges:
        return "being validated"
    return "placed" if order.url is not None else "new"


def _names_for(view: View, application: Application) -> tuple[str, ...]:
    """Return the names to order when none are given."""
    certificate = view.certificate(application.id)
    if certificate is not None and certificate.kind is CertificateKind.ACME:
        return certificate.facts.names
    return tuple(
        group.hostname.to_text()
        for group in view.following(application.id)
        if group.application(group.active) == application.id
    )
