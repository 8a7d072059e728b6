"""Who may renew a certificate, and when: only where the traffic is, and well before it expires.

| application                       | may renew its ACME certificate                          |
|-----------------------------------|---------------------------------------------------------|
| active side of a group            | yes                                                     |
| attached, active side of none     | never: what it has is replaced when it becomes active   |
| in no group                       | no: there is no traffic                                 |

Times are in seconds since 1970.
Refuses to know the CA: its renewal window is an argument.
"""

from __future__ import annotations

from hashlib import sha256

from failoverdns.model.application import Application, ApplicationRole
from failoverdns.model.certificate import Certificate, CertificateKind, Facts, Order
from failoverdns.model.errors import Rejected
from failoverdns.rules.derived.challenges import checked_names
from failoverdns.rules.derived.serving import application_role
from failoverdns.rules.derived.view import View

SHORT_LIFETIME = 10 * 86400.0
"""Certificates that live less are renewed at half of their lifetime."""

LATEST = 0.9
"""The part of the lifetime after which no window lets a renewal wait."""

RETRIES = (900.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 43200.0, 86400.0)
"""Seconds to wait after so many failures: a CA allows five failures an hour for a name."""

AT_ONCE = 2
"""Failures in a row from which on also who asks waits: with `RETRIES`, five an hour at most."""

_JITTER = 0.05
"""The part of the lifetime over which renewals are spread, so that not all fall due at once."""

_RETRY_JITTER = 0.1
"""The part by which a wait is longer for some orders than for others."""


def may_renew(view: View, application: Application) -> bool:
    """Tell whether an application may have certificates issued."""
    return application_role(view, application) is ApplicationRole.ONLINE


def renewal_fault(view: View, application: Application, names: tuple[str, ...]) -> str | None:
    """Say why a certificate for these names cannot be ordered anew; None if it can."""
    try:
        checked_names(view, application, names)
    except Rejected as refusal:
        return refusal.message
    return None


def renew_at(facts: Facts, window: tuple[float, float] | None = None) -> float:
    """Return when a certificate is due for renewal.

    `window` is what the CA suggests: a moment in it, always the same for the same certificate
    (RFC 9773 section 4.2), but not so late that nothing may go wrong any more.  Without one, two
    thirds of the lifetime, or half of a short one, less some jitter.
    """
    place = _place(facts.fingerprint)
    lifetime = facts.not_after - facts.not_before
    if window is not None:
        start, end = window
        latest = facts.not_before + lifetime * LATEST
        return min(start + place * max(end - start, 0.0), latest)
    part = 0.5 if lifetime < SHORT_LIFETIME else 2 / 3
    return facts.not_before + lifetime * (part - place * _JITTER)


def is_due(
    view: View, certificate: Certificate, now: float, window: tuple[float, float] | None = None
) -> bool:
    """Tell whether a certificate is to be ordered anew now."""
    application = view.application(certificate.application)
    return (
        certificate.kind is CertificateKind.ACME
        and application is not None
        and may_renew(view, application)
        and view.order_for(application.id) is None
        and renew_at(certificate.facts, window) <= now
    )


def retry_at(order: str, failures: int, now: float, retry_after: float | None) -> float:
    """Return when an order (by id) is tried again after so many failures in a row.

    `retry_after` is what the CA asked for, in seconds: never sooner than that.
    """
    delay = RETRIES[min(failures, len(RETRIES)) - 1]
    spread = 1 + _RETRY_JITTER * _place(sha256(order.encode()).hexdigest())
    return now + max(delay, retry_after or 0.0) * spread


def retry_asked_at(order: Order, now: float) -> float:
    """Return when an order is tried again if somebody asks for it at `now`.

    | failures in a row  | is tried                                              |
    |--------------------|-------------------------------------------------------|
    | less than AT_ONCE  | at once                                               |
    | more               | after the first of RETRIES, if not sooner in any case |

    But never before the CA allows it.
    """
    wait = 0.0 if order.failures < AT_ONCE else RETRIES[0]
    return max(min(order.retry_at, now + wait), order.not_before)


def _place(digest: str) -> float:
    """Return a number from 0 to 1, always the same for the same digest (hex)."""
    return int(digest[:8], 16) / 2**32
