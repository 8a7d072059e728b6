"""The transfer process as the control process sees it: start it, send it deltas, call it, kill it.

Which process takes the place of one that ends is decided in `transfers.control_side`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from twisted.python.failure import Failure

from failoverdns.model.errors import Malformed, Rejected
from failoverdns.net.spawning import spawn
from failoverdns.transfers.calls import Call
from failoverdns.transfers.interface import CarryOut
from failoverdns.workers.called_process import Gone, Stuck
from failoverdns.workers.channel import Channel
from failoverdns.workers.filling import FILLING
from failoverdns.workers.frames import MAX_REPLY
from failoverdns.workers.spawned_process import SpawnedProcess

SERVE: Final = "failoverdns.transfers.child:serve"
"""The function that the transfer process runs."""

MAX_WAITING: Final = 64 << 20
"""Bytes of deltas that may wait for a process that is filled; with more it is killed."""

PATIENCE: Final = 20.0
"""Seconds in which it must have applied a delta; commits do not wait for that."""


class TransferProcess(SpawnedProcess):
    """A transfer process that this control process starts."""

    def __init__(
        self, reactor: Any, carry_out: CarryOut, ended: Callable[[TransferProcess], None]
    ) -> None:
        """Prepare a process; `carry_out` does what it calls for, `ended` is called at its end."""
        super().__init__(reactor, 0, "transfer process")
        self.takes_deltas = False
        """Whether it is configured, so that it can take zones and their changes."""
        self.is_filled = False
        """Whether every zone was sent to it."""
        self._carry_out = carry_out
        self._ended = ended
        self._checking = False

    def start(self, control_socket: Path) -> None:
        """Start the process of the server at `control_socket`; raises CannotAnswer."""
        channel = Channel(self._called, _take_no_delta, self._lose, most=MAX_REPLY)
        self.spawn(channel, SERVE, (str(control_socket),), "transfer process")

    def publish(self, frame: bytes) -> None:
        """Send a delta, and do not wait; a process that does not apply it in time is killed."""
        self.send_delta(frame)
        if self.is_filled and self._sent - self._applied > MAX_WAITING:
            self.kill()
        else:
            self.check()

    def check(self) -> None:
        """Check that it answers calls, and do not wait; it is killed if it does not."""
        if not self._checking:
            self._checking = True
            spawn(self._check())

    def call_later(self, name: Call, arguments: dict[str, Any] | None = None) -> None:
        """Call the process and do not wait; nothing happens if it has ended."""
        spawn(self._call_quietly(name, arguments))

    def link(self, descriptor: int) -> None:
        """Give it a descriptor of a link to an answering process, which is duplicated."""
        copy = os.dup(descriptor)
        calling = self._channel.call(Call.LINK, {}, [copy])
        # The descriptor is sent in this turn of the reactor or later: it stays open until then.
        calling.addBoth(lambda _: os.close(copy))

    def processEnded(self, reason: Failure) -> None:  # noqa: N802
        """Note that the process has ended, and report it to `ended`."""
        self.is_filled = False
        self._channel.close()
        self._note_end()
        self._ended(self)

    async def end(self) -> None:
        """End the process; one that is starting has nothing to bring to an end."""
        if not self.takes_deltas:
            self._retiring = True
            self._kill()
        with suppress(Stuck):
            await (self.retire() if self.takes_deltas else self._end())

    async def _check(self) -> None:
        """Wait until what was sent is applied, and again if more was sent meanwhile."""
        with suppress(Gone, Stuck, Rejected):
            await self.call(Call.APPLIED, bound=self._patience)
            while self._applied < self._sent:
                await self.call(Call.APPLIED, bound=self._patience)
        self._checking = False

    async def _call_quietly(self, name: Call, arguments: dict[str, Any] | None) -> None:
        with suppress(Gone, Stuck, Rejected):
            await self.call(name, arguments, bound=self._patience)

    @property
    def _patience(self) -> float:
        return PATIENCE if self.is_filled else FILLING

    def _called(self, _: Channel, name: str, arguments: dict[str, Any]) -> Any:
        return self._carry_out(name, arguments)


def _take_no_delta(*_: object) -> None:
    raise Malformed("a delta, which it may not send")
