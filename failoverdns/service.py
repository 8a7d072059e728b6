"""The composition root: builds the whole from a configuration, and takes it down again.

Knows every part and how they are tied together.
Refuses to do what a part can do.
"""

from __future__ import annotations

import gc
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import SystemRandom
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from failoverdns import __version__
from failoverdns.answering import Asker, Terms, ready_answer, respond, server_failure
from failoverdns.commanding import Commands, event_line
from failoverdns.config import Config, ConfigErrors, DeliverySettings, load_config
from failoverdns.ledger import Ledger, Outcome, Submission
from failoverdns.model.change import Change, Delta, Json, Who
from failoverdns.model.commands import Configure, Mutation
from failoverdns.model.errors import Rejected
from failoverdns.model.zone import Zone
from failoverdns.net.agreeing import ROTATION, CannotAgree, make_terms, rotated
from failoverdns.net.control import ControlFactory
from failoverdns.net.inherited import Inherited
from failoverdns.net.listening import Listeners
from failoverdns.net.peer import find_allowed
from failoverdns.net.query_log import QueryLog
from failoverdns.net.sockets import CannotListen, allow_descriptors
from failoverdns.net.spawning import spawn
from failoverdns.net.unix import listen_unix
from failoverdns.reactions import CannotReact, Reactions
from failoverdns.resolving.running import Resolving
from failoverdns.rules.serving import all_nodes
from failoverdns.rules.zones import all_authorities
from failoverdns.state import State
from failoverdns.store.interface import OutcomeUnknown, Unavailable
from failoverdns.store.sqlite import SQLiteStore
from failoverdns.wire.chaos import chaos_rrsets
from failoverdns.wire.table import Table

CATCH_UP_INTERVAL = 1.0
"""Seconds between attempts to learn from the store what it did not say."""

OTHER_DESCRIPTORS = 640
"""Open files beside connections over TCP: sockets, the state, control, hooks, delivery, a CA."""

log = Logger()


class CannotStart(Exception):
    """Why the server does not start, and what to do about it."""


