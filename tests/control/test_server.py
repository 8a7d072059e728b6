"""The control socket without the rest: order, limits, and clients that stall."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from failoverdns.control.language.requests import Request
from failoverdns.control.server import (
    MAX_CLIENTS,
    MAX_EVENTS,
    MAX_PENDING,
    STALLED_TIMEOUT,
    ControlConnection,
    ControlFactory,
    Lines,
)
from failoverdns.model.change import Who


class Transport(StringTransport):
    """A transport over one end of a socket pair: peer credentials are real."""

    def __init__(self) -> None:
        super().__init__()
        self.socket, self.other = socket.socketpair()
        self.aborted = False
        self.sends_no_more = False

    def loseWriteConnection(self) -> None:  # noqa: N802
        self.sends_no_more = True

    def abortConnection(self) -> None:  # noqa: N802
        self.aborted = True

    def replies(self) -> list[Any]:
        """Return the lines that were sent so far."""
        return [json.loads(line) for line in self.value().splitlines()]


class Slow:
    """Carries requests out when it is told to."""

    def __init__(self) -> None:
        self.changes: list[tuple[Request, Callable[[Lines], None]]] = []
        self.reads: list[Deferred[Lines]] = []
        self.acts: list[Deferred[Lines]] = []
        self.who: Who | None = None

    def change(self, request: Request, who: Who, reply: Callable[[Lines], None]) -> None:
        self.who = who
        self.changes.append((request, reply))

    async def act(self, request: Request) -> Lines:
        waiting: Deferred[Lines] = Deferred()
        self.acts.append(waiting)
        return await waiting

    async def read(self, request: Request) -> Lines:
        waiting: Deferred[Lines] = Deferred()
        self.reads.append(waiting)
        return await waiting

    def finish(self, index: int, text: str) -> None:
        """Reply to a command that changes something."""
        self.changes[index][1](lines(text))


def lines(*texts: str) -> Iterator[bytes]:
    """A reply in pieces."""
    return iter([json.dumps(text).encode() + b"\n" for text in texts])


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def factory(slow: Slow) -> ControlFactory:
    return ControlFactory(Clock(), slow, None)


def connect(factory: ControlFactory) -> tuple[ControlConnection, Transport]:
    """A client."""
    connection = factory.buildProtocol(None)
    transport = Transport()
    connection.makeConnection(transport)
    return connection, transport


def test_replies_come_in_the_order_of_requests(factory: ControlFactory, slow: Slow) -> None:
    """Whichever is ready first."""
    connection, transport = connect(factory)
    connection.dataReceived(b"application add a\napplication add b\nnonsense\n")
    slow.finish(1, "second")
    assert transport.replies() == []
    slow.finish(0, "first")
    assert transport.replies()[:2] == ["first", "second"]
    assert transport.replies()[2]["error"]["code"] == "unknown-command"


def test_changes_are_handed_on_at_once_and_reads_wait_for_them(
    factory: ControlFactory, slow: Slow
) -> None:
    """So that many changes share a commit, and a read sees what was asked before it."""
    connection, transport = connect(factory)
    connection.dataReceived(b"application add a\nstatus\napplication add b\n")
    assert len(slow.changes) == 2
    assert slow.reads == []
    slow.finish(0, "a")
    assert len(slow.reads) == 1
    slow.finish(1, "b")
    slow.reads[0].callback(lines("status"))
    assert transport.replies() == ["a", "status", "b"]


def test_an_action_waits_for_the_requests_before_it(factory: ControlFactory, slow: Slow) -> None:
    """Like a command that reads, on the same connection."""
    connection, transport = connect(factory)
    connection.dataReceived(b"application add a\nquerylog off\nstatus\n")
    assert (slow.acts, slow.reads) == ([], [])
    slow.finish(0, "a")
    assert (len(slow.acts), slow.reads) == (1, [])
    slow.acts[0].callback(lines("off"))
    slow.reads[0].callback(lines("status"))
    assert transport.replies() == ["a", "off", "status"]


def test_the_kernel_says_who_is_there(factory: ControlFactory, slow: Slow) -> None:
    """uid, pid and command name, not what the client claims."""
    import os

    connection, _ = connect(factory)
    connection.dataReceived(b"application add a\n")
    assert slow.who is not None
    assert (slow.who.uid, slow.who.pid) == (os.getuid(), os.getpid())


def test_a_defect_is_kept_to_its_request(factory: ControlFactory, slow: Slow) -> None:
    """The client is told, the connection goes on."""
    connection, transport = connect(factory)
    connection.dataReceived(b"status\napplication add a\n")
    slow.reads[0].errback(ZeroDivisionError())
    slow.finish(0, "a")
    assert transport.replies()[0]["error"]["code"] == "unavailable"
    assert transport.replies()[1] == "a"


def test_requests_of_one_client_are_read_up_to_a_limit(factory: ControlFactory, slow: Slow) -> None:
    """The rest waits in the kernel; it is read when replies have gone out."""
    connection, transport = connect(factory)
    connection.dataReceived(b"application add a\n" * (MAX_PENDING + 10))
    while factory.clock.getDelayedCalls():  # type: ignore[attr-defined]
        factory.clock.advance(0)  # type: ignore[attr-defined]
    assert len(slow.changes) == MAX_PENDING
    assert transport.producerState == "paused"
    for index in range(10):
        slow.finish(index, "done")
    assert len(slow.changes) == MAX_PENDING + 10


def test_a_client_that_does_not_read_is_let_go_in_the_end(
    factory: ControlFactory, slow: Slow
) -> None:
    """After 60 seconds; until then, nothing more is sent to it and nothing read from it."""
    connection, transport = connect(factory)
    connection.pauseProducing()
    connection.dataReceived(b"application add a\n")
    assert slow.changes == []
    factory.clock.advance(59)  # type: ignore[attr-defined]
    assert not transport.aborted
    factory.clock.advance(1)  # type: ignore[attr-defined]
    assert transport.aborted


def test_a_client_that_reads_again_gets_everything(factory: ControlFactory, slow: Slow) -> None:
    """And may stay."""
    connection, transport = connect(factory)
    connection.dataReceived(b"application add a\n")
    connection.pauseProducing()
    slow.finish(0, "done")
    assert transport.replies() == []
    connection.resumeProducing()
    assert transport.replies() == ["done"]
    factory.clock.advance(STALLED_TIMEOUT)  # type: ignore[attr-defined]
    assert not transport.aborted


def test_events_go_to_those_who_watch(factory: ControlFactory, slow: Slow) -> None:
    """After the replies that are due; others hear nothing."""
    watcher, heard = connect(factory)
    _, silent = connect(factory)
    watcher.dataReceived(b"watch\napplication add a\n")
    slow.reads[0].callback(lines("watching"))
    factory.send_event(b'"event"\n')
    assert heard.replies() == ["watching"]
    slow.finish(0, "a")
    assert heard.replies() == ["watching", "a", "event"]
    assert silent.replies() == []


def test_who_watches_and_does_not_read_is_let_go(factory: ControlFactory, slow: Slow) -> None:
    """What is kept for it is bounded."""
    watcher, transport = connect(factory)
    watcher.dataReceived(b"watch\n")
    slow.reads[0].callback(lines("watching"))
    watcher.pauseProducing()
    for _ in range(MAX_EVENTS):
        factory.send_event(b'"event"\n')
    assert not transport.aborted
    factory.send_event(b'"event"\n')
    assert transport.aborted


def test_a_long_reply_leaves_room_for_others(factory: ControlFactory, slow: Slow) -> None:
    """It is sent over several turns of the reactor."""
    connection, transport = connect(factory)
    clock = factory.clock

    def pieces() -> Iterator[bytes]:
        for number in range(10):
            clock.advance(0.002)  # type: ignore[attr-defined]
            yield b"%d\n" % number

    connection.dataReceived(b"status\n")
    slow.reads[0].callback(pieces())
    assert 0 < len(transport.replies()) < 10
    for _ in range(10):
        clock.advance(0)  # type: ignore[attr-defined]
    assert transport.replies() == [*range(10)]


def test_after_a_half_close_every_reply_comes_and_then_the_end(
    factory: ControlFactory, slow: Slow
) -> None:
    """The last line needs no newline; one who watches stays."""
    connection, transport = connect(factory)
    connection.dataReceived(b"application add a\napplication add b")
    connection.readConnectionLost()
    slow.finish(0, "a")
    assert not transport.disconnecting
    slow.finish(1, "b")
    assert transport.replies() == ["a", "b"]
    assert transport.disconnecting
    watcher, transport = connect(factory)
    watcher.dataReceived(b"watch")
    watcher.readConnectionLost()
    slow.reads[0].callback(lines("watching"))
    factory.send_event(b'"event"\n')
    assert transport.replies() == ["watching", "event"]
    assert not transport.disconnecting


def test_one_client_too_many_is_refused_until_another_leaves(
    factory: ControlFactory, slow: Slow
) -> None:
    """It is told why, and its requests are not carried out."""
    clients = [connect(factory) for _ in range(MAX_CLIENTS)]
    for client, _ in clients:
        client.dataReceived(b"application add a\n")
    slow.changes.clear()
    late, transport = connect(factory)
    assert transport.replies()[0]["error"]["code"] == "busy"
    assert (transport.sends_no_more, transport.disconnecting) == (True, False)
    late.dataReceived(b"application add a\n")
    assert slow.changes == []
    late.readConnectionLost()
    assert transport.disconnecting
    clients[0][0].connectionLost()
    _, transport = connect(factory)
    assert transport.replies() == []


def test_when_there_are_too_many_the_longest_idle_goes(factory: ControlFactory) -> None:
    """So that connections that somebody forgot keep nobody out; who watches stays."""
    clients = [connect(factory) for _ in range(MAX_CLIENTS)]
    clients[0][0].dataReceived(b"watch\n")
    clients[1][0].dataReceived(b"nonsense\n")
    _, transport = connect(factory)
    assert not transport.disconnecting
    assert [t.aborted for _, t in clients[:4]] == [False, False, True, False]


def test_closing_lets_every_client_go(factory: ControlFactory) -> None:
    """When the server stops."""
    transports = [connect(factory)[1] for _ in range(3)]
    assert all(transport.streaming for transport in transports)
    factory.close()
    assert all(transport.disconnecting for transport in transports)


def test_a_client_that_is_gone_gets_nothing_more(factory: ControlFactory, slow: Slow) -> None:
    """Its command is carried out all the same; nothing is left behind."""
    connection, transport = connect(factory)
    connection.dataReceived(b"application add a\nwatch\n")
    connection.pauseProducing()
    connection.connectionLost()
    slow.finish(0, "done")
    factory.send_event(b'"event"\n')
    assert transport.replies() == []
    assert factory.clock.getDelayedCalls() == []  # type: ignore[attr-defined]
