"""What a control process hands over to the program that replaces it under the same process id.

Open sockets stay open across exec(2); their descriptors, and what was read from them and not
answered yet, are written into a file in memory whose descriptor is in the environment.  The paths
through which clients and workers find the server do not change meanwhile, so nobody notices.
"""

from __future__ import annotations

import json
import os
import socket
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any, Final

from failoverdns.model.change import Json
from failoverdns.model.errors import Malformed
from failoverdns.model.settings import ListenAddress
from failoverdns.net.inherited import Inherited

VARIABLE: Final = "FAILOVERDNS_SUCCEEDS"
"""The environment variable with the descriptor of the file in memory."""

FORMAT: Final = 1
"""The format of the file; a program that does not know it closes what it cannot use."""


class CannotSucceed(Exception):
    """What the program before handed over cannot be used; the text has the reason."""


@dataclass(frozen=True, slots=True)
class HandedClient:
    """A connection of the control socket.

    `received` are bytes that were read and not taken as requests yet; `watching` is true for a
    client of `watch`.  With `restarts` the client waits for the reply to `restart`, whose request
    had the id `id`.
    """

    descriptor: int
    received: bytes
    watching: bool
    restarts: bool = False
    id: Json = None


@dataclass(frozen=True, slots=True)
class HandedConnection:
    """A TCP connection of a DNS client to the address `asked` as configured.

    `received` are bytes of queries that were read and not answered yet.
    """

    descriptor: int
    asked: ListenAddress
    received: bytes


@dataclass(frozen=True, slots=True)
class HandedPair:
    """A UDP and a listening TCP socket for the address `asked` as configured."""

    asked: ListenAddress
    udp: int
    tcp: int


@dataclass(frozen=True, slots=True)
class HandedListener:
    """A TCP socket that listens for TLS on the address `asked` as configured."""

    asked: ListenAddress
    descriptor: int


@dataclass(frozen=True, slots=True)
class Succession:
    """Everything that a control process hands over; the receiver owns the descriptors.

    `control` is the listening control socket, `path` where it is bound.  `began` is the time at
    which the restart began, on the monotonic clock.
    """

    path: str
    control: int
    began: float
    clients: tuple[HandedClient, ...] = ()
    pairs: tuple[HandedPair, ...] = ()
    connections: tuple[HandedConnection, ...] = ()
    listeners: tuple[HandedListener, ...] = ()

    @property
    def descriptors(self) -> tuple[int, ...]:
        """All descriptors."""
        return (
            self.control,
            *(client.descriptor for client in self.clients),
            *(number for pair in self.pairs for number in (pair.udp, pair.tcp)),
            *(connection.descriptor for connection in self.connections),
            *(listener.descriptor for listener in self.listeners),
        )

    def give_sockets(self, inherited: Inherited) -> None:
        """Add the pairs of sockets, and those for TLS, to `inherited`."""
        for listener in self.listeners:
            with suppress(OSError, Malformed):
                sock = socket.socket(fileno=listener.descriptor)
                inherited.hand_over_tcp(listener.asked, sock)
        for pair in self.pairs:
            with suppress(OSError, Malformed):
                sockets = socket.socket(fileno=pair.udp), socket.socket(fileno=pair.tcp)
                inherited.hand_over(pair.asked, sockets)

    def without_restarts(self) -> Succession:
        """Return it without clients that wait for the reply to `restart`: they have one."""
        clients = tuple(replace(one, restarts=False) for one in self.clients)
        return replace(self, clients=clients)

    def refuse(self, write: Callable[[Json], bytes]) -> None:
        """Send a line to each client that waits for the restart; `write` makes it of the id."""
        for client in self.clients:
            if client.restarts:
                with suppress(OSError):
                    os.write(client.descriptor, write(client.id))


def write_succession(succession: Succession) -> int:
    """Write a succession into a new file in memory; return its descriptor.

    The descriptor, like those in the succession, stays open in the program that replaces this one.
    """
    text = json.dumps(
        {
            "format": FORMAT,
            "control": [succession.path, succession.control],
            "began": succession.began,
            "clients": [
                [one.descriptor, _text(one.received), one.watching, one.restarts, one.id]
                for one in succession.clients
            ],
            "pairs": [[*_address(one.asked), one.udp, one.tcp] for one in succession.pairs],
            "connections": [
                [one.descriptor, *_address(one.asked), _text(one.received)]
                for one in succession.connections
            ],
            "listeners": [[*_address(one.asked), one.descriptor] for one in succession.listeners],
        }
    )
    file = os.memfd_create("failoverdns-succession", 0)
    with os.fdopen(os.dup(file), "wb") as copy:
        copy.write(text.encode())
    for number in succession.descriptors:
        os.set_inheritable(number, True)
    return file


def take_succession(environment: MutableMapping[str, str]) -> Succession | None:
    """Return what the program before handed over, and remove it from `environment`; None if none.

    Raises CannotSucceed.
    """
    number = environment.pop(VARIABLE, "")
    if not number:
        return None
    try:
        with os.fdopen(int(number), "rb") as file:
            file.seek(0)
            written = json.load(file)
        succession = _read(written)
        for descriptor in succession.descriptors:
            os.set_inheritable(descriptor, False)
    except (OSError, ValueError, KeyError, TypeError) as fault:
        text = f"what the version before handed over cannot be used: {fault!r}"
        raise CannotSucceed(text) from None
    return succession


def close_all(descriptors: Iterable[int]) -> None:
    """Close descriptors, open or not."""
    for number in descriptors:
        with suppress(OSError):
            os.close(number)


def _read(written: dict[str, Any]) -> Succession:
    if written["format"] != FORMAT:
        raise ValueError(f"format {written['format']}")
    path, control = written["control"]
    return Succession(
        path,
        control,
        written["began"],
        tuple(
            HandedClient(number, b64decode(received), watching, restarts, id_)
            for number, received, watching, restarts, id_ in written["clients"]
        ),
        tuple(
            HandedPair(_read_address(host, port), udp, tcp)
            for host, port, udp, tcp in written["pairs"]
        ),
        tuple(
            HandedConnection(number, _read_address(host, port), b64decode(received))
            for number, host, port, received in written["connections"]
        ),
        tuple(
            HandedListener(_read_address(host, port), number)
            for host, port, number in written.get("listeners", ())
        ),
    )


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def _address(address: ListenAddress) -> tuple[str, int]:
    return str(address.host), address.port


def _read_address(host: str, port: int) -> ListenAddress:
    return ListenAddress(ip_address(host), port)
