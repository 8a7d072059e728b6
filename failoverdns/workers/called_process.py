"""An answering process as whoever controls it sees it: send it deltas, call it, and kill it.

    a call is not answered in time -> the process is killed -> it answers no query any more

How it came to be is not known here: `workers.worker_process` starts one, `workers.handover` finds
one that an earlier control process left.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.logger import Logger

from failoverdns.model.errors import Rejected
from failoverdns.workers.calls import Call
from failoverdns.workers.channel import Channel
from failoverdns.workers.frames import MAX_REPLY

BOUND: Final = 2.0
"""Seconds in which an answering process must answer a call; else it is killed."""

SPEED: Final = 1e6
"""Bytes of deltas that a process applies per second at least; large deltas get more time."""

DEATH: Final = 2.0
"""Seconds in which a process that was killed must have ended."""

log = Logger()


class Gone(Exception):
    """The answering process has ended, so it answers no query any more."""


class Stuck(Exception):
    """The answering process neither answers a call nor can be killed."""


class CalledProcess(ABC):
    """An answering process at the other end of a channel."""

    _channel: Channel

    def __init__(self, reactor: Any, pid: int, what: str = "answering process") -> None:
        """Begin with `pid`; the channel is set before the first call.

        `what` the process is, in words, for the log.
        """
        self.pid = pid
        self._what = what
        self._reactor = reactor
        self._gone: Deferred[None] | None = Deferred()
        self._retiring = False
        self._sent = self._applied = 0
        """Bytes of deltas that were sent, and that are known to be applied."""

    def send_delta(self, frame: bytes) -> None:
        """Send a delta that was framed by `write_delta_frame`."""
        self._sent += len(frame)
        self._channel.send_delta(frame)

    async def call(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        descriptors: Iterable[int] = (),
        bound: float = BOUND,
        most: int = MAX_REPLY,
    ) -> Any:
        """Call the process and return the result; kill it if it does not answer in `bound` seconds.

        It gets more time for deltas that it has to apply before.  The reply has at most `most`
        bytes.
        Raises Gone if it has ended, Stuck if it cannot be killed, Rejected if it refused the call.
        """
        calling = self._channel.call(name, arguments, descriptors, most)
        sent = self._sent
        watch = _Bound(self._reactor, bound + (sent - self._applied) / SPEED, self.kill)
        try:
            result = await calling
            self._applied = max(self._applied, sent)
            return result
        except ConnectionDone:
            await self._end()
            raise Gone from None
        finally:
            watch.cancel()

    def kill(self) -> None:
        """Kill the process, which does not answer, and log that."""
        text = "{what} {pid} does not answer: it is killed"
        log.error(text, what=self._what, pid=self.pid)
        self._kill()
        self._channel.abort()

    def distrust(self, fault: str) -> None:
        """Kill the process, because of what it said, and log that."""
        text = "{what} {pid} is not trusted, and killed: {fault}"
        log.error(text, what=self._what, pid=self.pid, fault=fault)
        self._kill()
        self._channel.abort()

    async def retire(self) -> None:
        """Let it answer the queries that it has begun to receive, and end."""
        self._retiring = True
        with suppress(Gone, Stuck, Rejected):
            await self.call(Call.RETIRE)
            self._channel.close()
            await self._end()
        self._kill()

    def _note_end(self) -> None:
        """Note that the process has ended."""
        gone, self._gone = self._gone, None
        if gone is not None:
            gone.callback(None)

    async def _end(self) -> None:
        """Wait until the process has ended; raises Stuck."""
        if self._gone is None:
            return
        waiting: Deferred[bool] = Deferred()
        late = self._reactor.callLater(DEATH, waiting.callback, False)
        self._gone.addCallback(lambda _: None if waiting.called else waiting.callback(True))
        if not await waiting:
            raise Stuck(f"{self._what} {self.pid} neither answers nor can be killed")
        late.cancel()

    @abstractmethod
    def _kill(self) -> None:
        """Kill the process if it still runs."""

    def _lose(self, channel: Channel) -> None:
        """Kill a process that has lost its channel, because it would miss further deltas."""
        if not self._retiring:
            self._kill()


class _Bound:
    """A timer in two halves, so that a pause of this process alone does not make it expire.

    The second half starts only when the first one was noticed.
    """

    def __init__(self, reactor: Any, seconds: float, late: Callable[[], None]) -> None:
        self._reactor = reactor
        self._seconds = seconds
        self._late = late
        self._timer = reactor.callLater(seconds / 2, self._half)

    def cancel(self) -> None:
        """Stop the timer."""
        if self._timer.active():
            self._timer.cancel()

    def _half(self) -> None:
        self._timer = self._reactor.callLater(self._seconds / 2, self._whole)

    def _whole(self) -> None:
        self._late()
