"""Which applications may renew a certificate, and when: where the traffic is, well before expiry.

| application                       | may renew its ACME certificate                          |
|-----------------------------------|---------------------------------------------------------|
| active side of a group            | yes                                                     |
| attached, active side of none     | no: its certificate is replaced when it becomes active  |
| in no group                       | no: there is no traffic                                 |

Times are in seconds since 1970.  The renewal window that a CA suggests is an argument.
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
"""Lifetime in seconds below which a certificate is renewed at half of its lifetime."""

LATEST = 0.9
"""The part of the lifetime after which a renewal is due, whatever window the CA suggests."""

RETRIES = (900.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 43200.0, 86400.0)
"""Seconds to wait after the first, second, ... failure: a CA allows five an hour for a name."""

AT_ONCE = 2
"""Failures in a row from which a requested attempt waits too; with `RETRIES`, five an hour."""

_JITTER = 0.05
"""The part of the lifetime over which renewals are spread, so that they are not due all at once."""

_RETRY_JITTER = 0.1
"""The largest part by which the wait of an order is longer than in `RETRIES`."""


def may_renew(view: View, application: Application) -> bool:
    """Return whether certificates may be issued to an application: it is active in a group."""
    return application_role(view, application) is ApplicationRole.ONLINE


def renewal_fault(view: View, application: Application, names: tuple[str, ...]) -> str | None:
    """Return why a certificate for these names cannot be ordered again, or None if it can."""
    try:
        checked_names(view, application, names)
    except Rejected as refusal:
        return refusal.message
    return None


def renew_at(facts: Facts, window: tuple[float, float] | None = None) -> float:
    """Return when a certificate is due for renewal.

    With the `window` that the CA suggests (RFC 9773 section 4.2), it is a moment in the window,
    always the same one for the same certificate, but not after `LATEST`.  Without a window, it is
    two thirds of the lifetime, or half of a short one, less some jitter.
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
    """Return whether a certificate must be ordered again now, and may be."""
    application = view.application(certificate.application)
    return (
        certificate.kind is CertificateKind.ACME
        and application is not None
        and may_renew(view, application)
        and view.order_for(application.id) is None
        and renew_at(certificate.facts, window) <= now
    )


def retry_at(order: str, failures: int, now: float, retry_after: float | None) -> float:
    """Return when an order (by id) is tried again after this number of failures in a row.

    `retry_after` is the least wait in seconds that the CA asked for, or None.
    """
    delay = RETRIES[min(failures, len(RETRIES)) - 1]
    spread = 1 + _RETRY_JITTER * _place(sha256(order.encode()).hexdigest())
    return now + max(delay, retry_after or 0.0) * spread


def retry_asked_at(order: Order, now: float) -> float:
    """Return when an order is tried again if an operator requests that at `now`.

    | failures in a row  | next attempt                                          |
    |--------------------|-------------------------------------------------------|
    | less than AT_ONCE  | at once                                               |
    | AT_ONCE or more    | after the first of RETRIES, or sooner if due sooner   |

    But never before the CA allows it.
    """
    wait = 0.0 if order.failures < AT_ONCE else RETRIES[0]
    return max(min(order.retry_at, now + wait), order.not_before)


def _place(digest: str) -> float:
    """Return a number from 0 to 1 that depends on the digest (hex) only."""
    return int(digest[:8], 16) / 2**32
