"""The transfer of certificates when traffic moves from one application to another.

| the formerly active has | the newly active has               | then                              |
|-------------------------|------------------------------------|-----------------------------------|
| no certificate          | none, or one that is valid         | nothing is transferred            |
| no certificate          | one that is expired                | rule `certificate-expired` fails  |
| a valid one             | none                               | transferred                       |
| a valid one             | the same                           | nothing is transferred            |
| a valid one             | another with the same names        | transferred, in its place         |
| any                     | one with other names               | rule `certificate-names` fails;   |
|                         |                                    | overridden: it keeps its own      |
| an expired one          | a valid one with the same names    | it keeps its own, which is better |
| an expired one          | none, or an expired one with the   | rule `certificate-expired` fails; |
|                         | same names                         | overridden: transferred           |

The same holds in either direction, and for custom and ACME certificates alike.
A transfer changes which application has the bundle in the vault; chain and key do not change.
An order moves along, unless the newly active application keeps a certificate of other names.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from failoverdns.model.certificate import Certificate, Order
from failoverdns.model.change import Json
from failoverdns.model.rule_names import PreflightRule
from failoverdns.model.timestamps import timestamp


class TransferResult(Enum):
    """The result of a transfer for the newly active application."""

    NOTHING = "nothing"
    TRANSFERRED = "transferred"
    PRESENT = "present"
    KEPT = "kept"
    NAMES_DIFFER = "names-differ"


@dataclass(frozen=True, slots=True)
class Transfer:
    """The result of a transfer, and the certificate that the newly active application then has.

    `problems` are the pre-flight rules that fail, each with a message: why, and what to do.
    """

    outcome: TransferResult
    certificate: Certificate | None
    problems: tuple[tuple[str, str], ...] = ()


def plan_transfer(
    former: Certificate | None, own: Certificate | None, newly_active: str, now: float
) -> Transfer:
    """Return the transfer from the formerly to the newly active application.

    `former` and `own` are their certificates, `newly_active` is the id of the latter; `now` is in
    seconds since 1970.
    """
    if former is None:
        return _expiring(TransferResult.NOTHING, own, now)
    if own is None:
        return _expiring(TransferResult.TRANSFERRED, transferred(former, newly_active, now), now)
    if own.facts.names != former.facts.names:
        return _differing(former, own, now)
    if own.facts.bundle == former.facts.bundle and own.kind is former.kind:
        return _expiring(TransferResult.PRESENT, own, now)
    if is_expired(former, now) and not is_expired(own, now):
        return Transfer(TransferResult.KEPT, own)
    return _expiring(TransferResult.TRANSFERRED, transferred(former, newly_active, now), now)


def transferred(certificate: Certificate, to: str, now: float) -> Certificate:
    """Return the certificate that another application (by id) has after a transfer."""
    return replace(certificate, application=to, installed_at=now, source=certificate.application)


def moved_order(order: Order, to: str) -> Order:
    """Return an order as it continues for the newly active application (by id).

    Its failures and waiting time stay, because the CA counts failures by name.
    """
    return replace(order, application=to)


def is_expired(certificate: Certificate, now: float) -> bool:
    """Return whether a certificate is expired at `now` (seconds since 1970)."""
    return certificate.facts.not_after <= now


def transfer_report(transfer: Transfer) -> dict[str, Json] | None:
    """Return a transfer as a switch's reply shows it; None without a certificate."""
    certificate = transfer.certificate
    if certificate is None:
        return None
    facts = certificate.facts
    report: dict[str, Json] = {
        "outcome": transfer.outcome.value,
        "names": list(facts.names),
        "kind": certificate.kind.value,
        "fingerprint": facts.fingerprint,
        "not_after": timestamp(facts.not_after),
    }
    if transfer.problems:
        report["warning"] = "; ".join(problem for _, problem in transfer.problems)
    elif transfer.outcome is TransferResult.KEPT:
        report["warning"] = "the formerly active certificate is expired: it was left behind"
    return report


def _expiring(outcome: TransferResult, certificate: Certificate | None, now: float) -> Transfer:
    return Transfer(outcome, certificate, _expiry(certificate, now))


def _expiry(certificate: Certificate | None, now: float) -> tuple[tuple[str, str], ...]:
    if certificate is None or not is_expired(certificate, now):
        return ()
    problem = (
        f"the certificate that would be used expired at {timestamp(certificate.facts.not_after)}: "
        "install a valid one with `certificate install`"
    )
    return ((PreflightRule.CERTIFICATE_EXPIRED, problem),)


def _differing(former: Certificate, own: Certificate, now: float) -> Transfer:
    """Return the transfer that fails because the names differ; its message lists the names."""
    there, here = set(former.facts.names), set(own.facts.names)
    parts = []
    if there - here:
        parts.append("missing there: " + ", ".join(sorted(there - here)))
    if here - there:
        parts.append("extra there: " + ", ".join(sorted(here - there)))
    problem = (
        "the certificate on the side to switch to is for other names than the active one "
        f"({'; '.join(parts)}): install one for the same names, or remove it with "
        "`certificate remove` so that the active one is transferred"
    )
    differ = (PreflightRule.CERTIFICATE_NAMES, problem)
    return Transfer(TransferResult.NAMES_DIFFER, own, (differ, *_expiry(own, now)))
