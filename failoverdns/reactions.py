"""What follows a change, outside: hooks, web heads that wait, the CA, and warnings in the log.

Builds these of the configuration, tells them of changes, and takes them down again.
Refuses to decide anything, and to hold up what was decided: the service starts, answers and
switches without them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import Cooperator, LoopingCall, deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from failoverdns.changes.ledger import Ledger
from failoverdns.delivery import hook
from failoverdns.delivery import hook_programs as programs
from failoverdns.delivery.hooks import Hooks
from failoverdns.delivery.pull import EVERY, Endpoint, PullClients
from failoverdns.model.change import Change, Json
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.certificates import (
    FailOrder,
    IssueCertificate,
    OpenAccount,
    PlaceOrder,
    RequestCertificate,
    SetChallenges,
)
from failoverdns.model.errors import Corrupt, RuleFailure
from failoverdns.model.settings import AcmeSettings, Config, DeliverySettings
from failoverdns.net.spawning import spawn
from failoverdns.net.tls import TlsContext, TlsFiles, listen_tls
from failoverdns.rules.derived.view import View
from failoverdns.rules.reports.certificate_reports import warnings
from failoverdns.store.interface import OutcomeUnknown, Store, Unavailable

TICK = 30.0
"""Seconds between looks at what is due."""

WARNING_INTERVAL = 86400.0
"""Seconds after which the same warning is logged again."""

PROGRAMS_AT_ONCE = 64
"""Hooks that run at a time, each one program; others wait for these."""

ASKED_AT_ONCE = 8
"""Programs that switches wait for: they wait for no others."""

CALLS_AT_ONCE = 4
"""Calls of the CA at a time."""

LOOKS_AT_ONCE = 100
"""Certificates that are looked at before others get their turn."""

_WORDS: dict[type, str] = {
    OpenAccount: "acme account",
    RequestCertificate: "acme renew",
    PlaceOrder: "acme order",
    SetChallenges: "acme challenge",
    FailOrder: "acme failure",
    IssueCertificate: "acme issue",
}
"""What history calls the commands of the system's own."""

log = Logger()
Submit = Callable[[Mutation, str], Awaitable[None]]
"""Gives a command of the system's own to the ledger, with what history calls it."""


class CannotReact(Exception):
    """Why a part of the configuration cannot be put to work, and what to do about it."""


@dataclass(frozen=True, slots=True)
class PreparedReactions:
    """A configuration of which all that can fail was tried, and nothing is used yet."""

    config: Config
    context: TlsContext | None


