"""Exchanges of queries and replies: datagrams, connections that stay open, and new connections."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from attacks.judging import QUERIES, Judge, Query, Tally

PORTS = 16
OPEN_CONNECTIONS, IDLE_CONNECTIONS = 16, 4
"""Connections that stay open, and how many of them are idle between a query every few seconds."""

IDLE_SHARE = 12000
"""An idle connection gets one of this many queries, so one every six seconds."""

RECONNECT = 0.02
READ, WRITE = select.EPOLLIN, select.EPOLLIN | select.EPOLLOUT

Handler = Callable[[int, float], None]
"""Is called with the events of a socket and the time."""


class Loop(Protocol):
    """Waits for events of sockets."""

    def watch(self, sock: socket.socket, handler: Handler, events: int) -> None:
        """Call `handler` with the events of a socket from now on."""

    def forget(self, sock: socket.socket) -> None:
        """Close a socket that was watched."""


class Source(Protocol):
    """Sends queries of one kind."""

    tally: Tally

    def send(self, now: float) -> None:
        """Send a query."""

    def expire(self, before: float) -> None:
        """Lose the queries that were sent before a time."""


class Datagrams:
    """Queries over UDP from several ports, so that every answering process gets some."""

    def __init__(self, port: int, judge: Judge, loop: Loop) -> None:
        self.tally = Tally("udp")
        self._judge = judge
        self._waiting: list[dict[int, Query]] = [{} for _ in range(PORTS)]
        self._sockets = []
        for number in range(PORTS):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.connect(("127.0.0.1", port))
            loop.watch(sock, self._receiver(number), READ)
            self._sockets.append(sock)

    def send(self, now: float) -> None:
        """Send a query."""
        number = self.tally.sent
        query = self._judge.draw(now)
        self.tally.add(query)
        id_ = (number // PORTS) & 0xFFFF
        self._waiting[number % PORTS][id_] = query
        packet = id_.to_bytes(2) + QUERIES[query.group]
        for _ in range(3):  # an error of a packet before is reported by the next call
            with suppress(OSError):
                self._sockets[number % PORTS].send(packet)
                return

    def expire(self, before: float) -> None:
        """Lose the queries that were sent before a time."""
        self.tally.expire(before)

    def _receiver(self, number: int) -> Handler:
        waiting = self._waiting[number]

        def receive(_: int, now: float) -> None:
            with suppress(OSError):
                while True:
                    reply = self._sockets[number].recv(4096)
                    query = waiting.pop(int.from_bytes(reply[:2]), None)
                    if query is not None and query.open:
                        self.tally.answer(query, now)
                        self._judge.check(query, reply, now)

        return receive


class Stream:
    """A TCP connection to the server, on which queries may follow each other at once."""

    def __init__(self, port: int, owner: Connections | Visits) -> None:
        self.waiting: dict[int, Query] = {}
        self.ended = False
        self._owner = owner
        self._buffer = b""
        self._next = 0
        self._connected = False
        self._unsent = b""
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.ended = self._sock.connect_ex(("127.0.0.1", port)) not in (0, errno.EINPROGRESS)
        if self.ended:
            self._sock.close()
        else:
            owner.loop.watch(self._sock, self._handle, WRITE)

    def send(self, query: Query) -> None:
        """Send a query as soon as the connection stands."""
        self._next = (self._next + 1) & 0xFFFF
        self.waiting[self._next] = query
        packet = self._next.to_bytes(2) + QUERIES[query.group]
        self._unsent += len(packet).to_bytes(2) + packet
        if self._connected:
            self._flush()

    def close(self) -> None:
        """Close the connection; queries without a reply are lost with it."""
        if not self.ended:
            self.ended = True
            self._owner.loop.forget(self._sock)
        for query in self.waiting.values():
            self._owner.tally.lose(query, with_connection=True)
        self.waiting.clear()

    def _flush(self) -> None:
        with suppress(BlockingIOError):
            try:
                self._unsent = self._unsent[self._sock.send(self._unsent) :]
            except (BrokenPipeError, ConnectionError):
                self._break()

    def _handle(self, events: int, now: float) -> None:
        if not self._connected and events & select.EPOLLOUT:
            self._connected = not self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if self._connected:
                self._owner.loop.watch(self._sock, self._handle, READ)
                self._flush()
            else:
                self._break()
        elif events & ~select.EPOLLOUT:
            self._receive(now)

    def _receive(self, now: float) -> None:
        try:
            data = self._sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._break()
            return
        self._buffer += data
        while len(self._buffer) >= 2:
            end = 2 + int.from_bytes(self._buffer[:2])
            if len(self._buffer) < end:
                return
            reply, self._buffer = self._buffer[2:end], self._buffer[end:]
            query = self.waiting.pop(int.from_bytes(reply[:2]), None)
            if query is not None and query.open:
                self._owner.tally.answer(query, now)
                self._owner.judge.check(query, reply, now)
                self._owner.answered(self)

    def _break(self) -> None:
        self._owner.tally.closed += 1
        self.close()


class Connections:
    """Queries over TCP connections that stay open; one that the server closes is opened again."""

    def __init__(self, port: int, judge: Judge, loop: Loop) -> None:
        self.tally = Tally("tcp")
        self.judge = judge
        self.loop = loop
        self._port = port
        self._streams = [Stream(port, self) for _ in range(OPEN_CONNECTIONS)]
        self._tried = [0.0] * OPEN_CONNECTIONS

    def send(self, now: float) -> None:
        """Send a query, on the connection whose turn it is."""
        query = self.judge.draw(now)
        self.tally.add(query)
        number = self._place(self.tally.sent)
        if self._streams[number].ended and now > self._tried[number] + RECONNECT:
            self._open(number, now)
        if self._streams[number].ended:
            self.tally.lose(query, with_connection=True)
        else:
            self._streams[number].send(query)

    def answered(self, stream: Stream) -> None:
        """Leave the connection open."""

    def expire(self, before: float) -> None:
        """Lose the queries that were sent before a time."""
        self.tally.expire(before)

    def _place(self, sent: int) -> int:
        turn, rest = divmod(sent, IDLE_SHARE)
        if rest < IDLE_CONNECTIONS and turn >= 0:
            return rest
        busy = OPEN_CONNECTIONS - IDLE_CONNECTIONS
        return IDLE_CONNECTIONS + sent % busy

    def _open(self, number: int, now: float) -> None:
        self._tried[number] = now
        self._streams[number] = Stream(self._port, self)


class Visits:
    """Queries each over a TCP connection of its own."""

    def __init__(self, port: int, judge: Judge, loop: Loop) -> None:
        self.tally = Tally("new tcp")
        self.judge = judge
        self.loop = loop
        self._port = port
        self._streams: set[Stream] = set()

    def send(self, now: float) -> None:
        """Open a connection and send a query."""
        query = self.judge.draw(now)
        self.tally.add(query)
        stream = Stream(self._port, self)
        if stream.ended:
            self.tally.lose(query, with_connection=True)
        else:
            stream.send(query)
            self._streams.add(stream)

    def answered(self, stream: Stream) -> None:
        """Close the connection."""
        self._streams.discard(stream)
        stream.close()

    def expire(self, before: float) -> None:
        """Lose the queries that were sent before a time, and close their connections."""
        self.tally.expire(before)
        for stream in [each for each in self._streams if _is_over(each)]:
            self._streams.discard(stream)
            stream.close()


def _is_over(stream: Stream) -> bool:
    return stream.ended or not any(query.open for query in stream.waiting.values())
