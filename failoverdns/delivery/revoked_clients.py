"""Clients whose certificate is revoked are not let in, and are closed when a reload says so.

The configuration names them by fingerprint (`delivery.revoked`) or by the file with the lists of
CAs (`delivery.client_crl`), which is read here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from cryptography import x509
from twisted.logger import Logger

from failoverdns.model.errors import Malformed
from failoverdns.model.settings import DeliverySettings
from failoverdns.net.sockets import CannotListen
from failoverdns.pki.revocation import Revocation, read_lists
from failoverdns.regular_files import open_regular

MAX_LIST: Final = 4 << 20
"""Bytes of a file with lists."""

LOG_INTERVAL: Final = 60.0
"""Seconds before another attempt with the same certificate is logged."""

_MAX_LOGGED = 1000

log = Logger()


def read_revocation(settings: DeliverySettings) -> Revocation:
    """Read what is revoked; raises CannotListen if the file cannot be used."""
    fingerprints = frozenset(settings.revoked)
    if settings.client_crl is None:
        return Revocation(fingerprints)
    path = settings.client_crl
    try:
        with open_regular(settings.client_ca) as file:
            authorities = x509.load_pem_x509_certificates(file.read())
        return Revocation(fingerprints, *read_lists(_content(path), authorities))
    except OSError as fault:
        raise CannotListen(f"delivery.client_crl: {path}: {fault.strerror}") from None
    except (Malformed, ValueError) as fault:
        raise CannotListen(f"delivery.client_crl: {path}: {fault}") from None


class RevokedClients:
    """Decides which clients are let in: those whose certificate is not revoked."""

    def __init__(self, revocation: Revocation, now: Callable[[], float]) -> None:
        """Begin with what is revoked; `now` returns seconds since 1970."""
        self._revocation = revocation
        self._now = now
        self._logged: dict[str, float] = {}

    def adopt(self, revocation: Revocation) -> None:
        """Replace what is revoked."""
        self._revocation = revocation

    def admits(self, chain: Sequence[x509.Certificate], address: str) -> bool:
        """Return whether a client with this chain, leaf first, is let in; log it if not."""
        reason = self._revocation.reason(chain)
        if reason is not None:
            self._log(reason, address)
        return reason is None

    def warnings(self) -> list[str]:
        """Return what an operator should know of the lists."""
        return [f"delivery.client_crl: {text}" for text in self._revocation.warnings(self._now())]

    def _log(self, reason: str, address: str) -> None:
        now = self._now()
        if now < self._logged.get(reason, 0.0) + LOG_INTERVAL or len(self._logged) > _MAX_LOGGED:
            return
        self._logged[reason] = now
        log.warn("delivery: {address} was refused: {why}", address=address, why=reason)


def _content(path: Path) -> bytes:
    with open_regular(path) as file:
        content = file.read(MAX_LIST + 1)
    if len(content) > MAX_LIST:
        raise Malformed(f"larger than {MAX_LIST >> 20} MiB")
    return content