class Service:
    """The running server."""

    def __init__(self, config: Config, reactor: Any, inherited: Inherited | None = None) -> None:
        """Build from `config` and sockets that are `inherited`; none is opened before `start`."""
        self._inherited = inherited or Inherited({})
        self.config = config
        self._reactor = reactor
        self._table = Table()
        self._terms = Terms()
        self._threads = ThreadPool(1, 1, "store")
        key_file = config.certificates.key_file
        self._store = SQLiteStore(config.state.sqlite, self._in_thread, key_file)
        self._listeners = Listeners(reactor, self._answer, config.tcp, self._inherited)
        self._ledger: Ledger | None = None
        self._reactions: Reactions | None = None
        self._resolving: Resolving | None = None
        self._control: ControlFactory | None = None
        self._control_port: IListeningPort | None = None
        self._catching_up: LoopingCall | None = None
        self._rotating: LoopingCall | None = None
        self._query_log = QueryLog(config.querylog)
        self._reloading = False
        self._reload_wanted = False

    async def start(self) -> None:
        """Load the state, fill the table, then open the sockets.

        Raises CannotStart, Corrupt or CannotListen; then nothing is left open.
        """
        began = time.monotonic()
        self._allow_connections()
        try:
            self._agree()
            self._threads.start()
            with _much_allocation():
                state = await self._load()
            self._listeners.adopt(self._listeners.prepare(self.config.listen), self.config.listen)
            if self._inherited.left:
                log.warn(
                    "handed over, and not in `listen`, so closed: {sockets}",
                    sockets=", ".join(self._inherited.left),
                )
                self._inherited.close()
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
        if self.config.workers != 0:
            log.info("workers: this version answers in the control process")
        self._log_addresses()
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
        self._listeners.close()
        self._query_log.close()
        if self._control_port is not None:
            self._control_port.stopListening()
            self._control_port = None
        if self._control is not None:
            self._control.close()
        for call in (self._catching_up, self._rotating):
            if call is not None:
                call.stop()
        self._catching_up = self._rotating = None
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
        state = State(loaded.revision, loaded.entities, self.config.zones)
        self._ledger = Ledger(
            state,
            self._store,
            publish=self._publish,
            announce=self._announce,
            spawn=spawn,
            now=time.time,
            random=SystemRandom(),
        )
        try:
            await self._configure(self.config.zones, "start")
        except Rejected as fault:
            raise CannotStart(f"the configuration contradicts the state {path}: {fault}") from None
        self._table.chaos = chaos_rrsets(self.config.identity.id, self.config.identity.version)
        self._publish(Delta(authorities=all_authorities(state)))
        self._table.fill(all_nodes(state))
        self._catching_up = LoopingCall(self._ledger.resume)
        self._catching_up.clock = self._reactor
        self._catching_up.start(CATCH_UP_INTERVAL, now=False)
        return state

    async def _apply(self, config: Config) -> None:
        """Apply another configuration; raises before anything is changed."""
        _check_reloadable(self.config, config)
        assert self._reactions is not None
        terms = make_terms(config, self._terms, _make_secret)
        prepared = self._reactions.prepare(config)
        fresh = self._listeners.prepare(config.listen)
        try:
            await self._configure(config.zones, "reload")
        except Rejected:
            self._listeners.discard(fresh)
            raise
        self._listeners.adopt(fresh, config.listen)
        self._listeners.tcp_clients.limits = config.tcp
        self._table.chaos = chaos_rrsets(config.identity.id, config.identity.version)
        self._terms = terms
        self.config = config
        self._allow_connections()
        await self._reactions.reload(prepared)
        assert self._resolving is not None
        self._resolving.configure(config.resolvers)
        log.info("reloaded {file}", file=str(config.file))
        self._log_addresses()

    async def _configure(self, zones: tuple[Zone, ...], word: str) -> None:
        """Have the ledger take zones over; raises Rejected."""
        await self._submit(Configure(zones), word)

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
        _make_directory(self.config.control.socket.parent, "control.socket")
        try:
            await self._reactions.start(self.config)
        except (CannotReact, Unavailable, OutcomeUnknown) as fault:
            raise CannotStart(str(fault)) from None
        self._resolving.configure(self.config.resolvers)

    def _agree(self) -> None:
        """Make the terms for strangers, and exchange secrets of our own now and then."""
        try:
            self._terms = make_terms(self.config, self._terms, _make_secret)
        except CannotAgree as fault:
            raise CannotStart(str(fault)) from None
        self._rotating = LoopingCall(self._rotate)
        self._rotating.clock = self._reactor
        self._rotating.start(ROTATION, now=False)

    def _rotate(self) -> None:
        self._terms = rotated(self.config, self._terms, _make_secret)

    def _answer(self, packet: bytes, host: str, *, udp: bool) -> bytes | None:
        """Answer a packet, and keep a defect of ours to the packet that met it."""
        try:
            terms, logging = self._terms, self._query_log.is_on
            if terms.limiter is None and not logging:
                reply = ready_answer(self._table, packet, udp=udp)
                if reply is not None:
                    return reply  # most queries end here: nobody needs to know who asks, and when
            asker = Asker(host, udp, time.time(), time.monotonic())
            reply = respond(self._table, packet, asker, terms)
            if logging:
                self._query_log.note(packet, reply, host, asker.now, udp=udp)
            return reply
        except Exception:
            log.failure("a packet could not be answered: {packet}", packet=packet[:600].hex())
            return server_failure(packet)

    def _publish(self, delta: Delta) -> None:
        """Make a delta visible: in this process, which answers.

        With answering processes of their own, this is where they are sent it.
        """
        self._table.apply(delta)

    def _announce(self, change: Change) -> None:
        if self._control is not None:
            self._control.send_event(event_line(change))
        if self._reactions is not None:
            self._reactions.announce(change)
        if self._resolving is not None:
            self._resolving.announce(change)

    def _open_control(self) -> None:
        settings, reactions = self.config.control, self._reactions
        assert self._ledger is not None
        assert reactions is not None
        commands = Commands(
            self._ledger,
            self._store,
            now=time.time,
            spawn=spawn,
            hooks=reactions.report,
            server=self._report,
            query_log=self._query_log.carry_out,
            approval=lambda: reactions.approve if reactions.approving else None,
            issuing=lambda: reactions.issuing,
        )
        self._control = ControlFactory(self._reactor, commands, find_allowed(settings.allow))
        self._control_port = listen_unix(
            self._reactor, settings.socket, settings.mode, self._control
        )

    def _allow_connections(self) -> None:
        """Have room for every connection that the limits let in, or say that there is less."""
        wanted = self.config.tcp.max_connections + OTHER_DESCRIPTORS
        allowed = allow_descriptors(wanted)
        if allowed < wanted:
            log.warn(
                "tcp.max_connections takes {wanted} open files, and {allowed} are allowed: "
                "raise the hard limit (LimitNOFILE= of systemd, `ulimit -Hn`)",
                wanted=wanted,
                allowed=allowed,
            )

    def _report(self) -> dict[str, Json]:
        """Tell what became of strangers' packets, for `status`."""
        limiter = self._terms.limiter
        limited: Json = None
        if limiter is not None:
            limited = {
                "truncated": limiter.truncated,
                "dropped": limiter.dropped,
                "accounts": len(limiter),
            }
        return {**self._listeners.report(), "rate_limit": limited}

    def _in_thread(self, call: Callable[[], Any]) -> Deferred[Any]:
        return deferToThreadPool(self._reactor, self._threads, call)

    def _log_addresses(self) -> None:
        for address in self._listeners.addresses:
            log.info("answering on {address}, UDP and TCP", address=str(address))


def _make_secret() -> bytes:
    return secrets.token_bytes(16)


@contextmanager
def _much_allocation() -> Iterator[None]:
    """Keep the garbage collector from looking at millions of objects that all stay."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _check_reloadable(old: Config, new: Config) -> None:
    """Raise CannotStart for what takes a restart."""
    fixed = {
        "control": old.control != new.control,
        "state": old.state != new.state,
        "querylog": old.querylog != new.querylog,
        "workers": old.workers != new.workers,
        "certificates": old.certificates != new.certificates and old.state == new.state,
        "delivery": _without_clients(old.delivery) != _without_clients(new.delivery),
    }
    changed = [name for name, differs in fixed.items() if differs]
    if changed:
        raise CannotStart(f"a change of {', '.join(changed)} takes a restart")


def _without_clients(settings: DeliverySettings | None) -> DeliverySettings | None:
    return replace(settings, clients=()) if settings is not None else None


def _make_directory(path: Path, setting: str) -> None:
    try:
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as fault:
        raise CannotStart(f"{setting}: cannot make the directory {path}: {fault}") from None
