"""A reload: the configuration is read again and replaces the one in use, as a whole or not at all.

    read (a process of its own) -> prepare, compare (in slices) -> commit -> adopt

Nothing waits for it: a configuration may have hundreds of thousands of records, and switches,
probes and answers go on while it is read and compared.  Only the commit is one piece, and its work
depends on what changes apart from static records.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from failoverdns.answering.settings import CannotReadSecrets
from failoverdns.changes.comparing import compare
from failoverdns.config import ConfigErrors, takes_restart
from failoverdns.model.catalog import catalog_of
from failoverdns.model.change import Delta
from failoverdns.model.commands.server import Configure
from failoverdns.model.errors import Rejected
from failoverdns.model.names import DomainName
from failoverdns.model.settings import Config
from failoverdns.model.static_records import StaticRecords
from failoverdns.net.descriptors import OURS
from failoverdns.net.memory import LARGE
from failoverdns.net.peer import find_roles
from failoverdns.net.slices import in_slices
from failoverdns.net.sockets import CannotListen
from failoverdns.net.spawning import spawn
from failoverdns.own_commands import submit
from failoverdns.reactions import CannotReact
from failoverdns.reading import CannotRead, ReadingProcess
from failoverdns.running import Running
from failoverdns.transfers.control_side import Transfers
from failoverdns.web.control_side import Web
from failoverdns.workers.full_table import next_parts
from failoverdns.workers.interface import Answering

T = TypeVar("T")

FEW: Final = 5000
"""Names that a table takes in one piece: some milliseconds.  For more, a next table is filled."""

log = Logger()


class CannotReload(Exception):
    """A change of the configuration cannot be made by a reload."""


class _GivenUp(Exception):
    """The server stops or restarts, so there is no reload."""


class Server(Protocol):
    """The running server, as a reload needs it."""

    config: Config
    """The configuration in use."""

    running: Running | None
    """The running parts; None while the server starts or stops."""


class Reloading:
    """Reloads the configuration, one reload at a time."""

    def __init__(
        self,
        server: Server,
        answering: Answering,
        transfers: Transfers,
        web: Web,
        reactor: Any,
    ) -> None:
        self._server = server
        self._answering = answering
        self._transfers = transfers
        self._web = web
        self._reactor = reactor
        self._under_way = False
        self._wanted = False
        self._process: ReadingProcess | None = None
        self._given_up = ""
        self._published: set[DomainName] | None = None
        """Names that were published since a comparison began; None while there is none."""
        self._waiting: list[Deferred[None]] = []

    async def reload(self) -> None:
        """Read the configuration again and apply it whole, or log why not and change nothing.

        A call during a reload makes it run once more afterwards.
        """
        self._wanted = True
        if self._under_way:
            return
        self._under_way, self._given_up = True, ""
        try:
            while self._wanted and not self._given_up:
                self._wanted = False
                await self._reload()
        finally:
            self._under_way = False
            waiting, self._waiting = self._waiting, []
            for one in waiting:
                one.callback(None)

    def give_up(self, why: str) -> bool:
        """Give up a reload, unless it commits already; return whether one was under way."""
        if self._under_way:
            self._given_up = why
            if self._process is not None:
                self._process.kill(why)
        return self._under_way

    async def make_way(self, why: str, work: Callable[[], Awaitable[T]]) -> T:
        """Give up a reload, wait until none is under way, and return the result of `work`.

        If that is refused, which raises Rejected, the reload begins again.
        """
        was_under_way = self.give_up(why)
        if was_under_way:
            ended: Deferred[None] = Deferred()
            self._waiting.append(ended)
            await ended
        try:
            return await work()
        except Rejected:
            if was_under_way:
                spawn(self.reload())
            raise

    def note(self, delta: Delta) -> None:
        """Note what is published: such names may have changed since they were compared."""
        if self._published is not None:
            self._published.update(node.owner for node in delta.nodes)
            self._published.update(delta.removed)

    async def _reload(self) -> None:
        running = self._server.running
        if running is None:
            return
        try:
            config = await self._read(self._server.config.file)
            await self._apply(running, config)
        except _GivenUp:
            log.warn("not reloaded, nothing was changed: {why}", why=self._given_up)
        except ConfigErrors as faults:
            await in_slices(_logged(faults.errors), self._reactor)
            log.error("not reloaded: nothing was changed")
        except (
            *(Rejected, CannotReadSecrets, CannotListen, CannotReact),
            *(CannotReload, CannotRead),
        ) as fault:
            log.error("not reloaded, nothing was changed: {fault}", fault=str(fault))

    async def _read(self, file: Path) -> Config:
        process = self._process = ReadingProcess(self._reactor, file)
        try:
            return await process.config()
        except CannotRead:
            self._check()
            raise
        finally:
            self._process = None

    async def _apply(self, running: Running, config: Config) -> None:
        """Apply a new configuration; if it cannot be used, raise before anything is changed."""
        old = self._server.config
        if changed := takes_restart(old, config):
            raise CannotReload(f"a change of {', '.join(changed)} takes a restart")
        threads = self._reactor.getThreadPool()  # the names of users may be looked up elsewhere
        roles = await deferToThreadPool(self._reactor, threads, find_roles, config.control.roles)
        published: set[DomainName] = set()
        self._published = published
        undoing: list[Callable[[], None]] = []
        try:
            steps = compare(running.ledger.state, config.zones, published)
            static = await in_slices(steps, self._reactor, self._check)
            if static.names > FEW:
                state, own_names = running.ledger.state, static.own_names
                await self._answering.fill_next(
                    lambda: self._going_on(next_parts(state, config.zones, own_names))
                )
            self._check()
            reactions = running.reactions.prepare(config)
            transfers = self._transfers.prepare(config)
            web = self._web.prepare(config)
            undoing.append(lambda: self._web.discard(web))
            answering = self._answering.prepare(config)
            undoing.append(lambda: self._answering.discard(answering))
            command = Configure(
                config.zones, config.automation, static=static, catalog=catalog_of(config)
            )
            await submit(running.ledger, command, "reload")
        except BaseException:
            for undo in undoing:
                undo()
            self._answering.forget_next()
            raise
        finally:
            self._published = None
        await self._answering.adopt(answering)
        running.following.configure(config.zones, config.secondaries, config.catalog)
        self._transfers.adopt(transfers)
        self._web.adopt(web)
        self._server.config = config
        running.control.adopt(roles)
        await running.reactions.reload(reactions)
        running.resolving.configure(config.resolvers)
        running.automation.configure(config)
        running.trimming.configure(config.history)
        OURS.note()
        running.control.memory.note(LARGE)
        log.info("reloaded {file}", file=str(config.file))
        for warning in config.warnings:
            log.warn("{warning}", warning=warning)
        self._answering.log_addresses()
        self._web.log_addresses()
        replaced = [zone.static for zone in old.zones]
        del old
        await in_slices(_released(replaced), self._reactor)

    def _going_on(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        """Yield parts as long as the reload is not given up."""
        for part in parts:
            self._check()
            yield part

    def _check(self) -> None:
        if self._given_up:
            raise _GivenUp


def _logged(errors: Iterable[object]) -> Generator[None, None, None]:
    """Log errors, one in each step: there may be one for each record."""
    for error in errors:
        log.error("{error}", error=str(error))
        yield


def _released(records: list[StaticRecords]) -> Generator[None, None, None]:
    """Give back the memory of records that are in use no more, zone by zone."""
    while records:
        records.pop()
        yield
