"""Reactions to changes: hooks, the delivery of certificates, the CA, and warnings in the log.

`Reactions` builds these parts, passes changes on to them, and stops them.  They decide nothing.
A switch waits for the hooks that must agree to it; nothing else waits for these parts.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import Cooperator, LoopingCall, deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from failoverdns.changes.ledger import Ledger
from failoverdns.delivery import hook_programs as programs
from failoverdns.delivery.hook import HookEffects
from failoverdns.delivery.hooks import Hooks
from failoverdns.delivery.known_heads import known_heads
from failoverdns.delivery.pull import Endpoint, PullClients
from failoverdns.delivery.revoked_clients import RevokedClients, read_revocation
from failoverdns.delivery.warnings import Warnings
from failoverdns.effects import Approval, InThread, Submit
from failoverdns.issuing.effects import IssuingEffects
from failoverdns.issuing.issuing import Issuing, NotInstalled, check_installed, word_of
from failoverdns.known_roots import KnownRoots
from failoverdns.model.change import Change, Json
from failoverdns.model.errors import Corrupt
from failoverdns.model.settings import Config, DeliverySettings
from failoverdns.net.arrivals import MAX_CLIENTS, MAX_NEWCOMERS, Door
from failoverdns.net.descriptors import OURS
from failoverdns.net.spawning import spawn
from failoverdns.net.tls import TlsContext, TlsFiles
from failoverdns.net.tls_ports import listen_tls
from failoverdns.pki.revocation import Revocation
from failoverdns.resolving.challenge_lookup import look_up
from failoverdns.store.interface import OutcomeUnknown, Store, Unavailable
from failoverdns.tallies import Nested

TICK = 30.0
"""Seconds between two checks for work that is due."""

PROGRAMS_AT_ONCE = 64
"""Hook programs that run at the same time; others wait."""

ASKED_AT_ONCE = 8
"""Hook programs that approve switches and run at the same time, in threads of their own."""

CALLS_AT_ONCE = 4
"""Calls to the CA at the same time."""

LEAVING = 6.0
"""Seconds in which hook programs that are asked to end must have ended before a restart."""

LOOK = 0.02
"""Seconds between two checks whether they have."""

_CANNOT_BE_WRITTEN = (errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""Faults of a disk that keep no part from starting."""

log = Logger()


class CannotReact(Exception):
    """A part of the configuration cannot be used; the message gives the reason and the remedy."""


@dataclass(frozen=True, slots=True)
class PreparedReactions:
    """A configuration that was checked and is not used yet, with its TLS files read."""

    config: Config
    context: TlsContext | None
    revocation: Revocation


@dataclass(frozen=True, slots=True)
class _Delivery:
    """The endpoint at which web heads fetch certificates, and the sockets on which it listens."""

    endpoint: Endpoint
    context: TlsContext
    revoked: RevokedClients
    door: Door
    ports: list[IListeningPort]


