"""The addresses that we answer on: opened together or not at all, and exchanged on reload.

Refuses to know what is answered: `Answer` does.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort

from failoverdns.config import ListenAddress, TCPSettings
from failoverdns.model.change import Json
from failoverdns.net.inherited import Inherited
from failoverdns.net.sockets import CannotListen, bind, lost_packets
from failoverdns.net.tcp import TCPFactory
from failoverdns.net.tcp_clients import TCPClients
from failoverdns.net.udp import UDPReader, WildcardUDPReader


class Answer(Protocol):
    """What gives a packet from the address `host` its reply, or None; `udp` limits the size."""

    def __call__(self, packet: bytes, host: str, *, udp: bool) -> bytes | None:
        """Return the reply; never raises."""


@dataclass(frozen=True, slots=True)
class Listener:
    """UDP and TCP on one address: `asked` as configured, `address` as bound."""

    asked: ListenAddress
    address: ListenAddress
    udp: UDPReader
    tcp: IListeningPort
    factory: TCPFactory


class Listeners:
    """All addresses that are answered on."""

    def __init__(
        self,
        reactor: Any,
        answer: Answer,
        limits: TCPSettings,
        inherited: Inherited | None = None,
    ) -> None:
        """Answer with `answer`, over TCP within `limits`; `reactor` is Twisted's.

        Sockets that are `inherited` are taken before new ones are opened.
        """
        self._inherited = inherited
        self._reactor = reactor
        self.tcp_clients = TCPClients(reactor, limits)
        self._answer = answer
        self._open: list[Listener] = []

    @property
    def addresses(self) -> tuple[ListenAddress, ...]:
        """The addresses as bound."""
        return tuple(listener.address for listener in self._open)

    def report(self) -> dict[str, Json]:
        """Tell what became of strangers' packets and connections since the addresses are open."""
        return {
            "udp": {
                "lost": sum(lost_packets(one.udp.socket) for one in self._open),
                "unsent": sum(one.udp.unsent for one in self._open),
            },
            "tcp": {
                "connections": len(self.tcp_clients),
                "evicted": self.tcp_clients.evicted,
            },
        }

    def prepare(self, wanted: Iterable[ListenAddress]) -> list[Listener]:
        """Bind the addresses that are not open yet, and begin to answer on them.

        Raises CannotListen; then nothing was opened. Pass the result to `adopt` or `discard`.
        """
        asked = {listener.asked for listener in self._open}
        fresh: list[Listener] = []
        try:
            fresh.extend(self._listen(address) for address in wanted if address not in asked)
        except CannotListen:
            self.discard(fresh)
            raise
        return fresh

    def adopt(self, fresh: list[Listener], wanted: Iterable[ListenAddress]) -> None:
        """Keep the freshly opened addresses, and close those that are no longer wanted."""
        kept = set(wanted)
        closing = [listener for listener in self._open if listener.asked not in kept]
        self._open = [listener for listener in self._open if listener.asked in kept] + fresh
        self.discard(closing)

    def discard(self, listeners: Iterable[Listener]) -> None:
        """Close addresses."""
        for listener in listeners:
            self._reactor.removeReader(listener.udp)
            listener.udp.socket.close()
            maybeDeferred(listener.tcp.stopListening)
            listener.factory.close()

    def close(self) -> None:
        """Close every address."""
        self.adopt([], ())

    def _listen(self, asked: ListenAddress) -> Listener:
        handed_over = self._inherited.take(asked) if self._inherited is not None else None
        udp_socket, tcp_socket = handed_over or bind(asked.host, asked.port)
        reader = WildcardUDPReader if asked.host.is_unspecified else UDPReader
        udp = reader(udp_socket, lambda packet, host: self._answer(packet, host, udp=True))
        factory = TCPFactory(
            self._reactor,
            lambda packet, host: self._answer(packet, host, udp=False),
            self.tcp_clients,
        )
        family = socket.AF_INET if asked.host.version == 4 else socket.AF_INET6
        tcp = self._reactor.adoptStreamPort(tcp_socket.fileno(), family, factory)
        tcp_socket.close()  # the reactor has a duplicate
        self._reactor.addReader(udp)
        address = ListenAddress(asked.host, udp_socket.getsockname()[1])
        return Listener(asked, address, udp, tcp, factory)
