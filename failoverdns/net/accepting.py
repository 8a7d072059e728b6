"""Listening TCP sockets that accept few connections in one turn of the reactor.

Twisted accepts a hundred and more in a row, before those that have to make room for them are
closed; with few open files that would be too many.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import ServerFactory
from twisted.internet.tcp import Port


class _BoundedPort(Port):
    """A listening socket that asks before each turn how many connections it may accept."""

    accepts: Callable[[], int] = staticmethod(lambda: 1)

    @property
    def numberAccepts(self) -> int:  # noqa: N802
        """The number of connections that Twisted accepts in a turn."""
        return self.accepts()

    @numberAccepts.setter
    def numberAccepts(self, _: int) -> None:  # noqa: N802
        """Ignore the number that Twisted finds suitable."""


def adopt_port(
    reactor: Any,
    descriptor: int,
    family: socket.AddressFamily,
    factory: ServerFactory,
    accepts: Callable[[], int],
) -> Any:
    """Listen on a bound socket, which is duplicated; accept at most `accepts()` in a turn."""
    adopt: Any = _BoundedPort._fromListeningDescriptor
    port = adopt(reactor, descriptor, family, factory)
    port.accepts = accepts
    port.startListening()
    return port
