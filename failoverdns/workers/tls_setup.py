"""The sockets and files of DNS over TLS, as the control process has them.

It binds the sockets, keeps them open, and reads the files; the process that answers over TLS gets
copies and the content.  No other process gets the private key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from failoverdns.model.settings import TLSSettings
from failoverdns.net.inherited import Inherited
from failoverdns.net.listeners import Listener, Listeners, close_listeners
from failoverdns.net.succession import HandedListener
from failoverdns.net.tls_material import PEMFiles

if TYPE_CHECKING:
    from failoverdns.net.tls_material import TLSMaterial


@dataclass(frozen=True, slots=True)
class PreparedTLS:
    """The files and new sockets of another configuration; without `settings` TLS is off."""

    settings: TLSSettings | None
    material: TLSMaterial | None
    fresh: tuple[Listener, ...]


class TLSSetup:
    """The files and sockets in use."""

    def __init__(self, inherited: Inherited) -> None:
        """Begin without TLS; `inherited` sockets are used before new ones are opened."""
        self.settings: TLSSettings | None = None
        self.material: TLSMaterial | None = None
        self._listeners = Listeners(inherited, "tls.listen")

    @property
    def bound(self) -> tuple[Listener, ...]:
        """The sockets in use."""
        return self._listeners.bound

    def prepare(self, settings: TLSSettings | None) -> PreparedTLS:
        """Read the files and bind the addresses of a configuration, without using them yet.

        Raises CannotListen; then nothing was changed.
        """
        if settings is None:
            return PreparedTLS(None, None, ())
        from failoverdns.net.dns_tls import read_material

        material = read_material(_files(settings))
        return PreparedTLS(settings, material, self._listeners.prepare(settings.listen))

    def adopt(self, prepared: PreparedTLS) -> None:
        """Use the files and addresses of another configuration from now on."""
        self.settings, self.material = prepared.settings, prepared.material
        wanted = prepared.settings.listen if prepared.settings is not None else ()
        self._listeners.adopt(wanted, prepared.fresh)

    def discard(self, prepared: PreparedTLS) -> None:
        """Close the sockets of a configuration that will not be used."""
        close_listeners(prepared.fresh)

    def unusual(self, now: float) -> list[str]:
        """Return what is unusual in the files, a line each; `now` is in seconds since 1970."""
        if self.material is None or self.settings is None:
            return []
        from failoverdns.net.dns_tls import unusual

        return unusual(self.material, _files(self.settings), now)

    def copies(self) -> list[HandedListener]:
        """Return duplicates of all sockets, which the caller owns."""
        return self._listeners.copies()

    def close(self) -> None:
        """Close every address."""
        self.adopt(PreparedTLS(None, None, ()))


def _files(settings: TLSSettings) -> PEMFiles:
    return PEMFiles("tls", settings.certificate, settings.key, settings.client_ca)
