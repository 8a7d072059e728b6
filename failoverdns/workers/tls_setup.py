"""The sockets and files of DNS over TLS, as the control process has them.

It binds the sockets, keeps them open, and reads the files; the process that answers over TLS gets
copies and the content.  No other process gets the private key.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from failoverdns.model.settings import ListenAddress, TLSSettings
from failoverdns.net.inherited import Inherited
from failoverdns.net.sockets import CannotListen, listen_tcp
from failoverdns.net.succession import HandedListener

if TYPE_CHECKING:
    from failoverdns.net.tls_material import TLSMaterial


@dataclass(frozen=True, slots=True)
class BoundTLS:
    """A listening socket; `asked` is its address as configured, where the port may be 0."""

    number: int
    asked: ListenAddress
    socket: socket.socket

    @property
    def address(self) -> ListenAddress:
        """The address as bound, with the port that the kernel chose for port 0."""
        return ListenAddress(self.asked.host, self.socket.getsockname()[1])


@dataclass(frozen=True, slots=True)
class PreparedTLS:
    """The files and new sockets of another configuration; without `settings` TLS is off."""

    settings: TLSSettings | None
    material: TLSMaterial | None
    fresh: tuple[BoundTLS, ...]


class TLSSetup:
    """The files and sockets in use."""

    def __init__(self, inherited: Inherited) -> None:
        """Begin without TLS; `inherited` sockets are used before new ones are opened."""
        self.settings: TLSSettings | None = None
        self.material: TLSMaterial | None = None
        self.bound: tuple[BoundTLS, ...] = ()
        self._inherited = inherited
        self._numbers = count(1)

    def prepare(self, settings: TLSSettings | None) -> PreparedTLS:
        """Read the files and bind the addresses of a configuration, without using them yet.

        Raises CannotListen; then nothing was changed.
        """
        if settings is None:
            return PreparedTLS(None, None, ())
        from failoverdns.net.dns_tls import read_material

        material, fresh = read_material(settings), list[BoundTLS]()
        asked = {one.asked for one in self.bound}
        try:
            for address in settings.listen:
                if address not in asked:
                    sock = self._inherited.take_tcp(address) or _listen(address)
                    fresh.append(BoundTLS(next(self._numbers), address, sock))
        except CannotListen:
            _close(fresh)
            raise
        return PreparedTLS(settings, material, tuple(fresh))

    def adopt(self, prepared: PreparedTLS) -> None:
        """Use the files and addresses of another configuration from now on."""
        self.settings, self.material = prepared.settings, prepared.material
        wanted = set(prepared.settings.listen) if prepared.settings is not None else set()
        closing = [one for one in self.bound if one.asked not in wanted]
        self.bound = (*(one for one in self.bound if one.asked in wanted), *prepared.fresh)
        _close(closing)

    def discard(self, prepared: PreparedTLS) -> None:
        """Close the sockets of a configuration that will not be used."""
        _close(prepared.fresh)

    def unusual(self, now: float) -> list[str]:
        """Return what is unusual in the files, a line each; `now` is in seconds since 1970."""
        if self.material is None or self.settings is None:
            return []
        from failoverdns.net.dns_tls import unusual

        return unusual(self.material, self.settings, now)

    def copies(self) -> list[HandedListener]:
        """Return duplicates of all sockets, which the caller owns."""
        return [HandedListener(one.asked, os.dup(one.socket.fileno())) for one in self.bound]

    def close(self) -> None:
        """Close every address."""
        self.adopt(PreparedTLS(None, None, ()))


def _listen(address: ListenAddress) -> socket.socket:
    try:
        return listen_tcp(address.host, address.port)
    except CannotListen as fault:
        raise CannotListen(f"tls.listen: {fault}") from None


def _close(bound: Iterable[BoundTLS]) -> None:
    for one in bound:
        one.socket.close()