class Reactions:
    """Hooks, certificate delivery, certificate issuing and warnings."""

    def __init__(
        self,
        config: Config,
        ledger: Ledger,
        store: Store,
        submit: Submit,
        reactor: Any,
        now: Callable[[], float],
    ) -> None:
        """Build the parts; nothing is opened before `start`."""
        self._config = config
        self._ledger = ledger
        self._store = store
        self._reactor = reactor
        self._now = now
        self._programs = ThreadPool(0, PROGRAMS_AT_ONCE, "hooks")
        self._asked = ThreadPool(0, ASKED_AT_ONCE, "asked hooks")
        self._calls = ThreadPool(0, CALLS_AT_ONCE, "acme")
        self._hooks_folder = config.control.socket.parent / "hooks"
        self._hooks = Hooks(self._hook_effects(self._hooks_folder))
        self.anchors = KnownRoots(lambda: ledger.state.settings)
        """The roots that clients are known to trust."""
        self._issuing = Issuing(self._issuing_effects(submit))
        self._warnings = Warnings(lambda text: log.warn("{text}", text=text))
        self._delivery: _Delivery | None = None
        self._turns = Cooperator(scheduler=lambda call: reactor.callLater(0, call))
        self._is_looking = False
        self._stopped = False
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = reactor

    async def start(self) -> None:
        """Start the parts with the configuration.

        Raises CannotReact, CannotListen, Unavailable, OutcomeUnknown or Corrupt.
        """
        config, prepared = self._config, self.prepare(self._config)
        for pool in (self._programs, self._asked, self._calls):
            pool.start()
        try:
            programs.sweep(self._hooks_folder)
        except OSError as fault:
            if fault.errno not in _CANNOT_BE_WRITTEN:
                raise CannotReact(f"hooks: {self._hooks_folder}: {fault.strerror}") from None
            log.error(
                "hooks: {folder}: {why}; hooks that get a certificate fail until it can be written",
                folder=self._hooks_folder,
                why=fault.strerror,
            )
        await self._hooks.configure(config.hooks, self._ledger.state.revision)
        self._issuing.configure(config.acme)
        if config.delivery is not None and prepared.context is not None:
            self._delivery = self._deliver(config.delivery, prepared.context, prepared.revocation)
            spawn(self._remember_heads(self._delivery.door, _clients(config.delivery)))
        self._ticking.start(TICK)

    def prepare(self, config: Config) -> PreparedReactions:
        """Check a configuration and change nothing; raises CannotReact or CannotListen."""
        return prepare(config)

    async def reload(self, prepared: PreparedReactions) -> None:
        """Apply a new configuration, except for settings that take a restart."""
        config = self._config = prepared.config
        if self._delivery is not None:
            if config.delivery is not None:
                self._delivery.endpoint.adopt(_clients(config.delivery))
            if prepared.context is not None:
                self._delivery.context.adopt(prepared.context)
            self._delivery.revoked.adopt(prepared.revocation)
            self._delivery.door.review()
        self._issuing.configure(config.acme)
        try:
            await self._hooks.configure(config.hooks, self._ledger.state.revision)
        except (Unavailable, OutcomeUnknown, Corrupt) as fault:
            log.error("hooks: not all of the configuration is used: {fault}", fault=str(fault))
        self._tick()

    def stop(self) -> None:
        """Stop the parts; unfinished work continues after the next start."""
        self._stop()
        for pool in (self._programs, self._asked, self._calls):
            if pool.started:
                pool.stop()

    async def leave(self) -> None:
        """Stop the parts before a restart, without waiting for calls to the CA.

        Threads that still run end with the program.
        """
        self._stop()
        until = self._reactor.seconds() + LEAVING
        pools = (self._programs, self._asked)
        while any(pool.working for pool in pools) and self._reactor.seconds() < until:
            await deferLater(self._reactor, LOOK)

    def _stop(self) -> None:
        self._stopped = True
        if self._ticking.running:
            self._ticking.stop()
        self._issuing.stop()
        self._hooks.stop()
        if self._delivery is not None:
            self._delivery.endpoint.close()
            for port in self._delivery.ports:
                port.stopListening()

    def announce(self, change: Change) -> None:
        """Pass a change on to every part."""
        if self._delivery is not None:
            self._delivery.endpoint.announce(change)
        self._hooks.announce(change)
        self._issuing.announce(change)

    def announce_unrecorded(self, step: Change) -> None:
        """Pass a step that is not recorded yet on to every part."""
        if self._delivery is not None:
            self._delivery.endpoint.announce(step)
        self._hooks.announce_unrecorded(step)
        self._issuing.announce(step)

    def approval(self) -> Approval | None:
        """Return the function that asks hooks to approve a switch; None if no hook must agree."""
        return self._hooks.approve if self._hooks.approving else None

    @property
    def issuing(self) -> bool:
        """True if a CA is configured."""
        return self._issuing.is_configured

    def report(self) -> list[Json]:
        """Report the state of each hook."""
        return self._hooks.report()

    def hook_runs(self) -> Nested:
        """Return the numbers of runs of hooks, by name and result."""
        return self._hooks.runs.nested()

    def deliveries(self) -> Nested:
        """Return the numbers of requests for certificates, by the status of the response."""
        return self._delivery.endpoint.answers.nested() if self._delivery is not None else {}

    def _tick(self) -> None:
        self._issuing.tick()
        if not self._is_looking:
            self._is_looking = True
            condition = self._store.condition()
            others = self._delivery.revoked.warnings() if self._delivery is not None else ()
            state, now = self._ledger.state, self._now()
            looks = self._warnings.look(state, self._config, condition, now, others)
            self._turns.coiterate(looks).addBoth(self._looked)

    def _looked(self, result: object) -> None:
        self._is_looking = False

    def _deliver(
        self, settings: DeliverySettings, context: TlsContext, revocation: Revocation
    ) -> _Delivery:
        endpoint = Endpoint(
            lambda: self._ledger.state,
            self._store,
            _clients(settings),
            self._reactor,
            self._now,
        )
        revoked = RevokedClients(revocation, self._now)
        door = Door(context, endpoint.site(), self._reactor, revoked.admits)
        OURS.want(
            "connections for delivery",
            MAX_CLIENTS + MAX_NEWCOMERS,
            used=lambda: door.open,
            changed=door.limit,
        )
        ports = listen_tls(self._reactor, settings.listen, door, setting="delivery.listen")
        for port in ports:
            address: Any = port.getHost()
            log.info("delivery on {host}:{port}, HTTPS", host=address.host, port=address.port)
        return _Delivery(endpoint, context, revoked, door, ports)

    async def _remember_heads(self, door: Door, clients: PullClients) -> None:
        """Let the delivery prefer the web heads that fetched before this start."""
        async for address, time in known_heads(self._ledger.state, self._store, clients):
            door.remember(address, max(0.0, self._now() - time))

    def _issuing_effects(self, submit: Submit) -> IssuingEffects:
        return IssuingEffects(
            state=lambda: self._ledger.state,
            store=self._store,
            submit=lambda command: submit(command, word_of(command)),
            in_thread=self._in_thread(self._calls),
            pause=lambda: deferLater(self._reactor, 0),
            spawn=spawn,
            can_record=lambda: self._ledger.outage is None,
            now=self._now,
            anchors=self.anchors,
            look_up=lambda challenges, targets: look_up(
                [(str(one.host), one.port) for one in self._config.resolvers],
                challenges,
                targets,
                lambda: self._stopped,
            ),
            has_resolvers=lambda: bool(self._config.resolvers),
            log=_logged("acme"),
        )

    def _hook_effects(self, folder: Path) -> HookEffects:
        return HookEffects(
            state=lambda: self._ledger.state,
            store=self._store,
            folder=folder,
            in_thread=self._in_thread(self._programs),
            ask_in_thread=self._in_thread(self._asked),
            sleep=lambda seconds: deferLater(self._reactor, seconds),
            spawn=spawn,
            now=self._now,
            log=_logged("hooks"),
        )

    def _in_thread(self, pool: ThreadPool) -> InThread:
        return lambda call: deferToThreadPool(self._reactor, pool, call)


def prepare(config: Config) -> PreparedReactions:
    """Check a configuration and read its TLS files; raises CannotReact or CannotListen."""
    if config.acme is not None:
        try:
            check_installed()
        except NotInstalled as fault:
            raise CannotReact(str(fault)) from None
    delivery = config.delivery
    if delivery is None:
        return PreparedReactions(config, None, Revocation())
    files = TlsFiles("delivery", delivery.certificate, delivery.key, delivery.client_ca)
    return PreparedReactions(config, TlsContext(files), read_revocation(delivery))


def _logged(source: str) -> Callable[[str], None]:
    return lambda text: log.info("{source}: {text}", source=source, text=text)


def _clients(settings: DeliverySettings) -> PullClients:
    return {name: frozenset(applications) for name, applications in settings.clients}
