"""Reports about an application's certificate, its renewal and its order, and their warnings."""

from __future__ import annotations

from failoverdns.model.application import Application, ApplicationRole
from failoverdns.model.certificate import Certificate, CertificateKind, Order
from failoverdns.model.change import Json
from failoverdns.model.timestamps import timestamp
from failoverdns.rules.derived.renewing import may_renew, renew_at, renewal_fault
from failoverdns.rules.derived.serving import application_role
from failoverdns.rules.derived.view import View


def certificate_report(view: View, application: Application, now: float) -> dict[str, Json]:
    """Return the report of an application's certificate and order, without the private key."""
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
    report["warnings"] = [
        *warnings(view, application, now),
        *(certificate.facts.warnings if certificate is not None else ()),
    ]
    return report


def _renewal_report(
    view: View, application: Application, certificate: Certificate | None
) -> dict[str, Json]:
    """Return who renews the certificate, and when it is due."""
    allowed = may_renew(view, application)
    if certificate is not None and certificate.kind is CertificateKind.CUSTOM:
        return {"allowed": False, "by": "the operator", "due_at": None}
    if not allowed:
        return {
            "allowed": False,
            "by": "nobody: the application is not active",
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


def warnings(view: View, application: Application, now: float) -> list[str]:
    """Return warnings for operators about an application's certificate and order."""
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
    return [f"the certificate will expire at {when}: the application is in no group"]
