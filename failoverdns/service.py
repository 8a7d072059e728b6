"""The composition root: builds the server from a configuration, starts, reloads and stops it.

It connects the parts and leaves all work to them.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Awaitable, Callable
from random import SystemRandom
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from failoverdns import __version__, starting
from failoverdns.answering.settings import CannotReadSecrets
from failoverdns.automation.automation_loop import steady_clock
from failoverdns.changes.ledger import Ledger
from failoverdns.changes.state import State
from failoverdns.model.catalog import catalog_of
from failoverdns.model.change import Change, Delta, Json
from failoverdns.model.commands.health import ForgetHealth
from failoverdns.model.commands.server import Configure
from failoverdns.model.errors import Rejected
from failoverdns.model.settings import Config
from failoverdns.net.descriptors import OURS, keep_to_ourselves
from failoverdns.net.inherited import Inherited
from failoverdns.net.memory import LARGE
from failoverdns.net.one_call import OneCall
from failoverdns.net.peer import peer_process
from failoverdns.net.spawning import spawn
from failoverdns.net.succession import Succession
from failoverdns.net.unix import UnixListener
from failoverdns.outages import Outages
from failoverdns.own_commands import submit
from failoverdns.reactions import CannotReact
from failoverdns.reloading import Reloading
from failoverdns.running import Running, build
from failoverdns.starting import CannotStart
from failoverdns.store.interface import OutcomeUnknown, Unavailable
from failoverdns.store.opening import store_of
from failoverdns.store.step_documents import write_step
from failoverdns.transfers.calls import CallBack
from failoverdns.transfers.control_side import PreparedTransfers, Transfers
from failoverdns.web.control_side import PreparedWeb, Web
from failoverdns.workers.factory import make_answering
from failoverdns.workers.full_table import parts
from failoverdns.workers.interface import CannotAnswer

CATCH_UP_INTERVAL = 1.0
"""Seconds between attempts to catch up with a store that could not be read."""

Restart = Callable[[], Awaitable[dict[str, Json]]]
"""Replaces the running program; raises Rejected if it cannot."""

log = Logger()


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

        The command `restart` calls `restart`.  `succession` is what the program before handed over.
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
        self.running: Running | None = None
        """None while the server starts or stops."""
        self._outages = Outages(self._store, lambda: self.running, reactor)
        self._catching_up = OneCall(reactor)
        self._transfers = Transfers(
            config,
            self._answering,
            self._served,
            self._carry_out,
            self._note_no_transfers,
            reactor,
        )
        self._prepared: PreparedTransfers | None = None
        self._web = Web(config, inherited, reactor)
        self._prepared_web: PreparedWeb | None = None
        self._reloading = Reloading(self, self._answering, self._transfers, self._web, reactor)

    async def start(self) -> None:
        """Bind the control socket, load the state, fill the table, then open the other sockets.

        Clients of the control socket wait until the server is ready.  Only one server at a time can
        have the socket, so nothing of another one is touched after that.
        Raises CannotStart, Corrupt or CannotListen; nothing stays open then.
        """
        began, config = time.monotonic(), self.config
        keep_to_ourselves()
        try:
            self._listener = starting.bind_control_socket(config, self._reactor, self._succession)
            self._threads.start()
            with starting.much_allocation():
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
        for warning in config.warnings:
            log.warn("{warning}", warning=warning)
        self._answering.log_addresses()
        self._web.log_addresses()
        if self._listener is not None:
            log.info("control socket {path}", path=str(config.control.socket))

    async def reload(self) -> None:
        """Read the configuration again and apply it whole, or log why not and change nothing."""
        await self._reloading.reload()

    async def hand_over(self) -> Succession:
        """Finish the commands under way, stop, and return what the next program continues.

        A reload is given up, because the next program reads the configuration.
        Raises Rejected if a restart is not possible now; then nothing was changed.
        """
        return await self._reloading.make_way("the server restarts", self._hand_over)

    async def _hand_over(self) -> Succession:
        running, began = self.running, self._reactor.seconds()
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
        began_at = self._reactor.seconds()
        running.lanes.refuse_rest(
            lambda id_: starting.restarted(id_, running.ledger.state, began_at - began)
        )
        web = self._web.hand_over()
        await self._web.stop()
        control = self._listener.hand_over()
        self.running = None
        clients = await running.hand_over(self._reactor)
        self._catching_up.cancel()
        self._outages.stop()
        if self._ledger is not None and not self._ledger.overlay:
            await self._outages.note_end(self._ledger)
        await self._store.close()
        self._threads.stop()
        await self._transfers.stop()
        handed = await self._answering.hand_over()
        return Succession(
            str(self.config.control.socket),
            control,
            began,
            clients,
            tuple(handed.pairs),
            tuple(handed.connections),
            (*handed.listeners, *web),
        )

    async def stop(self) -> None:
        """Close the sockets, then the store; acknowledged changes are on disk already."""
        self._reloading.give_up("the server stops")
        await self._web.stop()
        if self._prepared_web is not None:
            self._web.discard(self._prepared_web)
        await self._transfers.stop()
        await self._answering.stop()
        self._catching_up.cancel()
        self._outages.stop()
        running, self.running = self.running, None
        if running is not None:
            running.stop()
            await running.token_uses.stop()
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
            ledger.adopt(
                starting.steps_of(kept), unwritable or "steps of the server before are not recorded"
            )
        configure = Configure(
            self.config.zones,
            self.config.automation,
            is_start=True,
            may_have_lost=may_have_lost and not kept,
            catalog=catalog_of(self.config),
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
            prepared = self._transfers.prepare(self.config)
            self._prepared_web = self._web.prepare(self.config)
            await self._answering.start(self.config, lambda: parts(state))
            if self._succession is not None:
                await self._answering.take(self._succession.connections)
            self._prepared = prepared
        except (CannotReadSecrets, CannotAnswer) as fault:
            raise CannotStart(str(fault)) from None

    async def _run(self, ledger: Ledger) -> None:
        """Start to react to changes, then to accept commands; no change is missed after this."""
        running = self.running = build(
            self.config,
            ledger,
            self._store,
            self._answering,
            self._reactor,
            self._steady,
            self._restart,
            self._transfers,
            self._web,
        )
        try:
            await running.reactions.start()
        except (CannotReact, Unavailable, OutcomeUnknown) as fault:
            raise CannotStart(str(fault)) from None
        await running.token_uses.start()
        running.resolving.configure(self.config.resolvers)
        running.automation.configure(self.config)
        running.trimming.configure(self.config.history)
        running.following.configure(self.config.zones, self.config.secondaries, self.config.catalog)
        if self._listener is not None:
            self._listener.accept(running.control, self._admits, running.control.places.make_room)
        if self._prepared is not None:
            self._transfers.start(self._prepared)
            self._prepared = None
        if self._prepared_web is not None:
            self._web.start(self._prepared_web, running.web_effects)
            self._prepared_web = None
        OURS.note()
        running.control.memory.note(LARGE)
        if self._succession is not None:
            began, clients = self._succession.began, self._succession.clients
            running.control.take_over(
                clients,
                lambda id_: starting.restarted(id_, ledger.state, self._reactor.seconds() - began),
                self._reactor,
            )

    def _admits(self, sock: socket.socket) -> bool:
        """Return whether there is room for a client, and it is no answering process.

        These have no reason to connect, and where the kernel can prevent it, they cannot either.
        """
        pid = peer_process(sock)
        if self._answering.includes(pid):
            log.error("answering process {pid} connected to the control socket: refused", pid=pid)
            return False
        return self.running is not None and self.running.control.admits(sock)

    def _publish(self, delta: Delta) -> None:
        self._reloading.note(delta)
        self._answering.publish(delta)
        self._transfers.publish(delta)

    def _served(self) -> State:
        """Return the state that is served."""
        assert self._ledger is not None
        return self._ledger.state

    def _carry_out(self, name: str, arguments: dict[str, Any]) -> Any:
        """Do what the transfer process calls for; raises Rejected."""
        running = self.running
        if running is None:
            raise Rejected("busy", "the server starts or stops")
        match name:
            case CallBack.UPDATE:
                return running.update(arguments)
            case CallBack.SECONDARIES:
                running.following.take(arguments["secondaries"])
                return None
        raise Rejected("unknown-command", f"the transfer process cannot call {name!r}")

    def _note_no_transfers(self) -> None:
        """Note that there is no transfer process, so that nothing is known of secondaries."""
        if self.running is not None:
            self.running.following.take(None)

    def _announce(self, change: Change) -> None:
        if self.running is not None:
            self.running.announce(change)

    def _announce_unrecorded(self, step: Change) -> None:
        if self.running is not None:
            self.running.announce_unrecorded(step)

    def _in_thread(self, call: Callable[[], Any]) -> Deferred[Any]:
        return deferToThreadPool(self._reactor, self._threads, call)

    def _in_any_thread(self, call: Callable[[], Any]) -> Deferred[Any]:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), call)
