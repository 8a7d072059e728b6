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

from failoverdns.model.application import Application, ApplicationRole
from failoverdns.model.certificate import Certificate, CertificateKind, Facts
from failoverdns.rules.serving import application_role
from failoverdns.rules.view import View

SHORT_LIFETIME = 10 * 86400.0
"""Certificates that live less are renewed at half of their lifetime."""

RETRIES = (900.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 43200.0, 86400.0)
"""Seconds to wait after so many failures: a CA allows five failures an hour for a name."""

_JITTER = 0.05
"""The part of the lifetime over which renewals are spread, so that not all fall due at once."""


def may_renew(view: View, application: Application) -> bool:
    """Tell whether an application may have certificates issued."""
    return application_role(view, application) is ApplicationRole.ONLINE


def renew_at(facts: Facts, window: tuple[float, float] | None = None) -> float:
    """Return when a certificate is due for renewal.

    `window` is what the CA suggests: a moment in it, always the same for the same certificate
    (RFC 9773 section 4.2).  Without one, two thirds of the lifetime, or half of a short one, less
    some jitter.
    """
    place = int(facts.fingerprint[:8], 16) / 2**32
    if window is not None:
        start, end = window
        return start + place * max(end - start, 0.0)
    lifetime = facts.not_after - facts.not_before
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


def retry_at(failures: int, now: float, retry_after: float | None) -> float:
    """Return when to try again after so many failures in a row.

    `retry_after` is what the CA asked for, in seconds: never sooner than that.
    """
    delay = RETRIES[min(failures, len(RETRIES)) - 1]
    return now + max(delay, retry_after or 0.0)
