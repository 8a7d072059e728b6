"""Refreshing on the reactor: its timer and its threads, with the configured resolvers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from failoverdns.effects import Submit
from failoverdns.model.change import Change
from failoverdns.model.settings import ListenAddress
from failoverdns.net.spawning import spawn
from failoverdns.resolving.refreshing import CONCURRENT, Refreshing, RefreshingEffects
from failoverdns.rules.derived.view import View

TICK = 1.0
"""Seconds between two checks of what is due."""

log = Logger()


class Resolving:
    """Refreshing with a timer and threads; without resolvers it does nothing."""

    def __init__(
        self,
        state: Callable[[], View],
        submit: Submit,
        reactor: Any,
    ) -> None:
        """Prepare; no resolver is asked before `configure`."""
        self._reactor = reactor
        self._threads = ThreadPool(0, CONCURRENT, "resolving")
        self._effects = RefreshingEffects(
            state=state,
            submit=lambda command: submit(command, "resolve"),
            in_thread=lambda call: deferToThreadPool(reactor, self._threads, call),
            spawn=spawn,
            clock=reactor.seconds,
            log=lambda text: log.info("resolving: {text}", text=text),
        )
        self._resolvers: tuple[ListenAddress, ...] = ()
        self._refreshing: Refreshing | None = None
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = reactor

    def configure(self, resolvers: tuple[ListenAddress, ...]) -> None:
        """Ask these resolvers from now on."""
        if not self._threads.started:
            self._threads.start()
        if resolvers == self._resolvers:
            return
        if self._refreshing is not None:
            self._refreshing.stop()
        self._resolvers = resolvers
        where = [(str(resolver.host), resolver.port) for resolver in resolvers]
        self._refreshing = Refreshing(where, self._effects) if where else None
        if where and not self._ticking.running:
            self._ticking.start(TICK, now=False)
        elif not where and self._ticking.running:
            self._ticking.stop()

    def announce(self, change: Change) -> None:
        """Take a change that was made."""
        if self._refreshing is not None:
            self._refreshing.announce(change)

    def stop(self) -> None:
        """Stop within seconds."""
        if self._refreshing is not None:
            self._refreshing.stop()
        if self._ticking.running:
            self._ticking.stop()
        if self._threads.started:
            self._threads.stop()

    def _tick(self) -> None:
        if self._refreshing is not None:
            self._refreshing.tick()
