"""The composition root: builds the server from a configuration, starts, reloads and stops it.

It connects the parts and leaves all work to them.
"""

from __future__ import annotations

import gc
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import SystemRandom
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from failoverdns import __version__
from failoverdns.answering.settings import CannotReadSecrets
from failoverdns.automation.automation_loop import steady_clock
from failoverdns.changes.ledger import Ledger
from failoverdns.changes.state import State
from failoverdns.control.language.requests import write_reply
from failoverdns.model.change import Change, Delta, Json
from failoverdns.model.commands.health import ForgetHealth
from failoverdns.model.commands.server import Configure
from failoverdns.model.errors import Corrupt, Rejected
from failoverdns.model.settings import Config
from failoverdns.net.inherited import Inherited
from failoverdns.net.one_call import OneCall
from failoverdns.net.peer import find_control_gid, peer_process
from failoverdns.net.spawning import spawn
from failoverdns.net.succession import Succession, close_all
from failoverdns.net.unix import UnixListener, distrust, hidden_from, make_folder
from failoverdns.outages import Outages
from failoverdns.reactions import CannotReact
from failoverdns.reloading import Reloading
from failoverdns.running import Running, build, submit
from failoverdns.store.interface import OutcomeUnknown, Unavailable
from failoverdns.store.opening import store_of
from failoverdns.store.step_documents import read_step, write_step
from failoverdns.workers.factory import make_answering
from failoverdns.workers.full_table import parts
from failoverdns.workers.interface import CannotAnswer

CATCH_UP_INTERVAL = 1.0
"""Seconds between attempts to catch up with a store that could not be read."""

Restart = Callable[[], Awaitable[dict[str, Json]]]
"""Replaces the running program; raises Rejected if it cannot."""

log = Logger()


class CannotStart(Exception):
    """The server cannot start; the message gives the reason and the remedy."""


