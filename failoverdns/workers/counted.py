"""What answering processes have counted, also those that have ended.

Each process is asked every few seconds, so that what it had counted is known if it is killed; then
its last report stays in the sums, which never go back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from twisted.internet.task import LoopingCall

from failoverdns.net.spawning import spawn
from failoverdns.tallies import Kept
from failoverdns.workers.calling import call_all
from failoverdns.workers.calls import Call
from failoverdns.workers.reports import collected
from failoverdns.workers.worker_process import Worker

POLL: Final = 2.0
"""Seconds between two reports: what was counted since the last one is lost with the process."""


class Counted:
    """The sums of what the processes of a fleet have counted."""

    def __init__(self, reactor: Any, workers: Callable[[], Iterable[Worker]]) -> None:
        """Ask the processes that `workers` returns, once it is started."""
        self._workers = workers
        self._kept = Kept()
        self._is_asking = False
        self._asking = LoopingCall(self._poll)
        self._asking.clock = reactor
        self.ended = 0
        """Processes that have ended without being asked to."""

    def start(self) -> None:
        """Begin to ask."""
        self._asking.start(POLL, now=False)

    def stop(self) -> None:
        """Ask no more; it need not have begun."""
        if self._asking.running:
            self._asking.stop()

    async def reports(self) -> dict[int, dict[str, Any]]:
        """Ask every process that answers, and return the reports by process id."""
        asked = [worker for worker in self._workers() if worker.is_serving]
        found = collected(asked, await call_all(asked, Call.REPORT))
        for worker in asked:
            if worker.pid in found:
                self._kept.note(worker, _counts_of(found[worker.pid]))
        return found

    def lose(self, worker: Worker) -> None:
        """Keep what a process has counted that has ended unasked."""
        self.ended += 1
        self._kept.end(worker)

    def end(self, worker: Worker) -> None:
        """Keep what a process has counted that is about to end."""
        self._kept.end(worker)

    def total(self) -> dict[str, int]:
        """Return the sums by the names of `answering.counting`."""
        return self._kept.total()

    def _poll(self) -> None:
        if not self._is_asking:
            self._is_asking = True
            spawn(self._ask())

    async def _ask(self) -> None:
        try:
            await self.reports()
        finally:
            self._is_asking = False


def _counts_of(report: Mapping[str, Any]) -> Mapping[str, int]:
    """Return the counts in a report that was checked; another version has none."""
    return report.get("counts") or {}
