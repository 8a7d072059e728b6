"""Clients of the command corridor without sockets, and a corridor that a test answers for."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport

from failoverdns.control.caller import Caller
from failoverdns.control.given_file import GivenFile
from failoverdns.control.language.commands import ROWS
from failoverdns.control.language.requests import Request
from failoverdns.control.slots import Lines
from failoverdns.model.errors import Rejected
from failoverdns.model.principal import Principal


class Transport(StringTransport):
    """A transport over one end of a socket pair, so that peer credentials are real."""

    def __init__(self) -> None:
        super().__init__()
        self.socket, self.other = socket.socketpair()
        self.dataBuffer = self._tempDataBuffer = b""
        self.aborted = False
        self.sends_no_more = False

    def loseWriteConnection(self) -> None:  # noqa: N802
        """Note that nothing more is sent."""
        self.sends_no_more = True

    def abortConnection(self) -> None:  # noqa: N802
        """Note that the connection is aborted."""
        self.aborted = True

    def replies(self) -> list[Any]:
        """Return the lines sent so far."""
        return [json.loads(line) for line in self.value().splitlines()]


class Slow:
    """Carries out requests when a test calls `finish` or fires a Deferred."""

    def __init__(self) -> None:
        self.changes: list[tuple[Request, Callable[[Lines], None]]] = []
        self.reads: list[Deferred[Lines]] = []
        self.acts: list[Deferred[Lines]] = []
        self.files: list[GivenFile | None] = []
        self.principal: Principal | None = None
        self.refusals: list[Rejected] = []

    def permits(self, request: Request, caller: Caller) -> bool:
        needed = ROWS[str(request.given["command"])].role
        role = caller.rights().role
        return role is not None and role.includes(needed)

    def turned_away(self, principal: Principal, refusal: Rejected) -> None:
        self.refusals.append(refusal)

    def change(self, request: Request, caller: Caller, reply: Callable[[Lines], None]) -> None:
        self.principal = caller.principal
        self.changes.append((request, reply))

    async def act(self, request: Request, caller: Caller, file: GivenFile | None) -> Lines:
        self.files.append(file)
        waiting: Deferred[Lines] = Deferred()
        self.acts.append(waiting)
        return await waiting

    async def read(self, request: Request, caller: Caller) -> Lines:
        waiting: Deferred[Lines] = Deferred()
        self.reads.append(waiting)
        return await waiting

    def finish(self, index: int, text: str) -> None:
        """Reply to a command that changes something."""
        self.changes[index][1](lines(text))


def lines(*texts: str) -> Iterator[bytes]:
    """Return a reply in pieces."""
    return iter([json.dumps(text).encode() + b"\n" for text in texts])
