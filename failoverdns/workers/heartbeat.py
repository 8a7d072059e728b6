"""The heartbeat: an answering process that hangs is killed within two seconds.

Without it a process that hangs would be noticed only by the next change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from twisted.internet.task import LoopingCall

from failoverdns.net.spawning import spawn
from failoverdns.workers.called_process import Gone, Stuck
from failoverdns.workers.calls import Call
from failoverdns.workers.worker_process import Worker

HEARTBEAT: Final = 0.5
"""Seconds between two checks that each answering process still answers calls."""

PATIENCE: Final = 1.4
"""Seconds that a check may take: with `HEARTBEAT`, a process that hangs is killed within two."""


class Heartbeat:
    """Checks each process that answers, again and again."""

    def __init__(self, reactor: Any, workers: Callable[[], Iterable[Worker]]) -> None:
        """Check the processes that `workers` returns, once it is started."""
        self._workers = workers
        self._looking = LoopingCall(self._look)
        self._looking.clock = reactor

    def start(self) -> None:
        """Begin."""
        self._looking.start(HEARTBEAT, now=False)

    def stop(self) -> None:
        """End; it need not have begun."""
        if self._looking.running:
            self._looking.stop()

    def _look(self) -> None:
        for worker in self._workers():
            if worker.is_serving and not worker.is_being_checked:
                spawn(_check(worker))


async def _check(worker: Worker) -> None:
    """Call a process, which is killed if it does not answer."""
    worker.is_being_checked = True
    with suppress(Gone, Stuck):
        await worker.call(Call.APPLIED, bound=PATIENCE)
    worker.is_being_checked = False
