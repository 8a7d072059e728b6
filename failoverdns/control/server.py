"""The control socket: its clients, what they share, and what becomes of them.

A connection is in `control.connection`.  At a restart the connections stay open: the next program
continues them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import ServerFactory

from failoverdns.control.connection import NO_PLACE, ControlConnection
from failoverdns.control.language.requests import write_refusal
from failoverdns.control.places import Places
from failoverdns.control.shares import (
    LONG_IN_ALL,
    LONG_OF_ONE,
    READS_IN_ALL,
    READS_OF_ONE,
    Shares,
)
from failoverdns.control.slots import RequestExecutor
from failoverdns.control.turns import Turns
from failoverdns.model.change import Json
from failoverdns.net.memory import Memory
from failoverdns.net.peer import AccountRoles, has_spoken, uid_of
from failoverdns.net.succession import HandedClient, close_all

_NO_PLACE: Final = write_refusal(None, NO_PLACE)


class ControlFactory(ServerFactory):
    """All clients of the control socket."""

    noisy = False

    def __init__(
        self,
        clock: IReactorTime,
        commands: RequestExecutor,
        roles: AccountRoles,
        name_of: Callable[[int], str | None],
        trusted: frozenset[int] | None = None,
    ) -> None:
        """Carry out `commands` of the clients that have a role in `roles`.

        `name_of` returns the name of a user, if it is known.
        Some places are kept for the users `trusted`: by default root, and our own.
        """
        if trusted is None:
            trusted = frozenset((0, os.geteuid()))
        self.roles = roles
        self.name_of = name_of
        self.clock = clock
        self.commands = commands
        self.is_suspended = False
        """Whether no further request is taken."""
        self.places: Places[ControlConnection] = Places(trusted, clock.seconds)
        self.turns = Turns(clock)
        self.memory = Memory(clock)
        self.long_requests = Shares(trusted, LONG_OF_ONE, LONG_IN_ALL)
        self.reads = Shares(trusted, READS_OF_ONE, READS_IN_ALL)

    def buildProtocol(self, addr: IAddress | None) -> ControlConnection:  # noqa: N802
        """Return the protocol of a new client."""
        return ControlConnection(self)

    def adopt(self, roles: AccountRoles) -> None:
        """Use other roles from now on, for connections that are open too."""
        self.roles = roles
        for client in self.places.all:
            client.check_role()

    def admits(self, sock: socket.socket) -> bool:
        """Return whether a client that has just connected is served; if not, send it the reason."""
        speaks = has_spoken(sock)
        if speaks is not None and self.places.may_come(uid_of(sock), has_spoken=speaks):
            return True
        with suppress(OSError):
            sock.send(_NO_PLACE)
        return False

    def send_event(self, line: bytes) -> None:
        """Send an event to every client that watches."""
        for client in self.places.watchers:
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
        return all(client.is_quiet for client in self.places.all)

    def hand_over(self) -> tuple[HandedClient, ...]:
        """Give up all connections, and return those that the next program can continue."""
        handed = [client.hand_over() for client in self.places.all]
        return tuple(client for client in handed if client is not None)

    def take_over(
        self, clients: Iterable[HandedClient], write: Callable[[Json], bytes], reactor: Any
    ) -> None:
        """Continue connections of the program before.

        `write` makes the reply to `restart` of the id of its request.
        """
        for client in sorted(clients, key=lambda client: not client.watching):
            with suppress(OSError):  # the client has gone
                family = socket.AF_UNIX
                transport = reactor.adoptStreamConnection(client.descriptor, family, self)
                transport.protocol.take_over(client, write(client.id))
            close_all([client.descriptor])  # the reactor has a duplicate

    def _look(self) -> None:
        for client in self.places.all:
            client.look()

    def close(self) -> None:
        """Disconnect every client."""
        self.memory.stop()
        for client in self.places.all:
            client.transport.loseConnection()
