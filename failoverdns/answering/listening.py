"""The sockets that this process answers on: readers for UDP, listeners for TCP."""

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
    """A function that answers packets."""

    def __call__(self, packet: bytes, host: str, *, udp: bool) -> bytes | None:
        """Return the reply to a packet from the address `host`, or None; never raises.

        With `udp` the size of the reply is limited.
        """


@dataclass(frozen=True, slots=True)
class _Listener:
    """A UDP reader and a TCP listener on one address."""

    asked: ListenAddress
    udp: UDPReader
    tcp: Any
    factory: TCPFactory


class Listeners:
    """All pairs of UDP and TCP sockets that this process answers on, by number."""

    def __init__(
        self, reactor: Any, answer: Answer, limits: TCPSettings, serve: Serve | None
    ) -> None:
        """Answer with `answer`, and over UDP with `serve` first; `reactor` is Twisted's.

        `limits` apply to all TCP connections together; they can be replaced later.
        """
        self._serve = serve
        self._reactor = reactor
        self.tcp_clients = TCPClients(reactor, limits)
        self._answer = answer
        self._open: dict[int, _Listener] = {}

    def report(self) -> dict[str, Json]:
        """Return the counts of unsent replies and of TCP connections, for `status`."""
        return {
            "udp": {"unsent": sum(one.udp.unsent for one in self._open.values())},
            "tcp": {
                "connections": len(self.tcp_clients),
                "evicted": self.tcp_clients.evicted,
            },
        }

    def open(self, number: int, asked: ListenAddress, pair: Pair) -> None:
        """Start to answer on a pair of sockets, until `close` is called with its number."""
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
        """Stop answering on a pair of sockets; queries already received over TCP are answered."""
        listener = self._open.pop(number, None)
        if listener is not None:
            self._reactor.removeReader(listener.udp)
            listener.udp.socket.close()
            maybeDeferred(listener.tcp.stopListening)
            listener.factory.close()

    def close_all(self) -> None:
        """Stop answering on all sockets."""
        for number in list(self._open):
            self.close(number)

    def copies(self) -> list[tuple[ListenAddress, int, int]]:
        """Return the address, UDP and TCP descriptor of each pair, to hand them over."""
        return [(one.asked, one.udp.fileno(), one.tcp.fileno()) for one in self._open.values()]
