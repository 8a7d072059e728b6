"""Listening sockets for TLS that leave time for others, however many clients connect.

New connections are accepted in small numbers, between the other work of the process.  `arrivals`
has what happens to them.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any, Final

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.tcp import Port

from failoverdns.model.settings import ListenAddress
from failoverdns.net.arrivals import Door
from failoverdns.net.sockets import CannotListen

ACCEPTS_A_TURN: Final = 32
"""New connections of a socket that are accepted in one turn of the reactor."""

BACKLOG: Final = 4096
"""Connections that wait in the kernel to be accepted, as far as the system allows."""


class BoundedPort(Port):
    """A listening socket that accepts a limited number of connections in a turn of the reactor."""

    def doRead(self) -> None:  # noqa: N802
        """Accept some of the waiting connections."""
        self.numberAccepts = ACCEPTS_A_TURN
        super().doRead()  # type: ignore[no-untyped-call]

    def startListening(self) -> None:  # noqa: N802
        """Listen; the kernel passes connections on when they have sent something.

        One that stays silent is passed on after a second or more.
        """
        super().startListening()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)


def listen_tls(
    reactor: Any, addresses: Iterable[ListenAddress], door: Door, *, setting: str
) -> list[IListeningPort]:
    """Listen on every address, or on none; raises CannotListen.

    `setting` is the configuration key of the addresses, for messages.
    """
    ports: list[IListeningPort] = []
    for address in addresses:
        port: Any = BoundedPort(address.port, door, BACKLOG, str(address.host), reactor)
        try:
            port.startListening()
        except CannotListenError as fault:
            for other in ports:
                other.stopListening()
            raise CannotListen(f"{setting}: {address}: {fault.socketError}") from None
        ports.append(port)
    return ports
