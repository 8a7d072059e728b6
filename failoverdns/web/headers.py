"""The header fields of every response that make browsers careful.

everything     nothing is guessed, framed, sent as referrer, or loaded by other sites
the dashboard  loads its own files, and talks to its own server, and nothing else
the API        is never stored
with TLS       browsers do not use plain HTTP for this host any more
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

STORED_AT_MOST: Final = 31_536_000
"""Seconds for which browsers remember to use HTTPS (RFC 6797 section 6.1.1)."""

DASHBOARD_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the pages of the dashboard may load: their own files."""

API_POLICY: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_EVERYWHERE: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

_NEVER_STORED: Final = {"Cache-Control": "no-store", "Content-Security-Policy": API_POLICY}
_DASHBOARD: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": DASHBOARD_POLICY,
}
_SECURE: Final = {"Strict-Transport-Security": f"max-age={STORED_AT_MOST}"}


def careful_fields(*, is_secure: bool, is_dashboard: bool = False) -> Mapping[str, str]:
    """Return the header fields of a response; `is_secure` is whether TLS is spoken."""
    own = _DASHBOARD if is_dashboard else _NEVER_STORED
    return {**_EVERYWHERE, **own, **(_SECURE if is_secure else {})}