class Reactions:
    """Everything that follows a change."""

    def __init__(
        self, ledger: Ledger, store: Store, submit: Submit, reactor: Any, now: Callable[[], float]
    ) -> None:
        """Build; nothing is opened before `start`."""
        self._ledger = ledger
        self._store = store
        self._submit = submit
        self._reactor = reactor
        self._now = now
        self._programs = ThreadPool(0, PROGRAMS_AT_ONCE, "hooks")
        self._asked = ThreadPool(0, ASKED_AT_ONCE, "asked hooks")
        self._calls = ThreadPool(0, CALLS_AT_ONCE, "acme")
        self._hooks: Hooks | None = None
        self._endpoint: Endpoint | None = None
        self._context: TlsContext | None = None
        self._ports: list[IListeningPort] = []
        self._config: Config | None = None
        self._acme: AcmeSettings | None = None
        self._renewals: Any = None
        self._ticking: LoopingCall | None = None
        self._warned: dict[str, float] = {}
        self._turns = Cooperator(scheduler=lambda call: reactor.callLater(0, call))
        self._warning: Deferred[Any] | None = None

    async def start(self, config: Config) -> None:
        """Put the configuration to work.

        Raises CannotReact, CannotListen, Unavailable, OutcomeUnknown or Corrupt.
        """
        prepared = self.prepare(config)
        self._config = config
        for pool in (self._programs, self._asked, self._calls):
            pool.start()
        folder = config.control.socket.parent / "hooks"
        try:
            programs.sweep(folder)
        except OSError as fault:
            raise CannotReact(f"hooks: {folder}: {fault.strerror}") from None
        self._hooks = Hooks(self._hook_means(folder))
        await self._hooks.configure(config.hooks, self._ledger.state.revision)
        self._set_acme(config.acme)
        if config.delivery is not None and prepared.context is not None:
            self._listen(config.delivery, prepared.context)
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = self._reactor
        self._ticking.start(TICK)

    def prepare(self, config: Config) -> PreparedReactions:
        """Try what may fail; raises CannotReact or CannotListen, and nothing was changed."""
        if config.acme is not None:
            try:
                import failoverdns.issuing.renewing  # noqa: F401
            except ImportError as fault:
                text = f"acme: {fault.name} is not installed: pip install 'failoverdns[acme]'"
                raise CannotReact(text) from None
        delivery = config.delivery
        if delivery is None:
            return PreparedReactions(config, None)
        files = TlsFiles(delivery.certificate, delivery.key, delivery.client_ca)
        return PreparedReactions(config, TlsContext(files))

    async def reload(self, prepared: PreparedReactions) -> None:
        """Put another configuration to work, as far as it may change while we run."""
        assert self._hooks is not None
        config = self._config = prepared.config
        if self._endpoint is not None and config.delivery is not None:
            self._endpoint.adopt(_clients(config.delivery))
        if self._context is not None and prepared.context is not None:
            self._context.adopt(prepared.context)
        self._set_acme(config.acme)
        try:
            await self._hooks.configure(config.hooks, self._ledger.state.revision)
        except (Unavailable, OutcomeUnknown, Corrupt) as fault:
            log.error("hooks: not all of the configuration is used: {fault}", fault=str(fault))
        self._tick()

    def stop(self) -> None:
        """End what is running; it goes on after the next start."""
        if self._ticking is not None and self._ticking.running:
            self._ticking.stop()
        if self._renewals is not None:
            self._renewals.stop()
        if self._hooks is not None:
            self._hooks.stop()
        if self._endpoint is not None:
            self._endpoint.close()
        for port in self._ports:
            port.stopListening()
        for pool in (self._programs, self._asked, self._calls):
            if pool.started:
                pool.stop()

    def announce(self, change: Change) -> None:
        """Tell everybody of a change."""
        if self._endpoint is not None:
            self._endpoint.announce(change)
        if self._hooks is not None:
            self._hooks.announce(change)
        if self._renewals is not None:
            self._renewals.announce(change)

    async def approve(self, planned: Mapping[str, Json]) -> tuple[RuleFailure, ...]:
        """Ask the hooks that a switch waits for; return why not."""
        assert self._hooks is not None
        return await self._hooks.approve(planned)

    @property
    def approving(self) -> bool:
        """True if a switch has to wait for a hook."""
        return self._hooks is not None and self._hooks.approving

    @property
    def issuing(self) -> bool:
        """True if there is a CA to issue certificates."""
        return self._acme is not None

    def report(self) -> list[Json]:
        """Report how each hook is doing."""
        return self._hooks.report() if self._hooks is not None else []

    def _tick(self) -> None:
        if self._renewals is not None:
            self._renewals.tick()
        if self._warning is None:
            self._warning = self._turns.coiterate(self._warn())
            self._warning.addBoth(self._warned_all)

    def _warned_all(self, result: object) -> None:
        self._warning = None

    def _warn(self) -> Iterator[None]:
        """Log what an operator should know of certificates, each warning once a day."""
        state, now = self._ledger.state, self._now()
        self._warned = {t: at for t, at in self._warned.items() if now - at < WARNING_INTERVAL}
        for number, certificate in enumerate(list(state.certificates())):
            if number % LOOKS_AT_ONCE == LOOKS_AT_ONCE - 1:
                yield
            application = state.application(certificate.application)
            for warning in warnings(state, application, now) if application is not None else ():
                text = f"application {application.name}: {warning}" if application else warning
                if text not in self._warned:
                    self._warned[text] = now
                    log.warn("{text}", text=text)
        for text in _unknown(self._config, state) if self._config is not None else ():
            if text not in self._warned:
                self._warned[text] = now
                log.warn("{text}", text=text)

    def _set_acme(self, settings: AcmeSettings | None) -> None:
        """Have certificates issued as configured; a change lets what is under way go."""
        if settings == self._acme:
            return
        renewals = None
        if settings is not None:
            from failoverdns.issuing.effects import Effects
            from failoverdns.issuing.renewing import Renewals

            means = Effects(
                state=lambda: self._ledger.state,
                store=self._store,
                submit=lambda command: self._submit(command, _WORDS[type(command)]),
                in_thread=self._in_thread(self._calls),
                pause=lambda: deferLater(self._reactor, 0),
                spawn=spawn,
                now=self._now,
                log=_logged("acme"),
            )
            renewals = Renewals(settings, means)
        if self._renewals is not None:
            self._renewals.stop()
        self._acme, self._renewals = settings, renewals

    def _listen(self, settings: DeliverySettings, context: TlsContext) -> None:
        self._context = context
        self._endpoint = Endpoint(
            lambda: self._ledger.state,
            self._store,
            _clients(settings),
            self._reactor,
            self._now,
        )
        self._ports = listen_tls(self._reactor, settings.listen, context, self._endpoint.site())
        for port in self._ports:
            address: Any = port.getHost()
            log.info("delivery on {host}:{port}, HTTPS", host=address.host, port=address.port)

    def _hook_means(self, folder: Path) -> hook.Effects:
        return hook.Effects(
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

    def _in_thread(self, pool: ThreadPool) -> Callable[[Callable[[], Any]], Deferred[Any]]:
        return lambda call: deferToThreadPool(self._reactor, pool, call)


def _logged(source: str) -> Callable[[str], None]:
    return lambda text: log.info("{source}: {text}", source=source, text=text)


def _unknown(config: Config, state: View) -> Iterator[str]:
    """Tell which applications the configuration names that are not there."""
    named = {f"hooks.{hook.name}": set(hook.applications or ()) for hook in config.hooks}
    clients = config.delivery.clients if config.delivery is not None else ()
    named |= {f"delivery.clients.{name}": set(applications) for name, applications in clients}
    for place, applications in named.items():
        for name in sorted(applications - {EVERY}):
            if state.application_named(name) is None:
                yield f"{place}: there is no application {name!r}; was it renamed?"


def _clients(settings: DeliverySettings) -> PullClients:
    return {name: frozenset(applications) for name, applications in settings.clients}