class Service:
    """The running server."""

    def __init__(
        self,
        config: Config,
        reactor: Any,
        inherited: Inherited,
        restart: Restart,
        succession: Succession | None = None,
    ) -> None:
        """Build from `config` and `inherited` sockets; no other socket is opened before `start`.

        `restart` is called for the command `restart`.  `succession` is what the program before
        handed over.
        """
        self.config = config
        self._restart = restart
        self._succession = succession
        if succession is not None:
            succession.give_sockets(inherited)
        self._reactor = reactor
        self._answering = make_answering(config, reactor, inherited)
        self._threads = ThreadPool(1, 1, "store")
        self._store = store_of(
            config.state, config.certificates.key_file, self._in_thread, self._in_any_thread
        )
        self._steady = steady_clock(time.time, time.monotonic)
        self._listener: UnixListener | None = None
        self._ledger: Ledger | None = None
        """None before the start has applied the configuration: its end is not noted then."""
        self._running: Running | None = None
        self._outages = Outages(self._store, lambda: self._running)
        self._catching_up = OneCall(reactor)
        self._reloading = Reloading(self, self._answering, reactor)

    async def start(self) -> None:
        """Bind the control socket, load the state, fill the table, then open the other sockets.

        Clients of the control socket wait until the server is ready.  Only one server at a time can
        have the socket, so nothing of another one is touched after that.
        Raises CannotStart, Corrupt or CannotListen; nothing stays open then.
        """
        began = time.monotonic()
        try:
            self._bind_control_socket()
            self._threads.start()
            with _much_allocation():
                ledger = await self._load()
                await self._answer(ledger.state)
            await self._run(ledger)
        except BaseException:
            self._answering.leave()
            await self.stop()
            raise
        state = ledger.state
        log.info(
            "failoverdns {version}: {zones} zone(s), {groups} group(s), revision {revision}, "
            "ready in {seconds:.2f} s",
            version=__version__,
            zones=len(state.zones),
            groups=sum(1 for _ in state.groups()),
            revision=state.revision,
            seconds=time.monotonic() - began,
        )
        self._answering.log_addresses()
        if self._listener is not None:
            log.info("control socket {path}", path=str(self.config.control.socket))

    @property
    def running(self) -> Running | None:
        """The running parts; None while the server starts or stops."""
        return self._running

    async def reload(self) -> None:
        """Read the configuration again and apply it whole, or log why not and change nothing.

        A call during a reload makes it run once more afterwards.
        """
        await self._reloading.reload()

    async def hand_over(self) -> Succession:
        """Finish the commands under way, stop, and return what the next program continues.

        A reload is given up, because the next program reads the configuration.
        Raises Rejected if a restart is not possible now; then nothing was changed.
        """
        was_reloading = self._reloading.give_up("the server restarts")
        await self._reloading.ended()
        try:
            return await self._hand_over()
        except Rejected:
            if was_reloading:
                spawn(self.reload())
            raise

    async def _hand_over(self) -> Succession:
        running, began = self._running, self._reactor.seconds()
        if running is None:
            raise Rejected("busy", "nothing was changed: the server starts or stops")
        unrecorded = self._ledger.overlay if self._ledger is not None else ()
        if unrecorded and self.config.workers == 0:  # with workers, these keep them
            text = "steps that were taken while the state could not be written are not recorded yet"
            raise Rejected("unavailable", f"nothing was changed: {text}, and would be lost")
        if self._listener is None:
            text = "there is no control socket to hand over, because its disk is read-only"
            raise Rejected("unavailable", f"nothing was changed: {text}")
        await running.finish_commands(self._reactor)
        control = self._listener.hand_over()
        self._running = None
        clients = await running.hand_over(self._reactor)
        self._catching_up.cancel()
        if self._ledger is not None and not self._ledger.overlay:
            await self._outages.note_end(self._ledger)
        await self._store.close()
        self._threads.stop()
        pairs, connections = await self._answering.hand_over()
        path = str(self.config.control.socket)
        return Succession(path, control, began, clients, tuple(pairs), tuple(connections))

    async def stop(self) -> None:
        """Close the sockets, then the store; acknowledged changes are on disk already."""
        self._reloading.give_up("the server stops")
        await self._answering.stop()
        self._catching_up.cancel()
        if self._running is not None:
            self._running.stop()
            self._running = None
        if self._threads.started:
            if self._ledger is not None:
                if self._ledger.overlay:
                    log.error(
                        "{count} step(s) could not be recorded and are lost",
                        count=len(self._ledger.overlay),
                    )
                await self._outages.note_end(self._ledger)
            await self._store.close()
            self._threads.stop()
        if self._listener is not None:
            self._listener.close()

    def _bind_control_socket(self) -> None:
        """Make the folders of all files, and bind the control socket.

        On a read-only file system there is none, and the server goes without commands.
        """
        control = self.config.control
        _make_directory(self.config.state.sqlite.parent, "state.sqlite")
        _make_directory(self.config.certificates.key_file.parent, "certificates.key_file")
        gid = find_control_gid(control)
        make_folder(control.socket.parent, "control.socket", gid)
        found = distrust(control.socket.parent)
        if found.refused:
            raise CannotStart(f"control.socket: {found.refused}")
        if found.doubted:
            log.warn("control.socket: {fault}", fault=found.doubted)
        hidden = hidden_from(control.socket.parent, gid) if gid is not None else None
        if hidden is not None:
            log.warn(
                "control.group: members of {group} cannot enter {folder}, so they cannot reach the "
                "socket; let them with: chmod o+x {folder}",
                group=control.group,
                folder=str(hidden),
            )
        before, bound = self._succession, None
        if before is not None and before.path == str(control.socket):
            bound = before.control
        if bound is None and os.statvfs(control.socket.parent).f_flag & os.ST_RDONLY:
            log.error(
                "control.socket: {folder} is on a read-only file system: queries are answered, and "
                "no commands are taken before a restart",
                folder=str(control.socket.parent),
            )
            return
        self._listener = UnixListener(
            self._reactor,
            control.socket,
            control.mode,
            setting="control.socket",
            bound=bound,
            gid=gid,
        )
        if before is not None and bound is None:  # it is elsewhere from now on
            Path(before.path).unlink(missing_ok=True)
            close_all([before.control])

    async def _load(self) -> Ledger:
        """Load the stored state, and apply the configuration to it."""
        path = self.config.state.sqlite
        log.info("reading the state {path}", path=str(path))
        try:
            loaded = await self._store.load()
        except OSError as fault:
            raise CannotStart(f"state.sqlite: {fault}") from None
        ledger = Ledger(
            State(loaded.revision, loaded.entities, self.config.zones, self.config.automation),
            self._store,
            publish=self._publish,
            keep=lambda step: self._answering.keep(step.revision, write_step(step)),
            forget=self._answering.forget,
            visible=self._answering.visible,
            announce=self._announce,
            announce_unrecorded=self._announce_unrecorded,
            outage_began=self._outages.begin,
            outage_ended=self._outages.end,
            spawn=spawn,
            now=time.time,
            random=SystemRandom(),
            steady=self._steady,
            retry=lambda: self._catching_up.call(CATCH_UP_INTERVAL, ledger.resume),
        )
        kept = await self._answering.recall()
        may_have_lost, unwritable = await self._outages.note_start()
        if unwritable is not None:
            ledger.begin_outage(unwritable)
        if kept:
            ledger.adopt(_steps(kept), unwritable or "steps of the server before are not recorded")
        configure = replace(
            _configure(self.config), is_start=True, may_have_lost=may_have_lost and not kept
        )
        try:
            await submit(ledger, configure, "start")
            await submit(ledger, ForgetHealth(), "start")
        except Rejected as fault:
            raise CannotStart(f"the configuration contradicts the state {path}: {fault}") from None
        self._ledger = ledger
        return ledger

    async def _answer(self, state: State) -> None:
        """Start to answer DNS queries; raises CannotStart or CannotListen."""
        try:
            await self._answering.start(self.config, lambda: parts(state))
            if self._succession is not None:
                await self._answering.take(self._succession.connections)
        except (CannotReadSecrets, CannotAnswer) as fault:
            raise CannotStart(str(fault)) from None

    async def _run(self, ledger: Ledger) -> None:
        """Start to react to changes, then to accept commands; no change is missed after this."""
        running = self._running = build(
            self.config,
            ledger,
            self._store,
            self._answering,
            self._reactor,
            self._steady,
            self._restart,
        )
        try:
            await running.reactions.start()
        except (CannotReact, Unavailable, OutcomeUnknown) as fault:
            raise CannotStart(str(fault)) from None
        running.resolving.configure(self.config.resolvers)
        running.automation.configure(self.config)
        running.trimming.configure(self.config.history)
        if self._listener is not None:
            self._listener.accept(running.control, self._admits)
        if self._succession is not None:
            clients = self._succession.clients
            running.control.take_over(clients, self._write_restarted, self._reactor)

    def _admits(self, sock: socket.socket) -> bool:
        """Return whether there is room for a client, and it is no answering process.

        These have no reason to connect, and where the kernel can prevent it, they cannot either.
        """
        pid = peer_process(sock)
        if self._answering.includes(pid):
            log.error("answering process {pid} connected to the control socket: refused", pid=pid)
            return False
        return self._running is not None and self._running.control.admits(sock)

    def _write_restarted(self, id_: Json) -> bytes:
        """Return the reply to `restart`, now that it is done."""
        assert self._running is not None
        assert self._succession is not None
        result: dict[str, Json] = {
            "version": __version__,
            "pid": os.getpid(),
            "seconds": round(self._reactor.seconds() - self._succession.began, 3),
        }
        return b"".join(write_reply(id_, self._running.ledger.state.revision, result))

    def _publish(self, delta: Delta) -> None:
        self._reloading.note(delta)
        self._answering.publish(delta)

    def _announce(self, change: Change) -> None:
        if self._running is not None:
            self._running.announce(change)

    def _announce_unrecorded(self, step: Change) -> None:
        if self._running is not None:
            self._running.announce_unrecorded(step)

    def _in_thread(self, call: Callable[[], Any]) -> Deferred[Any]:
        return deferToThreadPool(self._reactor, self._threads, call)

    def _in_any_thread(self, call: Callable[[], Any]) -> Deferred[Any]:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), call)


def _configure(config: Config) -> Configure:
    """Return the command that configures zones and automation settings in the ledger."""
    return Configure(config.zones, config.automation)


def _steps(texts: Iterable[str]) -> Iterator[Change]:
    """Yield the unrecorded steps that answering processes have kept."""
    for text in texts:
        try:
            yield read_step(text)
        except Corrupt as fault:
            log.error("an unrecorded step is lost: {fault}", fault=str(fault))


@contextmanager
def _much_allocation() -> Iterator[None]:
    """Disable garbage collection while millions of objects are made that all stay."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _make_directory(path: Path, setting: str) -> None:
    try:
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as fault:
        raise CannotStart(f"{setting}: cannot make the directory {path}: {fault}") from None
