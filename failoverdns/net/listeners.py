"""Listening TCP sockets that the control process keeps, and another process accepts on.

They are bound once, and stay open while the configuration has their address: over a reload, over
the end of the process that accepts, and over a restart.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count

from failoverdns.model.settings import ListenAddress
from failoverdns.net.inherited import Inherited
from failoverdns.net.sockets import CannotListen, listen_tcp
from failoverdns.net.succession import HandedListener


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket; `asked` is its address as configured, where the port may be 0."""

    number: int
    asked: ListenAddress
    socket: socket.socket

    @property
    def address(self) -> ListenAddress:
        """The address as bound, with the port that the kernel chose for port 0."""
        return ListenAddress(self.asked.host, self.socket.getsockname()[1])


class Listeners:
    """The sockets of one section of the configuration."""

    def __init__(self, inherited: Inherited, setting: str) -> None:
        """Begin with none; `inherited` sockets are used before new ones are opened.

        `setting` is the key of the addresses in the configuration, for messages.
        """
        self.bound: tuple[Listener, ...] = ()
        self._inherited = inherited
        self._setting = setting
        self._numbers = count(1)

    def prepare(self, addresses: Iterable[ListenAddress]) -> tuple[Listener, ...]:
        """Bind those addresses that have no socket, without using them yet; return their sockets.

        Raises CannotListen; then nothing was changed.
        """
        fresh: list[Listener] = []
        asked = {one.asked for one in self.bound}
        try:
            for address in addresses:
                if address not in asked:
                    sock = self._inherited.take_tcp(address) or listen_tcp(
                        address.host, address.port
                    )
                    fresh.append(Listener(next(self._numbers), address, sock))
        except CannotListen as fault:
            close_listeners(fresh)
            raise CannotListen(f"{self._setting}: {fault}") from None
        return tuple(fresh)

    def adopt(self, addresses: Iterable[ListenAddress], fresh: Sequence[Listener]) -> None:
        """Keep the sockets of these addresses, among them `fresh` ones, and close the others."""
        wanted = set(addresses)
        closing = [one for one in self.bound if one.asked not in wanted]
        self.bound = (*(one for one in self.bound if one.asked in wanted), *fresh)
        close_listeners(closing)

    def copies(self) -> list[HandedListener]:
        """Return duplicates of all sockets, which the caller owns."""
        return [HandedListener(one.asked, os.dup(one.socket.fileno())) for one in self.bound]


def close_listeners(listeners: Iterable[Listener]) -> None:
    """Close sockets."""
    for one in listeners:
        one.socket.close()
