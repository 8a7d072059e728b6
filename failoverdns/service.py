"""The composition root: builds the whole from a configuration, and takes it down again.

Knows every part and how they are tied together.
Refuses to do what a part can do.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import SystemRandom
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IListeningPort
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from failoverdns import __version__
from failoverdns.answering.settings import CannotAgree
from failoverdns.automation.automation_loop import Automation, steady_clock
from failoverdns.changes.ledger import Ledger, Outcome, Submission
from failoverdns.changes.state import State
from failoverdns.config import ConfigErrors, load_config, takes_restart
from failoverdns.control.commanding import CommandCorridor, event_line
from failoverdns.control.effects import Approval, Effects
from failoverdns.control.server import ControlFactory
from failoverdns.model.change import Change, Who
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.health import ForgetHealth
from failoverdns.model.commands.server import Configure
from failoverdns.model.errors import Rejected
from failoverdns.model.settings import Config
from failoverdns.net.inherited import Inherited
from failoverdns.net.peer import find_allowed
from failoverdns.net.sockets import CannotListen
from failoverdns.net.spawning import spawn
from failoverdns.net.unix import listen_unix
from failoverdns.reactions import CannotReact, Reactions
from failoverdns.resolving.refresh_loop import Resolving
from failoverdns.store.interface import OutcomeUnknown, Unavailable
from failoverdns.store.sqlite import SQLiteStore
from failoverdns.workers.choosing import answering_of
from failoverdns.workers.full_table import parts
from failoverdns.workers.interface import CannotAnswer

CATCH_UP_INTERVAL = 1.0
"""Seconds between attempts to learn from the store what it did not say."""

log = Logger()


class CannotStart(Exception):
    """Why the server does not start, and what to do about it."""


class Service:
    """The running server."""

    def __init__(self, config: Config, reactor: Any, inherited: Inherited | None = None) -> None:
        """Build from `config` and sockets that are `inherited`; none is opened before `start`."""
        self.config = config
        self._reactor = reactor
        self._answering = answering_of(config, reactor, inherited or Inherited({}))
        self._threads = ThreadPool(1, 1, "store")
        key_file = config.certificates.key_file
        self._store = SQLiteStore(config.state.sqlite, self._in_thread, key_file)
        self._ledger: Ledger | None = None
        self._reactions: Reactions | None = None
        self._resolving: Resolving | None = None
        self._automation: Automation | None = None
        self._steady = steady_clock()
        self._control: ControlFactory | None = None
        self._control_port: IListeningPort | None = None
        self._catching_up: IDelayedCall | None = None
        self._reloading = False
        self._reload_wanted = False

    async def start(self) -> None:
        """Load the state, fill the table, then open the sockets.

        Raises CannotStart, Corrupt or CannotListen; then nothing is left open.
        """
        began = time.monotonic()
        try:
            self._threads.start()
            with _much_allocation():
                state = await self._load()
                await self._answer(state)
            await self._react()
            self._open_control()
        except BaseException:
            await self.stop()
            raise
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
        log.info("control socket {path}", path=str(self.config.control.socket))

    async def reload(self) -> None:
        """Read the configuration again and apply it whole, or log why not and change nothing.

        Called while it is at work, it begins again when it is done.
        """
        self._reload_wanted = True
        if self._reloading:
            return
        self._reloading = True
        try:
            while self._reload_wanted:
                self._reload_wanted = False
                await self._reload()
        finally:
            self._reloading = False

    async def _reload(self) -> None:
        try:
            await self._apply(load_config(self.config.file))
        except ConfigErrors as faults:
            for error in faults.errors:
                log.error("{error}", error=str(error))
            log.error("not reloaded: nothing was changed")
        except (Rejected, CannotAgree, CannotListen, CannotReact, CannotStart) as fault:
            log.error("not reloaded, nothing was changed: {fault}", fault=str(fault))

    async def stop(self) -> None:
        """Close the sockets, then the store; what was acknowledged is on disk already."""
        await self._answering.stop()
        if self._control_port is not None:
            self._control_port.stopListening()
            self._control_port = None
        if self._control is not None:
            self._control.close()
        if self._catching_up is not None and self._catching_up.active():
            self._catching_up.cancel()
        if self._automation is not None:
            self._automation.stop()
        if self._resolving is not None:
            self._resolving.stop()
        if self._reactions is not None:
            self._reactions.stop()
        if self._threads.started:
            await self._store.close()
            self._threads.stop()

    async def _load(self) -> State:
        """Load what is stored, hold it against the configuration, and fill the table."""
        path = self.config.state.sqlite
        _make_directory(path.parent, "state.sqlite")
        _make_directory(self.config.certificates.key_file.parent, "certificates.key_file")
        log.info("reading the state {path}", path=str(path))
        try:
            loaded = await self._store.load()
        except OSError as fault:
            raise CannotStart(f"state.sqlite: {fault}") from None
        state = State(loaded.revision, loaded.entities, self.config.zones, self.config.automation)
        self._ledger = Ledger(
            state,
            self._store,
            publish=self._answering.publish,
            visible=self._answering.visible,
            announce=self._announce,
            spawn=spawn,
            now=time.time,
            random=SystemRandom(),
            steady=self._steady,
            retry=self._catch_up_later,
        )
        try:
            await self._configure(self.config, "start")
            await self._submit(ForgetHealth(), "start")
        except Rejected as fault:
            raise CannotStart(f"the configuration contradicts the state {path}: {fault}") from None
        return state

    def _catch_up_later(self) -> None:
        """Have the ledger ask the store again in a while; one call waits at most."""
        if self._catching_up is None or not self._catching_up.active():
            assert self._ledger is not None
            again = self._ledger.resume
            self._catching_up = self._reactor.callLater(CATCH_UP_INTERVAL, again)

    async def _apply(self, config: Config) -> None:
        """Apply another configuration; raises before anything is changed."""
        if changed := takes_restart(self.config, config):
            raise CannotStart(f"a change of {', '.join(changed)} takes a restart")
        assert self._reactions is not None
        reactions = self._reactions.prepare(config)
        answering = self._answering.prepare(config)
        try:
            await self._configure(config, "reload")
        except Rejected:
            self._answering.discard(answering)
            raise
        await self._answering.adopt(answering)
        self.config = config
        await self._reactions.reload(reactions)
        assert self._resolving is not None
        self._resolving.configure(config.resolvers)
        assert self._automation is not None
        self._automation.configure(config)
        log.info("reloaded {file}", file=str(config.file))
        self._answering.log_addresses()

    async def _configure(self, config: Config, word: str) -> None:
        """Have the ledger take zones and terms over; raises Rejected."""
        await self._submit(Configure(config.zones, config.automation), word)

    def _submit(self, command: Mutation, word: str) -> Deferred[None]:
        """Give a command of the system's own to the ledger; fails with Rejected."""
        done: Deferred[None] = Deferred()

        def reply(outcome: Outcome) -> None:
            if isinstance(outcome, Rejected):
                done.errback(outcome)
            else:
                done.callback(None)

        assert self._ledger is not None
        who = Who(os.getuid(), os.getpid(), "failoverdns")
        self._ledger.submit(Submission(command, who, {"command": word}, reply))
        return done

    async def _react(self) -> None:
        """Begin to react to changes; from then on nothing of them is missed."""
        assert self._ledger is not None
        self._reactions = Reactions(
            self._ledger,
            self._store,
            self._submit,
            self._reactor,
            time.time,
        )
        ledger = self._ledger
        self._resolving = Resolving(lambda: ledger.state, self._submit, self._reactor)
        self._automation = Automation(
            lambda: ledger.state,
            self._submit,
            self._approval,
            self._reactor,
            now=time.time,
            steady=self._steady,
        )
        _make_directory(self.config.control.socket.parent, "control.socket")
        try:
            await self._reactions.start(self.config)
        except (CannotReact, Unavailable, OutcomeUnknown) as fault:
            raise CannotStart(str(fault)) from None
        self._resolving.configure(self.config.resolvers)
        self._automation.configure(self.config)

    async def _answer(self, state: State) -> None:
        """Answer from now on; raises CannotStart or CannotListen."""
        try:
            await self._answering.start(self.config, lambda: parts(state))
        except (CannotAgree, CannotAnswer) as fault:
            raise CannotStart(str(fault)) from None

    def _announce(self, change: Change) -> None:
        if self._control is not None:
            self._control.send_event(event_line(change))
        if self._reactions is not None:
            self._reactions.announce(change)
        if self._resolving is not None:
            self._resolving.announce(change)
        if self._automation is not None:
            self._automation.announce(change)

    def _approval(self) -> Approval | None:
        """Return who has to agree to a switch; None if nobody has."""
        reactions = self._reactions
        return reactions.approve if reactions is not None and reactions.approving else None

    def _open_control(self) -> None:
        settings, reactions = self.config.control, self._reactions
        assert self._ledger is not None
        assert reactions is not None
        assert self._automation is not None
        effects = Effects(
            now=time.time,
            steady=self._steady,
            spawn=spawn,
            hooks=reactions.report,
            server=self._answering.report,
            automation=self._automation.report,
            probing=self._automation,
            query_log=self._answering.log_queries,
            approval=self._approval,
            can_issue=lambda: reactions.issuing,
        )
        commands = CommandCorridor(self._ledger, self._store, effects)
        self._control = ControlFactory(self._reactor, commands, find_allowed(settings.allow))
        self._control_port = listen_unix(
            self._reactor, settings.socket, settings.mode, self._control
        )

    def _in_thread(self, call: Callable[[], Any]) -> Deferred[Any]:
        return deferToThreadPool(self._reactor, self._threads, call)


@contextmanager
def _much_allocation() -> Iterator[None]:
    """Keep the garbage collector from looking at millions of objects that all stay."""
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
