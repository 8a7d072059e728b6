"""The web process as the control process sees it: start it, call it, kill it.

Which process takes the place of one that ends is decided in `web.control_side`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from twisted.python.failure import Failure

from failoverdns.model.errors import Rejected
from failoverdns.net.spawning import spawn
from failoverdns.net.token_bucket import TokenBucket
from failoverdns.web.calls import Call
from failoverdns.workers.called_process import Gone, Stuck
from failoverdns.workers.channel import Channel, call_nothing
from failoverdns.workers.spawned_process import SpawnedProcess

SERVE: Final = "failoverdns.web.child:serve"
"""The function that the web process runs."""

FAREWELL: Final = 4.0
"""Seconds in which it must have answered what it was asked, when it is to end."""

PATIENCE: Final = 20.0
"""Seconds in which it must answer a call; no command and no query waits for that."""


LANE_ENDS: Final = 5.0
"""Lanes a second that it may close; twenty times as many at once."""


class WebProcess(SpawnedProcess):
    """A web process that this control process starts."""

    def __init__(self, reactor: Any, ended: Callable[[WebProcess], None]) -> None:
        """Prepare a process; `ended` is called once when it has ended."""
        super().__init__(reactor, 0, "web process")
        self.is_serving = False
        """Whether it has its settings, tokens, lanes and sockets."""
        self.open: set[int] = set()
        """Numbers of the sockets that it listens on."""
        self.lane_ends = TokenBucket(LANE_ENDS, LANE_ENDS * 20)
        """How often it may close a lane."""
        self._ended = ended
        self._checking = False

    def start(self, control_socket: Path) -> None:
        """Start the process of the server at `control_socket`; raises CannotAnswer."""
        channel = Channel(call_nothing, call_nothing, self._lose, only_replies=True)
        self.spawn(channel, SERVE, (str(control_socket),), "web process")

    def call_later(
        self, name: Call, arguments: dict[str, Any] | None = None, descriptors: Iterable[int] = ()
    ) -> None:
        """Call the process and do not wait; nothing happens if it has ended.

        It gets duplicates of `descriptors`.
        """
        copies = [os.dup(number) for number in descriptors]
        spawn(self._call_quietly(name, arguments, copies))

    def check(self) -> None:
        """Check that it answers calls, and do not wait; it is killed if it does not."""
        if not self._checking:
            self._checking = True
            spawn(self._check())

    def processEnded(self, reason: Failure) -> None:  # noqa: N802
        """Note that the process has ended, and report it to `ended`."""
        self.is_serving = False
        self._channel.close()
        self._note_end()
        self._ended(self)

    async def end(self) -> None:
        """End the process; it first answers what it was asked, if it serves already."""
        self._retiring = True
        if not self.is_serving:
            self._kill()
        with suppress(Gone, Stuck, Rejected):
            if self.is_serving:
                await self.call(Call.RETIRE, bound=FAREWELL)
                self._channel.close()
            await self._end()
        self._kill()

    async def _check(self) -> None:
        await self._call_quietly(Call.APPLIED, None, [])
        self._checking = False

    async def _call_quietly(
        self, name: Call, arguments: dict[str, Any] | None, copies: list[int]
    ) -> None:
        """Call the process; close our copies of descriptors when it has its own."""
        try:
            with suppress(Gone, Stuck, Rejected):
                await self.call(name, arguments, copies, bound=PATIENCE)
        finally:
            for number in copies:
                os.close(number)
