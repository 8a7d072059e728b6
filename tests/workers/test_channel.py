"""Channels between processes take only the descriptors that they ask for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogPublisher

from failoverdns.workers.channel import MAX_DESCRIPTORS, Channel, call_nothing
from failoverdns.workers.frames import (
    MAX_REPLY,
    write_call,
    write_delta_frame,
    write_result,
)


def descriptor() -> int:
    """Return a new descriptor."""
    return os.open(os.devnull, os.O_RDONLY)


def is_open(number: int) -> bool:
    """Return whether a descriptor is open."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def test_descriptors_that_nobody_asked_for_are_closed() -> None:
    """They are taken while a call waits for them, and the rest is closed afterwards."""
    channel = Channel(call_nothing, call_nothing, lambda _: None)
    unasked, asked, surplus, late = (descriptor() for _ in range(4))
    channel.fileDescriptorReceived(unasked)
    assert not is_open(unasked)
    channel.takes_descriptors = True
    channel.fileDescriptorReceived(asked)
    channel.fileDescriptorReceived(surplus)
    assert channel.take_descriptors(1) == [asked]
    channel.refuse_descriptors()
    assert not is_open(surplus)
    channel.fileDescriptorReceived(late)
    assert not is_open(late)
    os.close(asked)


def test_the_number_of_descriptors_that_wait_is_limited() -> None:
    channel = Channel(call_nothing, call_nothing, lambda _: None)
    channel.takes_descriptors = True
    channel._descriptors.extend(-1 for _ in range(MAX_DESCRIPTORS))
    surplus = descriptor()
    channel.fileDescriptorReceived(surplus)
    assert not is_open(surplus)
    channel._descriptors.clear()


class Worker:
    """The control process's end of a channel to an answering process, and what it does with it."""

    def __init__(self) -> None:
        self.transport = StringTransport()
        self.channel = Channel(call_nothing, call_nothing, lambda _: None, only_replies=True)
        self.channel.name = "answering process 7"
        self.channel.makeConnection(self.transport)

    @property
    def is_cut_off(self) -> bool:
        """Whether the channel was closed at once."""
        return self.transport.disconnected or self.transport.disconnecting


@pytest.fixture
def logged() -> Iterator[list[dict[str, Any]]]:
    """Yield what is logged during a test."""
    events: list[dict[str, Any]] = []
    globalLogPublisher.addObserver(events.append)
    yield events
    globalLogPublisher.removeObserver(events.append)


@pytest.mark.parametrize(
    "data",
    [
        write_call(1, "status", {}),
        write_delta_frame([b"delta"]),
        write_delta_frame([b"part", b"delta"]),
        write_result(1, "to no call"),
        (MAX_REPLY + 2).to_bytes(4, "big") + b"\4",
        b"\0\0\0\3\4{}",
        b"\0\0\1\1\4" + b"[" * 256,
    ],
    ids=["call", "delta", "part", "reply", "too large", "no reply", "nested"],
)
def test_an_answering_process_that_breaks_the_protocol_is_cut_off(
    data: bytes, logged: list[dict[str, Any]]
) -> None:
    """It may only reply, to calls that were made, and briefly; the log names it."""
    worker = Worker()
    worker.channel.dataReceived(data)
    assert worker.is_cut_off
    (event,) = [event for event in logged if event.get("name") == "answering process 7"]
    assert "broke the protocol" in event["log_format"]


def test_an_answering_process_that_sends_descriptors_unasked_is_cut_off() -> None:
    """They are closed."""
    worker = Worker()
    sent = descriptor()
    worker.channel.fileDescriptorReceived(sent)
    assert not is_open(sent)
    assert worker.is_cut_off


def test_a_reply_may_have_one_mib_and_more_if_the_call_allows_it() -> None:
    """The next reply is limited again."""
    worker = Worker()
    got: list[Any] = []
    worker.channel.call("report").addCallback(got.append)
    reply = write_result(1, "x" * (MAX_REPLY - 30))
    assert len(reply) < MAX_REPLY
    worker.channel.dataReceived(reply)
    worker.channel.call("recall", most=2 * MAX_REPLY).addCallback(got.append)
    worker.channel.dataReceived(write_result(2, "x" * (MAX_REPLY + 30)))
    assert [len(one) for one in got] == [MAX_REPLY - 30, MAX_REPLY + 30]
    assert not worker.is_cut_off
    worker.channel.call("report").addErrback(lambda _: None)
    worker.channel.dataReceived(write_result(3, "x" * (MAX_REPLY + 30)))
    assert worker.is_cut_off


def test_a_control_process_may_send_more() -> None:
    """Deltas are larger than a reply may be."""
    deltas: list[bytes] = []
    channel = Channel(call_nothing, lambda delta, _: deltas.append(delta), lambda _: None)
    channel.makeConnection(StringTransport())
    channel.dataReceived(write_delta_frame([b"x" * (2 * MAX_REPLY)]))
    assert [len(delta) for delta in deltas] == [2 * MAX_REPLY]
