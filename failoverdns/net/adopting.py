"""Connected sockets of our own processes, which a protocol takes over without a listening port."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet.protocol import Protocol, ServerFactory


class OneConnection(ServerFactory):
    """Returns one protocol, for a connection that is there already."""

    noisy = False

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: object) -> Protocol:  # noqa: N802
        """Return the protocol."""
        return self._protocol


def adopt(reactor: Any, descriptor: int, protocol: Protocol, family: int = socket.AF_UNIX) -> None:
    """Use a connected stream socket for a protocol; the reactor duplicates the descriptor.

    `family` is the address family of the socket.
    """
    os.set_blocking(descriptor, False)
    reactor.adoptStreamConnection(descriptor, family, OneConnection(protocol))
