"""The channel between the control process and an answering process: frames, calls, descriptors.

Descriptors arrive in the order in which they were sent, before or with the frame that names them,
perhaps several frames before.  Those that nobody asked for are closed.

The word of an answering process is bounded, because it reads packets of others: it may only
reply to calls, in frames of at most `MAX_REPLY` bytes unless a call allows more, and send
descriptors only when they are asked for.  A channel on which more arrives is closed.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IFileDescriptorReceiver
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from failoverdns.model.errors import Malformed, Rejected
from failoverdns.net.adopting import adopt
from failoverdns.workers.frames import (
    MAX_BODY,
    MAX_REPLY,
    FrameReader,
    Kind,
    read_call,
    read_reply,
    write_call,
    write_failure,
    write_result,
)

CarryOut = Callable[["Channel", str, dict[str, Any]], Any]
"""Carries out a call (channel, name, arguments); returns its result, or a Deferred of it.

A Rejected that it raises is sent to the caller.
"""

CHANNEL: Final = 3
"""The descriptor of the channel in a process that the control process starts."""

MAX_DESCRIPTORS: Final = 1024
"""Descriptors that may wait for the frame that names them."""

log = Logger()


@implementer(IFileDescriptorReceiver)
class Channel(Protocol):
    """One end of a channel."""

    transport: Any

    def __init__(
        self,
        carry_out: CarryOut,
        take_delta: Callable[[bytes, Kind], None],
        lost: Callable[[Channel], None],
        *,
        only_replies: bool = False,
        most: int = MAX_BODY,
    ) -> None:
        """Carry out calls with `carry_out`, and call `lost` when the channel is closed.

        `take_delta` gets the body and the kind of each frame that has names.  With `only_replies`
        the other end is an answering process, whose word is bounded.  Otherwise frames may have
        bodies of `most` bytes.
        """
        self.name = "our processes"
        """The other end, for the log."""
        self._only_replies = only_replies
        self._carry_out = carry_out
        self._take_delta = take_delta
        self._lost = lost
        self._reader = FrameReader(MAX_REPLY if only_replies else most)
        self._number = 0
        self._waiting: dict[int, Deferred[Any]] = {}
        self._descriptors: deque[int] = deque()
        self.takes_descriptors = False
        """Whether descriptors may arrive; those that arrive otherwise are closed at once."""
        self.is_open = True

    def send_delta(self, frame: bytes) -> None:
        """Send a delta that was framed by `write_delta_frame`."""
        if self.is_open:
            self.transport.write(frame)

    def call(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        descriptors: Iterable[int] = (),
        most: int = MAX_REPLY,
    ) -> Deferred[Any]:
        """Call the other side, and return its result; the reply has at most `most` bytes.

        The result fails with Rejected if the call was refused, or with ConnectionDone if the
        channel is closed.
        """
        if not self.is_open:
            result: Deferred[Any] = Deferred()
            result.errback(ConnectionDone())
            return result
        self._number += 1
        self._reader.most = max(self._reader.most, most)
        self._send_descriptors(descriptors)
        self.transport.write(write_call(self._number, name, arguments or {}))
        result = self._waiting[self._number] = Deferred()
        return result

    def take_descriptors(self, count: int) -> list[int]:
        """Return the next `count` descriptors that arrived; the caller owns them.

        Raises Malformed if fewer have arrived.
        """
        if len(self._descriptors) < count:
            raise Malformed("a call names sockets that did not arrive")
        return [self._descriptors.popleft() for _ in range(count)]

    def refuse_descriptors(self) -> None:
        """Close the descriptors that no frame has named, and those that arrive from now on."""
        self.takes_descriptors = False
        while self._descriptors:
            os.close(self._descriptors.popleft())

    def give_descriptors(self, descriptors: Iterable[int]) -> None:
        """Send descriptors that belong to the reply of the call being carried out."""
        self._send_descriptors(descriptors)

    def close(self) -> None:
        """Close this end."""
        if self.is_open:
            self.transport.loseConnection()

    def abort(self) -> None:
        """Close this end at once; what was not sent yet is lost."""
        self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take received bytes, and handle the frames that are complete."""
        try:
            for frame in self._reader.feed(data):
                if self._only_replies and frame.kind is not Kind.REPLY:
                    raise Malformed(f"a frame of kind {frame.kind.name}, which it may not send")
                match frame.kind:
                    case Kind.CALL:
                        self._answer(*read_call(frame.body))
                    case Kind.REPLY:
                        self._note_reply(*read_reply(frame.body))
                    case kind:
                        self._take_delta(frame.body, kind)
        except Malformed as fault:
            self._break(str(fault))

    def fileDescriptorReceived(self, descriptor: int) -> None:  # noqa: N802
        """Store a descriptor until a frame names it; close it if none may arrive."""
        os.set_inheritable(descriptor, False)
        if self.takes_descriptors and len(self._descriptors) < MAX_DESCRIPTORS:
            self._descriptors.append(descriptor)
            return
        os.close(descriptor)
        if self._only_replies:
            self._break("a descriptor that nobody asked for")

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Fail the calls that wait for a reply, and report the end to `lost`."""
        self.is_open = False
        self.refuse_descriptors()
        waiting, self._waiting = self._waiting, {}
        for result in waiting.values():
            result.errback(ConnectionDone())
        self._lost(self)

    def _break(self, fault: str) -> None:
        """Close the channel, because of what arrived on it."""
        if self.is_open:
            self.is_open = False
            log.error(
                "the channel to {name} is closed, because it broke the protocol: {fault}",
                name=self.name,
                fault=fault,
            )
            self.transport.abortConnection()

    def _send_descriptors(self, descriptors: Iterable[int]) -> None:
        for descriptor in descriptors:
            self.transport.sendFileDescriptor(descriptor)

    def _answer(self, number: int, name: str, arguments: dict[str, Any]) -> None:
        def failed(failure: Failure) -> bytes:
            if isinstance(failure.value, Rejected):
                return write_failure(number, failure.value.code, failure.value.message)
            log.failure("the call {name} failed", failure, name=name)
            return write_failure(number, "unavailable", f"{name} failed; see the log")

        done: Deferred[Any] = maybeDeferred(self._carry_out, self, name, arguments)
        reply = done.addCallback(lambda result: write_result(number, result))
        reply.addErrback(failed).addCallback(self._send)

    def _send(self, frame: bytes) -> None:
        if self.is_open:
            self.transport.write(frame)

    def _note_reply(self, number: int, result: Any) -> None:
        waiting = self._waiting.pop(number, None)
        if not self._waiting and self._only_replies:
            self._reader.most = MAX_REPLY
        if waiting is None:
            raise Malformed("a reply to a call that was not made")
        if isinstance(result, Rejected):
            waiting.errback(result)
        else:
            waiting.callback(result)


class ChannelFactory(ServerFactory):
    """Makes a channel for each connection."""

    noisy = False

    def __init__(self, make: Callable[[], Channel]) -> None:
        self._make = make

    def buildProtocol(self, addr: object) -> Channel:  # noqa: N802
        """Return our end of a new channel."""
        return self._make()


def open_channel(reactor: Any, descriptor: int, channel: Channel) -> None:
    """Open a channel on a connected Unix socket; the reactor duplicates the descriptor."""
    adopt(reactor, descriptor, channel)


def call_nothing(*_: object) -> Any:
    """Refuse every call: an answering process never calls the control process."""
    raise Rejected("unknown-command", "an answering process cannot call the control process")
