"""The fleet of answering processes: start, fill and update them, and replace those that end.

    publish -> delta to every process -> each reports that it has applied it -> visible
    a process ends                    -> another one answers on its sockets at once
                                      -> a new one is started, filled, and gets the sockets

The fleet decides which process answers on which sockets.  Starting and watching a single process is
in `workers.worker_process`, addresses and settings are in `workers.settings`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from failoverdns.answering.settings import share_of, write_worker_settings
from failoverdns.model.change import Delta, Json
from failoverdns.model.commands.server import LogCommand, QueryLogOff, QueryLogOn
from failoverdns.model.errors import Malformed, Rejected
from failoverdns.model.settings import Config
from failoverdns.net.inherited import Inherited
from failoverdns.net.spawning import spawn
from failoverdns.net.succession import HandedConnection, HandedPair, close_all
from failoverdns.protocol.table.deltas import write_parts, write_swap
from failoverdns.workers.called_process import Gone, Stuck
from failoverdns.workers.calls import PROTOCOL, Call, write_address, write_connections
from failoverdns.workers.filling import FILLING, fill, fill_next
from failoverdns.workers.frames import write_delta_frame, write_forget_frame, write_swap_frame
from failoverdns.workers.handover import Orphans, dismiss
from failoverdns.workers.interface import CannotAnswer, Parts
from failoverdns.workers.reports import added, check_report, combined, confined_by
from failoverdns.workers.settings import AnsweringSetup, PreparedWorkers, warn_of_query_log
from failoverdns.workers.worker_process import Worker

HEARTBEAT: Final = 0.5
"""Seconds between two checks that each answering process still answers calls."""

PATIENCE: Final = 1.4
"""Seconds that a check may take: with `HEARTBEAT`, a process that hangs is killed within two."""

KEPT_AT_ONCE: Final = 100
"""Texts that are sent to a new process in one call."""

PAUSE: Final = 1.0
"""Seconds before the next attempt to replace a process that ended before it could answer."""

log = Logger()


class Fleet:
    """Implements `workers.interface.Answering`."""

    def __init__(
        self, count: int, reactor: Any, inherited: Inherited, control_socket: Path
    ) -> None:
        """Prepare a fleet of `count` processes; `start` starts them.

        Each can be found beside `control_socket`.  `inherited` sockets are used before new ones are
        opened.
        """
        self._reactor = reactor
        self._count = count
        self._control_socket = control_socket
        self._setup = AnsweringSetup(count, inherited, reactor, self._configure)
        self._workers: list[Worker] = []
        self._parts: Parts = lambda: iter(())
        self._orphans = Orphans(reactor, control_socket, inherited)
        self._kept: dict[int, str] = {}
        self._sample: int | None = None
        self._replacing = False
        self._is_outdated = False
        """Whether the files on disk are of a version that cannot answer for this one."""
        self._heartbeat = LoopingCall(self._look)
        self._heartbeat.clock = reactor

    async def start(self, config: Config, parts: Parts) -> None:
        """Start and fill the processes, then let them answer.

        Processes of an earlier control process answer until then, and their sockets are taken over.
        """
        self._parts = parts
        self._setup.adopt(self._setup.prepare(config))
        warn_of_query_log(config)
        workers = [self._launch(place) for place in range(self._count)]
        try:
            await self._fill(workers)
        except (Gone, Stuck):
            raise CannotAnswer("an answering process ended before it could answer") from None
        except Rejected as refusal:
            raise CannotAnswer(f"no answering process can be started: {refusal}") from None
        self._replacing = True
        self._arrange()
        await self.visible()
        await dismiss(self._orphans.taken(), self.take)
        self._heartbeat.start(HEARTBEAT, now=False)
        reports = [one for one in await self._call_all(Call.REPORT) if isinstance(one, dict)]
        log.info(
            "{count} answering process(es), fast path: {fast_path}, confined by {confinement}",
            count=self._count,
            fast_path=", ".join(sorted({str(one["fast_path"]) for one in reports})),
            confinement=confined_by(reports),
        )

    async def recall(self) -> list[str]:
        """Find the processes of an earlier control process; return the texts that they keep."""
        return await self._orphans.recall()

    def leave(self) -> None:
        """Let the processes of an earlier control process continue: this one will not answer."""
        self._orphans.leave()

    def includes(self, pid: int) -> bool:
        """Return whether a process is one of the fleet."""
        return self._orphans.include(pid) or any(worker.pid == pid for worker in self._workers)

    def keep(self, number: int, text: str) -> None:
        """Have every process keep a text; one that is started later gets it too."""
        self._kept[number] = text
        for worker in self._workers:
            self._call_later(worker, Call.KEEP, {"steps": [[number, text]]})

    def forget(self) -> None:
        """Have every process forget the texts that it keeps."""
        if self._kept:
            self._kept.clear()
            for worker in self._workers:
                self._call_later(worker, Call.KEEP, {})

    def publish(self, delta: Delta) -> None:
        """Send a delta to every process, including those that are being filled."""
        frame = b""
        for worker in self._workers:
            if delta.static is not None and worker.has_next:
                worker.has_next = False
                worker.send_delta(write_swap_frame(write_swap(delta)))
                continue
            frame = frame or write_delta_frame(write_parts(delta))
            worker.send_delta(frame)

    async def fill_next(self, parts: Parts) -> None:
        """Fill a next table in every process that answers, while the present one answers.

        A process that ends meanwhile is replaced, and its successor is filled like any other.
        """
        chosen = [worker for worker in self._workers if worker.is_serving]
        for worker in chosen:
            worker.has_next = True
        await fill_next(chosen, parts, self._reactor)

    def forget_next(self) -> None:
        """Give up the next table."""
        for worker in self._workers:
            if worker.has_next:
                worker.has_next = False
                worker.send_delta(write_forget_frame())

    async def visible(self) -> None:
        """Wait until every process that answers has applied the published deltas, or has ended.

        Raises Rejected `unknown-outcome` if a process neither answers nor can be killed.
        """
        faults = [fault for fault in await self._call_all(Call.APPLIED) if isinstance(fault, Stuck)]
        if faults:
            text = "; ".join(str(fault) for fault in faults)
            raise Rejected("unknown-outcome", f"committed, but old answers may be given: {text}")

    def prepare(self, config: Config) -> PreparedWorkers:
        """Prepare another configuration; raises CannotReadSecrets or CannotListen."""
        return self._setup.prepare(config)

    async def adopt(self, prepared: PreparedWorkers) -> None:
        """Use another configuration in every process from now on."""
        self._setup.adopt(prepared)
        self._configure()
        self._arrange()
        await self.visible()

    def discard(self, prepared: PreparedWorkers) -> None:
        """Close the sockets of a configuration that will not be used."""
        self._setup.discard(prepared)

    async def report(self) -> dict[str, Json]:
        """Return the counts of packets and connections of all processes, and their process ids."""
        asked = [worker for worker in self._workers if worker.is_serving]
        by_pid: dict[int, dict[str, Any]] = {}
        for worker, report in zip(asked, await self._call_all(Call.REPORT), strict=True):
            if not isinstance(report, Gone | Stuck | Rejected | Failure):
                try:
                    check_report(report)
                    by_pid[worker.pid] = report
                except Malformed as fault:
                    worker.distrust(str(fault))
        return combined(self._workers, by_pid, self._setup.addresses.lost())

    async def log_queries(self, command: LogCommand) -> dict[str, Json]:
        """Turn the query log of every process on or off, and return the status of all together.

        Raises Rejected.
        """
        found = await self._call_all(Call.LOG_QUERIES, _log_arguments(command))
        reports = [report for report in found if isinstance(report, dict)]
        refusals = [fault for fault in found if isinstance(fault, Rejected)]
        if refusals or not reports:
            raise refusals[0] if refusals else Rejected("unavailable", "no process answers")
        if isinstance(command, QueryLogOff | QueryLogOn):
            self._sample = command.sample if isinstance(command, QueryLogOn) else None
        counted = added({k: report[k] for k in ("written", "lost")} for report in reports)
        return {**reports[0], **counted}

    def log_addresses(self) -> None:
        """Log the addresses on which the server answers."""
        self._setup.log_addresses()

    async def stop(self) -> None:
        """Stop every process."""
        self._replacing = False
        if self._heartbeat.running:
            self._heartbeat.stop()
        running = [*self._workers, *self._orphans.taken()]
        retiring = [Deferred.fromCoroutine(worker.retire()) for worker in running]
        await gatherResults(retiring, consumeErrors=True)
        self._setup.close()

    async def take(self, connections: Iterable[HandedConnection]) -> None:
        """Continue TCP connections of other processes, divided between the workers."""
        serving = [worker for worker in self._workers if worker.is_serving]
        rest = list(connections)
        for index, worker in enumerate(serving):
            await self._give(worker, rest[index :: len(serving)])

    async def hand_over(self) -> tuple[list[HandedPair], list[HandedConnection]]:
        """Leave the workers answering, and return the sockets for the next program."""
        self._replacing = False
        if self._heartbeat.running:
            self._heartbeat.stop()
        with suppress(Rejected):
            await self.visible()  # all that was sent has arrived
        for worker in self._workers:
            worker.let_go()
        pairs = self._setup.addresses.copies()
        self._setup.close()
        return pairs, []

    async def _give(self, worker: Worker, connections: list[HandedConnection]) -> None:
        """Have a worker continue TCP connections; if it has ended, they are closed."""
        descriptors = [one.descriptor for one in connections]
        try:
            if connections:
                written = {"connections": write_connections(connections)}
                await worker.call(Call.TAKE, written, descriptors)
        except (Gone, Stuck, Rejected) as fault:
            log.error("TCP connections are lost: {fault}", fault=str(fault))
        finally:
            close_all(descriptors)

    def _launch(self, place: int) -> Worker:
        worker = Worker(self._reactor, place, self._replace)
        worker.start(self._control_socket)
        self._workers.append(worker)
        return worker

    async def _fill(self, workers: list[Worker]) -> None:
        """Send settings and all names to processes; they answer from the next `_arrange` on.

        Deltas that are published meanwhile reach them in between: an operation replaces everything
        at a name, so the last one about a name is right.  Raises Gone if a process ends.
        """
        for worker in workers:
            await worker.call(Call.CONFIGURE, self._settings(), bound=FILLING)
            for pieces in _pieces(self._kept):
                await worker.call(Call.KEEP, {"steps": pieces}, bound=FILLING)
            if self._sample is not None:
                await worker.call(Call.LOG_QUERIES, {"sample": self._sample})
        await fill(workers, self._parts, self._reactor)
        for worker in workers:
            worker.is_serving = True

    def _arrange(self) -> None:
        """Assign every pair of sockets to a process that answers: its own one, or another."""
        serving = [worker for worker in self._workers if worker.is_serving]
        at = {worker.place: worker for worker in serving}
        bound = {one.number: one for one in self._setup.addresses.bound}
        for worker in serving:
            wanted = {
                number for number, one in bound.items() if at.get(one.place, serving[0]) is worker
            }
            fresh, surplus = sorted(wanted - worker.open), sorted(worker.open - wanted)
            worker.open = wanted
            if fresh:
                sockets = [[number, write_address(bound[number].asked)] for number in fresh]
                descriptors = [sock.fileno() for number in fresh for sock in bound[number].pair]
                self._call_later(worker, Call.OPEN, {"sockets": sockets}, descriptors)
            if surplus:
                self._call_later(worker, Call.CLOSE, {"numbers": surplus})

    def _replace(self, worker: Worker) -> None:
        """Let others answer for a process that has ended, and start a new one in its place."""
        self._workers.remove(worker)
        if not self._replacing:
            return
        if not self._is_outdated:
            text = "answering process {pid} has ended; another one takes its place"
            log.error(text, pid=worker.pid)
        self._arrange()
        spawn(self._fill_place(worker.place, bool(worker.open)))

    async def _fill_place(self, place: int, at_once: bool) -> None:
        """Start and fill a process; if it ends before it can answer, `_replace` is called again."""
        if not at_once:
            await deferLater(self._reactor, PAUSE)
        if self._replacing:
            worker = self._launch(place)
            try:
                await self._fill([worker])
            except (Gone, Stuck):
                return
            except Rejected as refusal:
                self._note_other_version(refusal)
                await worker.retire()
                return
            self._arrange()

    def _note_other_version(self, refusal: Rejected) -> None:
        """Log that the files on disk are of another version; restart if no process answers."""
        if not self._is_outdated:
            self._is_outdated = True
            log.error(
                "no answering process can be started: {why}: run `failoverdns restart`",
                why=refusal.message,
            )
        if not any(worker.is_serving for worker in self._workers):
            os.kill(os.getpid(), signal.SIGUSR2)

    def _configure(self) -> None:
        for worker in self._workers:
            self._call_later(worker, Call.CONFIGURE, self._settings())

    def _settings(self) -> dict[str, Any]:
        settings = write_worker_settings(share_of(self._setup.settings, self._count))
        return {"settings": settings, "protocol": PROTOCOL}

    def _look(self) -> None:
        """Check that each process answers calls, as it must even if nothing changes."""

        async def check(worker: Worker) -> None:
            worker.is_being_checked = True
            with suppress(Gone, Stuck):
                await worker.call(Call.APPLIED, bound=PATIENCE)
            worker.is_being_checked = False

        for worker in self._workers:
            if worker.is_serving and not worker.is_being_checked:
                spawn(check(worker))

    def _call_later(
        self, worker: Worker, name: Call, arguments: Any = None, descriptors: Iterable[int] = ()
    ) -> None:
        """Call a process; if it has ended, `_replace` deals with that."""

        async def call() -> None:
            with suppress(Gone, Stuck):
                await worker.call(name, arguments, descriptors)

        spawn(call())

    async def _call_all(self, name: Call, arguments: dict[str, Any] | None = None) -> list[Any]:
        """Call every process that answers; return the result or the exception of each."""
        calls = [
            Deferred.fromCoroutine(worker.call(name, arguments)).addErrback(_value)
            for worker in self._workers
            if worker.is_serving
        ]
        return list(await gatherResults(calls))


def _pieces(kept: dict[int, str]) -> Iterator[list[list[int | str]]]:
    """Yield texts with their numbers in pieces that fit into a call."""
    steps = iter(sorted(kept.items()))
    while piece := list(islice(steps, KEPT_AT_ONCE)):
        yield [[number, text] for number, text in piece]


def _value(failure: Failure) -> Gone | Stuck | Rejected | Failure:
    value = failure.value
    return value if isinstance(value, Gone | Stuck | Rejected) else failure


def _log_arguments(command: LogCommand) -> dict[str, Any]:
    if isinstance(command, QueryLogOn):
        return {"sample": command.sample}
    return {"off": True} if isinstance(command, QueryLogOff) else {}
