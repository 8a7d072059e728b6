"""The certificate and key of HTTPS: from files, or those of an application, from the vault.

Only the control process reads them; it sends them to the web process, and to no other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from twisted.logger import Logger

from failoverdns.model.certificate import Bundle
from failoverdns.model.settings import HTTPSettings
from failoverdns.net.tls_material import PEMFiles, TLSMaterial

SECTION: Final = "http"

log = Logger()


def read_files(settings: HTTPSettings) -> TLSMaterial | None:
    """Return certificate and key from the files of a configuration; None if it names none.

    Raises CannotListen with the setting, the file and what is wrong with it.
    """
    files = files_of(settings)
    if files is None:
        return None
    from failoverdns.net.dns_tls import read_material

    return read_material(files)


def unusual(settings: HTTPSettings, material: TLSMaterial | None, now: float) -> list[str]:
    """Return what is unusual in the files, a line each; `now` is in seconds since 1970."""
    files = files_of(settings)
    if files is None or material is None:
        return []
    from failoverdns.net.dns_tls import unusual

    return unusual(material, files, now)


def names_of(material: TLSMaterial | None) -> tuple[str, ...]:
    """Return the DNS names of a certificate; none without one."""
    if material is None:
        return ()
    from failoverdns.net.dns_tls import names_of

    return names_of(material)


def files_of(settings: HTTPSettings) -> PEMFiles | None:
    """Return the files that a configuration names; None if it names none."""
    if settings.certificate is None or settings.key is None:
        return None
    return PEMFiles(SECTION, settings.certificate, settings.key)


@dataclass(frozen=True, slots=True)
class Vault:
    """The certificates of applications, as HTTPS uses them."""

    current: Callable[[str], str | None]
    """Returns the id of the bundle of an application, by its name; None if it has none."""
    bundle: Callable[[str], Awaitable[Bundle | None]]
    """Returns a bundle; raises the exceptions of `Store.bundle`."""


class VaultCertificate:
    """Follows the certificate of an application."""

    def __init__(self, vault: Vault, application: str) -> None:
        self._vault = vault
        self._application = application
        self._used: str | None = None
        self._is_lost = False
        """Whether it is known that the application, or its certificate, is gone."""
        self._warned = ""

    @property
    def is_current(self) -> bool:
        """Whether there is nothing to read: no other certificate, and no loss to warn of."""
        current = self._vault.current(self._application)
        if current is None:
            return self._used is None or self._is_lost
        return current == self._used

    async def read(self) -> TLSMaterial | None:
        """Return the certificate and key that the application has now.

        Return None, with a warning in the log, if there are none or they cannot be read.
        """
        current = self._vault.current(self._application)
        if current is None and self._used is not None:
            self._is_lost = True
            self._warn("its certificate is gone, or its name: the last one is used until a restart")
            return None
        if current is None:
            self._warn("it has no certificate yet: HTTPS is refused until it has one")
            return None
        try:
            bundle = await self._vault.bundle(current)
        except Exception as fault:
            self._warn(f"its certificate cannot be read: {fault}")
            return None
        if bundle is None or not bundle.chain:
            return None  # another change follows
        self._used, self._is_lost, self._warned = current, False, ""
        return TLSMaterial(bundle.chain.encode(), bundle.key.reveal().encode())

    def _warn(self, why: str) -> None:
        if why != self._warned:
            self._warned = why
            log.warn("http.certificate: application {name}: {why}", name=self._application, why=why)
