"""The control socket: its clients, which of them are admitted, and what becomes of them.

A connection is in `control.connection`.  At a restart the connections stay open: the next program
continues them.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from twisted.internet.interfaces import (
    IAddress,
    IReactorTime,
)
from twisted.internet.protocol import ServerFactory

from failoverdns.control.connection import ControlConnection
from failoverdns.control.slots import RequestExecutor
from failoverdns.model.change import Json
from failoverdns.net.peer import AccountRoles
from failoverdns.net.succession import HandedClient, close_all

MAX_CLIENTS: Final = 100
"""Connections at a time; the longest idle one makes room for another."""


class ControlFactory(ServerFactory):
    """All clients of the control socket."""

    noisy = False

    def __init__(
        self,
        clock: IReactorTime,
        commands: RequestExecutor,
        roles: AccountRoles,
        name_of: Callable[[int], str | None],
    ) -> None:
        """Carry out `commands` of the clients that have a role in `roles`.

        `name_of` returns the name of a user, if it is known.
        """
        self.roles = roles
        self.name_of = name_of
        self.clock = clock
        self.commands = commands
        self.is_suspended = False
        """Whether no further request is taken."""
        self._clients: dict[ControlConnection, None] = {}

    def buildProtocol(self, addr: IAddress | None) -> ControlConnection:  # noqa: N802
        """Return the protocol of a new client."""
        return ControlConnection(self)

    def adopt(self, roles: AccountRoles) -> None:
        """Use other roles from now on, for connections that are open too."""
        self.roles = roles
        for client in list(self._clients):
            client.check_role()

    def enter(self, client: ControlConnection) -> bool:
        """Add a client, disconnecting the longest idle one if there are too many.

        Returns False if there are too many and none is idle.
        """
        if len(self._clients) >= MAX_CLIENTS:
            idle = next((one for one in self._clients if one.is_idle), None)
            if idle is None:
                return False
            self.leave(idle)
            idle.transport.abortConnection()
        self._clients[client] = None
        return True

    def touch(self, client: ControlConnection) -> None:
        """Note that a client sent a request."""
        if client in self._clients:
            self._clients[client] = self._clients.pop(client)

    def leave(self, client: ControlConnection) -> None:
        """Forget a client."""
        self._clients.pop(client, None)

    def send_event(self, line: bytes) -> None:
        """Send an event to every client that watches."""
        for client in list(self._clients):
            if client.watching:
                client.send_event(line)

    def suspend(self) -> None:
        """Take no further request; those that were taken are carried out."""
        self.is_suspended = True
        self._look()

    def resume(self) -> None:
        """Take requests again."""
        self.is_suspended = False
        self._look()

    @property
    def is_quiet(self) -> bool:
        """Whether every request that was taken is answered, but `restart`."""
        return all(client.is_quiet for client in self._clients)

    def hand_over(self) -> tuple[HandedClient, ...]:
        """Give up all connections, and return those that the next program can continue."""
        handed = [client.hand_over() for client in list(self._clients)]
        return tuple(client for client in handed if client is not None)

    def take_over(
        self, clients: Iterable[HandedClient], write: Callable[[Json], bytes], reactor: Any
    ) -> None:
        """Continue connections of the program before.

        `write` makes the reply to `restart` of the id of its request.
        """
        for client in clients:
            with suppress(OSError):  # the client has gone
                family = socket.AF_UNIX
                transport = reactor.adoptStreamConnection(client.descriptor, family, self)
                transport.protocol.take_over(client, write(client.id))
            close_all([client.descriptor])  # the reactor has a duplicate

    def _look(self) -> None:
        for client in list(self._clients):
            client.look()

    def close(self) -> None:
        """Disconnect every client."""
        for client in list(self._clients):
            client.transport.loseConnection()
