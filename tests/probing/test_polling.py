"""Many descriptors as one: which events are reported, and to whom."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterator

import pytest
from heads import reactor, turn_until
from twisted.logger import capturedLogs
from twisted.python.failure import Failure

from failoverdns.probing.polling import BATCH, READABLE, Poller


@pytest.fixture
def poller() -> Iterator[Poller]:
    """A poller in the reactor."""
    made = Poller(reactor())
    yield made
    made.close()


def test_events_are_reported_by_the_reactor(poller: Poller) -> None:
    """Each change once."""
    ours, theirs = socket.socketpair()
    seen: list[int] = []
    with ours, theirs:
        ours.setblocking(False)
        poller.watch(ours.fileno(), seen.append)
        turn_until(lambda: len(seen) == 1)
        assert seen == [select.EPOLLOUT]
        theirs.send(b"x")
        turn_until(lambda: len(seen) == 2)
        assert seen[1] & select.EPOLLIN
        reactor().iterate(0)
        assert len(seen) == 2
        poller.forget(ours.fileno())
        poller.forget(ours.fileno())
        theirs.send(b"x")
        reactor().iterate(0)
        assert len(seen) == 2


def test_readable_bytes_can_be_reported_again_and_again(poller: Poller) -> None:
    reading, writing = os.pipe()
    seen: list[int] = []
    poller.watch(reading, seen.append, READABLE)
    os.write(writing, b"x")
    for _ in range(3):
        poller.doRead()
    assert seen == [select.EPOLLIN] * 3
    poller.forget(reading)
    os.close(reading)
    os.close(writing)


def test_an_event_is_never_reported_to_a_later_descriptor_with_the_same_number(
    poller: Poller,
) -> None:
    """Such a descriptor may be opened while the events of a turn are reported."""
    pipes = [os.pipe() for _ in range(2)]
    told: list[int] = []
    fresh: list[int] = []

    def replace(events: int) -> None:
        """Close both, and let other descriptors get their numbers."""
        told.append(events)
        for reading, _ in pipes:
            poller.forget(reading)
        spare_read, spare_write = os.pipe()
        for reading, _ in pipes:
            os.dup2(spare_read, reading)
            poller.watch(reading, fresh.append, READABLE)
        os.close(spare_read)
        os.close(spare_write)

    for reading, writing in pipes:
        poller.watch(reading, replace, READABLE)
        os.write(writing, b"x")
    assert poller.poll() == 2
    assert len(told) == 1
    assert fresh == []
    poller.poll()
    assert fresh == [select.EPOLLHUP] * 2
    for reading, writing in pipes:
        poller.forget(reading)
        os.close(reading)
        os.close(writing)


def test_one_turn_handles_a_limited_number_of_events(poller: Poller) -> None:
    """Other descriptors of the reactor get their turn."""
    pairs = [socket.socketpair() for _ in range(BATCH + 1)]
    seen: list[int] = []
    for ours, _ in pairs:
        poller.watch(ours.fileno(), seen.append)
    assert poller.poll() == BATCH
    assert poller.poll() == 1
    for ours, theirs in pairs:
        poller.forget(ours.fileno())
        ours.close()
        theirs.close()


def test_an_exception_in_one_receiver_is_logged_and_the_others_are_called(poller: Poller) -> None:
    seen: list[int] = []

    def fail(events: int) -> None:
        seen.append(events)
        raise ZeroDivisionError

    pairs = [socket.socketpair() for _ in range(2)]
    for ours, _ in pairs:
        poller.watch(ours.fileno(), fail)
    with capturedLogs() as logs:
        poller.doRead()
    assert len(seen) == len(logs) == 2
    for ours, theirs in pairs:
        poller.forget(ours.fileno())
        ours.close()
        theirs.close()


def test_tearing_down_the_reactor_changes_nothing(poller: Poller) -> None:
    """The prober's owner stops it."""
    poller.connectionLost(Failure(ConnectionError()))  # type: ignore[no-untyped-call]
    assert poller.fileno() >= 0
    assert poller.logPrefix() == "probing"
