"""The fleet of answering processes: start, fill and update them, and replace those that end.

    publish -> delta to every process -> each reports that it has applied it -> visible
    a process ends                    -> another one answers on its sockets at once
                                      -> a new one is started, filled, and gets the sockets

The fleet decides when a process is started, filled and replaced.  Starting and watching one of them
is in `workers.worker_process`, which one answers on which sockets in `workers.socket_division`,
what is published in `workers.publishing`; addresses and settings are in `workers.settings`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.logger import Logger

from failoverdns.answering.settings import share_of, write_worker_settings
from failoverdns.model.change import Delta, Json
from failoverdns.model.commands.server import LogCommand, QueryLogOff, QueryLogOn
from failoverdns.model.errors import Rejected
from failoverdns.model.settings import Config
from failoverdns.net.inherited import Inherited
from failoverdns.net.spawning import spawn
from failoverdns.net.succession import HandedConnection
from failoverdns.workers import publishing
from failoverdns.workers.called_process import Gone, Stuck
from failoverdns.workers.calling import call_all, call_later
from failoverdns.workers.calls import PROTOCOL, Call, write_material
from failoverdns.workers.counted import Counted
from failoverdns.workers.filling import FILLING, fill
from failoverdns.workers.handover import Orphans, dismiss
from failoverdns.workers.heartbeat import Heartbeat
from failoverdns.workers.interface import CannotAnswer, Give, HandedSockets, Parts
from failoverdns.workers.kept_texts import KeptTexts
from failoverdns.workers.links import Links
from failoverdns.workers.query_logs import log_queries
from failoverdns.workers.rendezvous import TLS_PLACE
from failoverdns.workers.reports import combined, in_words
from failoverdns.workers.settings import AnsweringSetup, PreparedWorkers, warn_of_query_log
from failoverdns.workers.socket_division import (
    divide_connections,
    divide_sockets,
    give_tls_sockets,
)
from failoverdns.workers.worker_process import Worker

PAUSE: Final = 1.0
"""Seconds before the next attempt to replace a process that ended before it could answer."""

log = Logger()


class Fleet:
    """Implements `workers.interface.Answering`."""

    def __init__(
        self,
        count: int,
        reactor: Any,
        inherited: Inherited,
        control_socket: Path,
        setup: AnsweringSetup | None = None,
    ) -> None:
        """Prepare a fleet of `count` processes, and one for TLS if it is on; `start` starts them.

        Each can be found beside `control_socket`.  `inherited` sockets are used before new ones are
        opened.  With a `setup` of another the fleet answers over TLS only: `begin`, `change` and
        `end` take the place of `start`, `adopt` and `stop`.
        """
        self._reactor = reactor
        self._count = count
        self._control_socket = control_socket
        self._setup = setup or AnsweringSetup(count, inherited, reactor, self.configure)
        self._workers: list[Worker] = []
        self._parts: Parts = lambda: iter(())
        self._orphans = Orphans(reactor, control_socket, inherited)
        self._kept = KeptTexts()
        self._links = Links()
        self._sample: int | None = None
        self._replacing = False
        self._is_outdated = False
        """Whether the files on disk are of a version that cannot answer for this one."""
        self._heartbeat = Heartbeat(reactor, lambda: self._workers)
        self._counted = Counted(reactor, lambda: self._workers)

    async def start(self, config: Config, parts: Parts) -> None:
        """Start and fill the processes, then let them answer.

        Processes of an earlier control process answer until then, and their sockets are taken over.
        """
        self._setup.adopt(self._setup.prepare(config))
        warn_of_query_log(config)
        await self.begin(parts)
        await dismiss(self._orphans.taken(), self.take)
        reports = [
            one for one in await call_all(self._workers, Call.REPORT) if isinstance(one, dict)
        ]
        text = "{count} answering process(es), {properties}"
        log.info(text, count=len(self._workers), properties=in_words(reports))

    async def begin(self, parts: Parts) -> None:
        """Start and fill the processes, then let them answer.  Raises CannotAnswer."""
        self._parts = parts
        places = [*range(self._count), *((TLS_PLACE,) if self._speaks_tls else ())]
        workers = [self._launch(place) for place in places]
        try:
            if workers:
                await self._fill(workers)
        except (Gone, Stuck):
            raise CannotAnswer("an answering process ended before it could answer") from None
        except Rejected as refusal:
            raise CannotAnswer(f"no answering process can be started: {refusal}") from None
        self._replacing = True
        self._arrange()
        await self.visible()
        self._heartbeat.start()
        self._counted.start()

    async def recall(self) -> list[str]:
        """Find the processes of an earlier control process; return the texts that they keep."""
        return await self._orphans.recall()

    def leave(self) -> None:
        """Let processes of an earlier control process continue: this one will not answer."""
        self._orphans.leave()

    def includes(self, pid: int) -> bool:
        """Return whether a process is one of the fleet."""
        return self._orphans.include(pid) or any(worker.pid == pid for worker in self._workers)

    @property
    def is_serving(self) -> bool:
        """Whether a process answers queries."""
        return any(worker.is_serving and worker.open for worker in self._workers)

    def keep(self, number: int, text: str) -> None:
        """Have every process keep a text; one that is started later gets it too."""
        self._kept.keep(self._workers, number, text)

    def forget(self) -> None:
        """Have every process forget the texts that it keeps."""
        self._kept.forget(self._workers)

    def publish(self, delta: Delta) -> None:
        """Send a delta to every process, including those that are being filled."""
        publishing.publish(self._workers, delta)

    async def fill_next(self, parts: Parts) -> None:
        """Fill a next table in every process that answers, while the present one answers."""
        await publishing.fill_next(self._workers, parts, self._reactor)

    def forget_next(self) -> None:
        """Give up the next table."""
        publishing.forget_next(self._workers)

    async def visible(self) -> None:
        """Wait until every process that answers has applied the published deltas, or has ended.

        Raises Rejected `unknown-outcome` if a process neither answers nor can be killed.
        """
        await publishing.visible(self._workers)

    def prepare(self, config: Config) -> PreparedWorkers:
        """Prepare another configuration; raises CannotReadSecrets or CannotListen."""
        return self._setup.prepare(config)

    async def adopt(self, prepared: PreparedWorkers) -> None:
        """Use another configuration in every process from now on."""
        self._setup.adopt(prepared)
        await self.change()

    async def change(self) -> None:
        """Use what has changed in the setup, in every process."""
        over_tls = [worker for worker in self._workers if worker.is_tls]
        if not self._speaks_tls:
            if over_tls:
                await self._counted.reports()
            for worker in over_tls:
                self._counted.end(worker)
                self._workers.remove(worker)
                spawn(worker.retire())
        elif not over_tls:
            await self._fill_place(TLS_PLACE, at_once=True)
        self.configure()
        self._arrange()
        await self.visible()

    def discard(self, prepared: PreparedWorkers) -> None:
        """Close the sockets of a configuration that will not be used."""
        self._setup.discard(prepared)

    def link_with(self, give: Give | None) -> None:
        """Connect every process that answers, now or later, with a transfer process."""
        self._links.use(give, self._workers)

    async def report(self) -> dict[str, Json]:
        """Return the counts of packets and connections of all processes, and their process ids."""
        found = await self._counted.reports()
        return combined(self._workers, found, self._setup.addresses.lost())

    async def statistics(self) -> dict[str, Json]:
        """Return what `report` does, and all counts since the start of the control process."""
        report = await self.report()
        return {
            **report,
            "counts": {**self._counted.total()},
            "lost": self._setup.addresses.lost_since_start(),
            "ended": self._counted.ended,
        }

    async def log_queries(self, command: LogCommand) -> dict[str, Json]:
        """Turn the query log of every process on or off, and return the status of all together.

        Raises Rejected.
        """
        report = await log_queries(self._workers, command)
        if isinstance(command, QueryLogOff | QueryLogOn):
            self._sample = command.sample if isinstance(command, QueryLogOn) else None
        return report

    def log_addresses(self) -> None:
        """Log the addresses on which the server answers."""
        self._setup.log_addresses()

    async def stop(self) -> None:
        """Stop every process."""
        await self.end()
        self._setup.close()

    async def end(self) -> None:
        """Stop every process, and leave the sockets to whoever has the setup."""
        self._replacing = False
        self._heartbeat.stop()
        self._counted.stop()
        running = [*self._workers, *self._orphans.taken()]
        retiring = [Deferred.fromCoroutine(worker.retire()) for worker in running]
        await gatherResults(retiring, consumeErrors=True)

    async def take(self, connections: Iterable[HandedConnection]) -> None:
        """Continue TCP connections of other processes, divided between the workers."""
        await divide_connections(self._workers, connections)

    async def hand_over(self) -> HandedSockets:
        """Leave the workers answering, and return the sockets for the next program."""
        await self.let_go()
        handed = HandedSockets(self._setup.addresses.copies(), [], self._setup.tls.copies())
        self._setup.close()
        return handed

    async def let_go(self) -> None:
        """Leave the workers answering, for the next program."""
        self._replacing = False
        self._heartbeat.stop()
        self._counted.stop()
        with suppress(Rejected):
            await self.visible()  # all that was sent has arrived
        for worker in self._workers:
            worker.let_go()

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
            await worker.call(Call.CONFIGURE, self._settings(worker), bound=FILLING)
            await self._kept.send_all(worker)
            if self._sample is not None:
                await worker.call(Call.LOG_QUERIES, {"sample": self._sample})
        await fill(workers, self._parts, self._reactor)
        for worker in workers:
            worker.is_serving = True
            self._links.connect(worker)

    def _arrange(self) -> None:
        """Assign every pair of sockets to a process that answers."""
        if self._count:
            divide_sockets(self._workers, self._setup.addresses.bound)
        give_tls_sockets(self._workers, self._setup.tls.bound)

    def _replace(self, worker: Worker) -> None:
        """Let others answer for a process that has ended, and start a new one in its place."""
        if worker not in self._workers:  # it is not wanted any more
            return
        self._workers.remove(worker)
        self._counted.lose(worker)
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
        if self._replacing and (place != TLS_PLACE or self._speaks_tls):
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
        if self._count and not any(worker.is_serving for worker in self._workers):
            os.kill(os.getpid(), signal.SIGUSR2)

    @property
    def _speaks_tls(self) -> bool:
        """Whether there is a process that answers over TLS."""
        return self._setup.tls.material is not None

    def configure(self) -> None:
        """Send the settings to every process."""
        for worker in self._workers:
            call_later(worker, Call.CONFIGURE, self._settings(worker))

    def _settings(self, worker: Worker) -> dict[str, Any]:
        """Return the arguments of CONFIGURE; only the process for TLS gets certificate and key."""
        processes = 1 if worker.is_tls else self._count
        settings = write_worker_settings(share_of(self._setup.settings, processes))
        arguments: dict[str, Any] = {"settings": settings, "protocol": PROTOCOL}
        material = self._setup.tls.material
        if worker.is_tls and material is not None:
            arguments["tls"] = write_material(material)
        return arguments
