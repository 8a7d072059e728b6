"""The sockets that this process answers on: readers for UDP, listeners for TCP."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from twisted.internet.defer import maybeDeferred
from twisted.internet.task import deferLater

from failoverdns.answering.link import LinkedConnection
from failoverdns.answering.responding import Answered
from failoverdns.answering.tcp import TCPFactory
from failoverdns.answering.tcp_clients import TCPClients
from failoverdns.answering.udp import Serve, UDPReader, WildcardUDPReader
from failoverdns.model.change import Json
from failoverdns.model.settings import ListenAddress, TCPSettings
from failoverdns.net.accepting import adopt_port
from failoverdns.net.descriptors import OURS
from failoverdns.net.detaching import receive
from failoverdns.net.sockets import Pair
from failoverdns.net.succession import HandedConnection, close_all
from failoverdns.protocol.query import Signed

if TYPE_CHECKING:
    from failoverdns.answering.tls import TLSDoor
    from failoverdns.net.tls_material import TLSMaterial

TLS_ACCEPTED_AT_ONCE: Final = 32
"""Connections over TLS that are accepted at an address in one reactor turn."""

DRAINING: Final = 16
"""Times that packets are read from a UDP socket before it is closed."""

FLUSH: Final = 1.0
"""Seconds that a TCP client may take to read its replies before its connection is released."""

FLUSH_LOOK: Final = 0.005
"""Seconds between two checks whether replies are sent."""


class Answers(Protocol):
    """Whoever answers packets."""

    def answer(self, packet: bytes, host: str, *, udp: bool) -> Answered:
        """Return the reply to a packet from the address `host`, or None; never raises.

        With `udp` the size of the reply is limited.  What is signed with a known key is returned as
        such.
        """

    def ask(self, signed: Signed, packet: bytes, host: str, send: Callable[[bytes], None]) -> None:
        """Hand a signed message over, and call `send` with its reply, if there is one."""

    def hand_over(self, connection: LinkedConnection, descriptor: int) -> bool:
        """Hand a connection over whose first message is signed; return whether it has left."""

    def is_secondary(self, host: str) -> bool:
        """Return whether this is the address of a configured secondary."""


@dataclass(frozen=True, slots=True)
class _Listener:
    """A UDP reader and a TCP listener on one address."""

    asked: ListenAddress
    udp: UDPReader
    tcp: Any
    factory: TCPFactory


@dataclass(frozen=True, slots=True)
class _TLSListener:
    """A listening socket for TLS."""

    asked: ListenAddress
    port: Any


class Listeners:
    """All sockets that this process answers on: pairs of UDP and TCP, and TLS; by number."""

    def __init__(
        self, reactor: Any, answers: Answers, limits: TCPSettings, serve: Serve | None
    ) -> None:
        """Answer with `answers`, and over UDP with `serve` first; `reactor` is Twisted's.

        `limits` apply to all TCP connections together; they can be replaced later.
        """
        self._serve = serve
        self._reactor = reactor
        self.tcp_clients = TCPClients(reactor, limits)
        self._answers = answers
        self._open: dict[int, _Listener] = {}
        self._open_tls: dict[int, _TLSListener] = {}
        self._door: TLSDoor | None = None
        """Lets clients in over TLS; None before there is a certificate."""
        self._unsent = self._ignored = 0
        """Replies that could not be sent, and packets without one, at sockets that are closed."""

    def report(self) -> dict[str, Json]:
        """Return the counts of unsent replies and of TCP connections, for `status`."""
        tls: Json = None
        if self._door is not None:
            tls = {"handshakes": len(self._door.newcomers), "carried": self._door.factory.carried}
        return {
            "udp": {"unsent": sum(one.udp.unsent for one in self._open.values())},
            "tcp": {
                "connections": len(self.tcp_clients),
                "evicted": self.tcp_clients.evicted,
                "max_connections": self.tcp_clients.most,
            },
            "tls": tls,
        }

    @property
    def stream(self) -> str:
        """How clients of connections ask: over TCP, or over TLS, which has a process of its own."""
        return "tcp" if self._door is None else "tls"

    def counts(self) -> dict[str, int]:
        """Return counts since the start of the process, by names of `answering.counting`."""
        return {
            "unsent.udp": self._unsent + sum(one.udp.unsent for one in self._open.values()),
            "ignored.udp": self._ignored + sum(one.udp.ignored for one in self._open.values()),
            f"accepted.{self.stream}": self.tcp_clients.entered,
            f"evicted.{self.stream}": self.tcp_clients.evicted,
        }

    @property
    def are_open(self) -> bool:
        """Whether this process answers on any socket."""
        return bool(self._open or self._open_tls)

    def open(self, number: int, asked: ListenAddress, pair: Pair) -> None:
        """Start to answer on a pair of sockets, until `close` is called with its number."""
        udp_socket, tcp_socket = pair
        reader = WildcardUDPReader if asked.host.is_unspecified else UDPReader
        answers = self._answers
        udp = reader(
            udp_socket,
            lambda packet, host: answers.answer(packet, host, udp=True),
            self._serve,
            answers.ask,
        )
        factory = TCPFactory(
            self._reactor,
            lambda packet, host: answers.answer(packet, host, udp=False),
            self.tcp_clients,
            answers.hand_over,
        )
        family = socket.AF_INET if asked.host.version == 4 else socket.AF_INET6
        clients = self.tcp_clients
        tcp = adopt_port(
            self._reactor, tcp_socket.fileno(), family, factory, lambda: clients.accepts_at_once
        )
        tcp_socket.close()  # the reactor has a duplicate
        self._reactor.addReader(udp)
        self._open[number] = _Listener(asked, udp, tcp, factory)

    def speak_tls(self, material: TLSMaterial) -> None:
        """Use certificate and key for new TLS connections from now on.

        Open files are asked for once, for the handshakes and for what is carried.  What TLS needs
        is loaded here, so that processes without it do without.
        """
        from failoverdns.answering.tls import OPEN_FILES, TLSDoor, TLSFactory
        from failoverdns.net.dns_tls import DNSContext

        context = DNSContext(material)
        if self._door is not None:
            self._door.context.adopt(context)
            return
        answers = self._answers
        factory = TLSFactory(
            self._reactor,
            lambda packet, host: answers.answer(packet, host, udp=False),
            self.tcp_clients,
            answers.hand_over,
            answers.is_secondary,
        )
        door = self._door = TLSDoor(context, factory, self._reactor)
        OURS.want(
            "TLS handshakes of DNS clients",
            OPEN_FILES,
            used=lambda: len(door.newcomers) + 2 * factory.carried,
            changed=door.limit,
        )

    def open_tls(self, number: int, asked: ListenAddress, sock: socket.socket) -> None:
        """Start to answer over TLS on a listening socket, until `close` is called with its number.

        `speak_tls` was called before.
        """
        assert self._door is not None
        family = socket.AF_INET if asked.host.version == 4 else socket.AF_INET6
        door: Any = self._door
        port = adopt_port(self._reactor, sock.fileno(), family, door, lambda: TLS_ACCEPTED_AT_ONCE)
        sock.close()  # the reactor has a duplicate
        self._open_tls[number] = _TLSListener(asked, port)

    def allow(self, connections: int) -> None:
        """Have at most N `connections`, whatever the settings say: open files are short."""
        self.tcp_clients.allowed = connections

    def close(self, number: int) -> None:
        """Stop answering on sockets; queries that have arrived are answered before.

        Clients that are connected over TLS stay.
        """
        over_tls = self._open_tls.pop(number, None)
        if over_tls is not None:
            maybeDeferred(over_tls.port.stopListening)
        listener = self._open.pop(number, None)
        if listener is not None:
            for _ in range(DRAINING):
                listener.udp.doRead()
            self._stop(listener)
            for connection in listener.factory.connections:
                receive(connection.transport)
            listener.factory.close()

    def close_all(self) -> None:
        """Stop answering on all sockets."""
        for number in [*self._open, *self._open_tls]:
            self.close(number)
        if self._door is not None:
            for arrival in self._door.newcomers.all():
                arrival.leave()
            self._door.factory.close()

    async def release(self) -> list[HandedConnection]:
        """Stop answering on all sockets, and return all TCP connections for another process.

        The caller owns their descriptors.  A connection whose client does not read its replies
        is closed here instead, when it has read them.
        """
        leaving = list(self._open.values())
        self._open.clear()
        for listener in leaving:
            self._stop(listener)
        for listener in leaving:
            for connection in listener.factory.connections:
                connection.pause()
        released: list[HandedConnection] = []
        until = self._reactor.seconds() + FLUSH
        while True:
            for listener in leaving:
                for connection in listener.factory.connections:
                    if (found := connection.release()) is not None:
                        descriptor, received = found
                        released.append(HandedConnection(descriptor, listener.asked, received))
            if not len(self.tcp_clients) or self._reactor.seconds() > until:
                break
            await deferLater(self._reactor, FLUSH_LOOK)
        for listener in leaving:
            for connection in listener.factory.connections:
                connection.keep()
            listener.factory.close()
        return released

    def take(self, connections: Iterable[HandedConnection]) -> None:
        """Continue TCP connections that another process has released; they are ours from now on.

        Those to an address on which this process does not answer are closed.
        """
        factories = {one.asked: one.factory for one in self._open.values()}
        for handed in connections:
            factory = factories.get(handed.asked)
            if factory is not None:
                family = socket.AF_INET if handed.asked.host.version == 4 else socket.AF_INET6
                with suppress(OSError):  # the client has gone
                    transport = self._reactor.adoptStreamConnection(
                        handed.descriptor, family, factory
                    )
                    transport.protocol.take_over(handed.received)
            close_all([handed.descriptor])  # the reactor has a duplicate

    def _stop(self, listener: _Listener) -> None:
        """Stop reading packets and accepting connections."""
        self._unsent += listener.udp.unsent
        self._ignored += listener.udp.ignored
        self._reactor.removeReader(listener.udp)
        listener.udp.socket.close()
        maybeDeferred(listener.tcp.stopListening)

    def copies_tls(self) -> list[tuple[ListenAddress, int]]:
        """Return the address and descriptor of each socket for TLS, to hand them over."""
        return [(one.asked, one.port.fileno()) for one in self._open_tls.values()]

    def copies(self) -> list[tuple[ListenAddress, int, int]]:
        """Return the address, UDP and TCP descriptor of each pair, to hand them over."""
        return [(one.asked, one.udp.fileno(), one.tcp.fileno()) for one in self._open.values()]
