"""The sockets that this process answers on: readers of UDP, listeners for TCP.

Refuses to know what is answered (`Answer` does), who bound the sockets, and why they come and go.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import maybeDeferred

from failoverdns.answering.tcp import TCPFactory
from failoverdns.answering.tcp_clients import TCPClients
from failoverdns.answering.udp import Serve, UDPReader, WildcardUDPReader
from failoverdns.model.change import Json
from failoverdns.model.settings import ListenAddress, TCPSettings
from failoverdns.net.sockets import Pair


class Answer(Protocol):
    """What gives a packet from the address `host` its reply, or None; `udp` limits the size."""

    def __call__(self, packet: bytes, host: str, *, udp: bool) -> bytes | None:
        """Return the reply; never raises."""


@dataclass(frozen=True, slots=True)
class _Listener:
    """UDP and TCP on one address."""

    asked: ListenAddress
    udp: UDPReader
    tcp: Any
    factory: TCPFactory


class Listeners:
    """All pairs of sockets that are answered on, by number."""

    def __init__(
        self, reactor: Any, answer: Answer, limits: TCPSettings, serve: Serve | None
    ) -> None:
        """Answer with `answer`, over UDP with `serve` first; `reactor` is Twisted's.

        `limits` hold for all connections over TCP, until they are replaced.
        """
        self._serve = serve
        self._reactor = reactor
        self.tcp_clients = TCPClients(reactor, limits)
        self._answer = answer
        self._open: dict[int, _Listener] = {}

    def report(self) -> dict[str, Json]:
        """Tell what became of replies and connections since the sockets are open here."""
        return {
            "udp": {"unsent": sum(one.udp.unsent for one in self._open.values())},
            "tcp": {
                "connections": len(self.tcp_clients),
                "evicted": self.tcp_clients.evicted,
            },
        }

    def open(self, number: int, asked: ListenAddress, pair: Pair) -> None:
        """Answer on a pair of sockets, which are closed with `close`."""
        udp_socket, tcp_socket = pair
        reader = WildcardUDPReader if asked.host.is_unspecified else UDPReader
        udp = reader(
            udp_socket, lambda packet, host: self._answer(packet, host, udp=True), self._serve
        )
        factory = TCPFactory(
            self._reactor,
            lambda packet, host: self._answer(packet, host, udp=False),
            self.tcp_clients,
        )
        family = socket.AF_INET if asked.host.version == 4 else socket.AF_INET6
        tcp = self._reactor.adoptStreamPort(tcp_socket.fileno(), family, factory)
        tcp_socket.close()  # the reactor has a duplicate
        self._reactor.addReader(udp)
        self._open[number] = _Listener(asked, udp, tcp, factory)

    def close(self, number: int) -> None:
        """Answer on a pair of sockets no more; clients over TCP get what they have asked for."""
        listener = self._open.pop(number, None)
        if listener is not None:
            self._reactor.removeReader(listener.udp)
            listener.udp.socket.close()
            maybeDeferred(listener.tcp.stopListening)
            listener.factory.close()

    def close_all(self) -> None:
        """Answer no more."""
        for number in list(self._open):
            self.close(number)

    def copies(self) -> list[tuple[ListenAddress, int, int]]:
        """Return address, UDP and TCP descriptor of all pairs, to be handed over."""
        return [(one.asked, one.udp.fileno(), one.tcp.fileno()) for one in self._open.values()]
