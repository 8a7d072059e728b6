"""One answering process, as the control process sees it: start it, call it, and kill it.

    a call is not answered in time -> the process is killed -> it answers no query any more

Which process takes its place is decided in `workers.fleet`.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from failoverdns.model.errors import Rejected
from failoverdns.workers.calls import Call
from failoverdns.workers.channel import Channel, call_nothing, open_channel
from failoverdns.workers.child import CHANNEL

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


class Worker(ProcessProtocol):
    """An answering process that this control process starts."""

    def __init__(self, reactor: Any, place: int, ended: Callable[[Worker], None]) -> None:
        """Prepare a process for a place; `ended` is called once when it has ended."""
        self.place = place
        self.pid = 0
        self.is_serving = False
        """Whether it has all names, so that it can answer."""
        self.open: set[int] = set()
        """Numbers of the sockets that it answers on."""
        self._reactor = reactor
        self._ended = ended
        self._gone: Deferred[None] | None = Deferred()
        self._rendezvous = Path()
        self._retiring = False
        self._sent = self._applied = 0
        """Bytes of deltas that were sent, and that are known to be applied."""

    def start(self, rendezvous: Path) -> None:
        """Start the process; its rendezvous is `rendezvous` with its process id appended."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._channel = Channel(call_nothing, call_nothing, self._lose)
        open_channel(self._reactor, ours.fileno(), self._channel)
        ours.close()
        nothing = os.open(os.devnull, os.O_RDWR)
        process = self._reactor.spawnProcess(
            self,
            sys.executable,
            [sys.executable, "-m", "failoverdns.workers.child", str(rendezvous)],
            env=None,
            childFDs={0: nothing, 1: 2, 2: 2, CHANNEL: theirs.fileno()},
        )
        os.close(nothing)
        theirs.close()
        self.pid = process.pid
        self._rendezvous = Path(f"{rendezvous}.{self.pid}")

    def send_delta(self, frame: bytes) -> None:
        """Send a delta that was framed by `write_delta_frame`."""
        self._sent += len(frame)
        self._channel.send_delta(frame)

    async def call(
        self,
        name: Call,
        arguments: dict[str, Any] | None = None,
        descriptors: Iterable[int] = (),
        bound: float = BOUND,
    ) -> Any:
        """Call the process and return the result; kill it if it does not answer in `bound` seconds.

        It gets more time for deltas that it has to apply before.
        Raises Gone if it has ended, Stuck if it cannot be killed, Rejected if it refused the call.
        """
        calling = self._channel.call(name, arguments, descriptors)
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
        log.error("answering process {pid} does not answer: it is killed", pid=self.pid)
        self._kill()
        self._channel.transport.abortConnection()

    def let_go(self) -> None:
        """Leave it answering, without a control process; the next one takes over from it."""
        self._retiring = True
        self._channel.close()

    async def retire(self) -> None:
        """Let it answer the queries that it has begun to receive, and end."""
        self._retiring = True
        with suppress(Gone, Stuck, Rejected):
            await self.call(Call.RETIRE)
            self._channel.close()
            await self._end()
        self._kill()

    def processEnded(self, reason: Failure) -> None:  # noqa: N802
        """Note that the process has ended, and report it to `ended`."""
        self.is_serving = False
        self._channel.close()
        with suppress(OSError):
            self._rendezvous.unlink()
        gone, self._gone = self._gone, None
        if gone is not None:
            gone.callback(None)
        self._ended(self)

    async def _end(self) -> None:
        """Wait until the process has ended; raises Stuck."""
        if self._gone is None:
            return
        waiting: Deferred[bool] = Deferred()
        late = self._reactor.callLater(DEATH, waiting.callback, False)
        self._gone.addCallback(lambda _: None if waiting.called else waiting.callback(True))
        if not await waiting:
            raise Stuck(f"answering process {self.pid} neither answers nor can be killed")
        late.cancel()

    def _kill(self) -> None:
        with suppress(ProcessExitedAlready, ProcessLookupError):
            self.transport.signalProcess(signal.SIGKILL)  # type: ignore[union-attr]

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
