"""Keep the addresses of flattened hostnames fresh: ask when they are due, submit the answers.

        due -> ask the resolvers, in a thread -> LearnAnswer, submitted

So an answer is durable before it is served, and survives a restart; only an answer with other
addresses than before is recorded in history.
Does not know sockets, threads and clocks, nor what an answer changes
(`rules.decisions.resolving`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from failoverdns.effects import Effects, InThread
from failoverdns.model.change import Change
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.server import ForgetAnswers, LearnAnswer
from failoverdns.model.errors import Rejected
from failoverdns.model.names import DomainName
from failoverdns.model.resolution import Answer
from failoverdns.resolving.client import TIMEOUT, Where, resolve
from failoverdns.rules.derived.resolving import MIN_TTL, RefreshTiming, timed, unneeded, wanted

CONCURRENT = 16
"""Hostnames that are resolved at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshingEffects(Effects):
    """The side effects of refreshing, with the ledger, threads and time.

    `submit` submits a command and raises Rejected if it is refused; `clock` returns monotonic
    seconds.
    """

    submit: Callable[[Mutation], Awaitable[None]]
    in_thread: InThread
    clock: Callable[[], float]


class Refreshing:
    """The hostnames that are resolved with one list of resolvers."""

    def __init__(self, resolvers: Sequence[Where], effects: RefreshingEffects) -> None:
        self._resolvers = tuple(resolvers)
        self._effects = effects
        self._wanted: tuple[DomainName, ...] = ()
        self._timings: dict[DomainName, RefreshTiming] = {}
        self._running: set[DomainName] = set()
        self._problems: dict[DomainName, str] = {}
        self._stale = True
        self._stopped = False

    def announce(self, change: Change) -> None:
        """Determine the hostnames again later, if a change may alter them."""
        if any(part["kind"] in ("group", "application", "zone") for part in change.changed):
            self._stale = True

    def tick(self) -> None:
        """Start to resolve the hostnames that are due: call it every second or so."""
        if self._stopped:
            return
        if self._stale:
            self._look()
        now = self._effects.clock()
        for hostname in self._wanted:
            if len(self._running) >= CONCURRENT:
                return
            timing = self._timings.get(hostname)
            if hostname not in self._running and (timing is None or timing.again_at <= now):
                self._running.add(hostname)
                self._effects.spawn(self._refresh(hostname))

    def stop(self) -> None:
        """Stop resolving."""
        self._stopped = True

    def _look(self) -> None:
        """Determine the needed hostnames, and forget the others."""
        self._stale = False
        state = self._effects.state()
        self._wanted = wanted(state)
        needed = set(self._wanted)
        self._timings = {name: t for name, t in self._timings.items() if name in needed}
        gone = unneeded(state.all_resolved(), needed)
        if gone:
            self._effects.spawn(self._forget(gone))

    async def _refresh(self, hostname: DomainName) -> None:
        try:
            answer: Answer = await self._effects.in_thread(
                lambda: resolve(self._resolvers, hostname, lambda: self._stopped, TIMEOUT)
            )
            if self._stopped:
                return
            before = self._timings.get(hostname)
            ttl, timing = timed(answer, before, self._effects.clock())
            self._timings[hostname] = timing
            self._say(hostname, answer.problem)
            await self._effects.submit(LearnAnswer(hostname, answer, ttl))
        except Rejected as refusal:
            now = self._effects.clock()
            self._timings[hostname] = RefreshTiming(now + MIN_TTL, now)
            self._effects.log(f"{hostname} is not updated: {refusal.message}")
        finally:
            self._running.discard(hostname)

    async def _forget(self, hostnames: tuple[DomainName, ...]) -> None:
        try:
            await self._effects.submit(ForgetAnswers(hostnames))
        except Rejected as refusal:
            self._effects.log(f"unneeded answers are kept: {refusal.message}")

    def _say(self, hostname: DomainName, problem: str | None) -> None:
        """Log a problem when it begins, changes and ends."""
        before = self._problems.pop(hostname, None)
        if problem is not None:
            self._problems[hostname] = problem
        if problem != before:
            self._effects.log(f"{hostname}: {problem or 'resolves again'}")
