"""Health and automatic switching on the reactor: probes, names that are resolved, and timers.

Composes who probes (`failoverdns.probing`), who observes and who acts.
Refuses to decide anything, and to hold up an answer: it runs in the control process only.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from random import SystemRandom
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from failoverdns.automation import acting, observing
from failoverdns.automation.acting import Acting, Approve
from failoverdns.automation.hostnames import Hostnames
from failoverdns.automation.observing import Observing
from failoverdns.automation.reports import Reports
from failoverdns.model.application import Application
from failoverdns.model.change import Change, Json
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.health import ForgetHealth, ReportHealth
from failoverdns.model.errors import Rejected
from failoverdns.model.health import ProbeResult
from failoverdns.model.settings import Config
from failoverdns.net.sockets import allow_descriptors
from failoverdns.net.spawning import spawn
from failoverdns.probing.probe_loop import Probing
from failoverdns.probing.prober import Prober
from failoverdns.rules.derived.probe_targets import TallyKey
from failoverdns.rules.derived.view import View

RESOLVE_INTERVAL = 15.0
"""Seconds after which the hostnames of heads that are probed are resolved again."""

TICK = 0.5
"""Seconds between looks at what was reported from outside, and at whether we stood still."""

GATHER = 0.05
"""Seconds in which what becomes of heads is gathered, so that a mass outage is few commands."""

PROBES_AT_ONCE = 2048
"""So many that 6,000 heads which all time out after 3 of 10 seconds are probed in time."""

OTHER_DESCRIPTORS = 512
"""Open files beside those of probes and of strangers over TCP."""

STALL = 5.0
"""Seconds without a turn of ours after which nothing that was observed is believed any more."""

log = Logger()


def steady_clock(
    now: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
) -> Callable[[], float]:
    """Return a clock that is that of the wall now, and that nobody sets from then on."""
    base = now() - monotonic()
    return lambda: base + monotonic()


class Automation:
    """Everything that watches health and acts on it."""

    def __init__(
        self,
        state: Callable[[], View],
        submit: Callable[[Mutation, str], Awaitable[None]],
        approval: Callable[[], Approve | None],
        reactor: Any,
        *,
        now: Callable[[], float],
        steady: Callable[[], float],
    ) -> None:
        """Build; nothing is probed before `configure`."""
        self._reactor = reactor
        self._steady = steady
        self._hostnames = Hostnames(
            reactor,
            lambda: self._observing.look(),
            lambda hostname, problem: self._observing.unresolved(hostname, problem),
        )
        self._prober = Prober(reactor, PROBES_AT_ONCE)
        self._probing: Probing[TallyKey] = Probing(
            self._prober, self._learn, reactor, SystemRandom()
        )
        self._observing = Observing(
            self._probing,
            observing.Effects(
                state=state,
                submit=lambda command: submit(command, "health"),
                spawn=spawn,
                soon=lambda call: reactor.callLater(GATHER, call),
                addresses=self._hostnames.addresses,
                now=now,
                steady=steady,
                log=_logged("health"),
            ),
        )
        self._reports = Reports(state, self._observing.learn, self._observing.settle, now, steady)
        self._acting = Acting(
            acting.Effects(
                state=state,
                submit=submit,
                approval=approval,
                spawn=spawn,
                now=now,
                steady=steady,
                log=_logged("automation"),
            )
        )
        self._call: IDelayedCall | None = None
        self._submit = submit
        self._awake_at = steady()
        self._ticking = self._looping(self._tick)
        self._resolver_loop = self._looping(self._resolve)
        self._stopped = False

    def configure(self, config: Config) -> None:
        """Work by this configuration from now on; the ledger has its terms already."""
        self._hostnames.start()
        self._hostnames.resolvers = config.resolvers
        self._awake_at = self._steady()
        if config.automation.checks:
            _make_room(config)
        self._run(self._ticking, TICK, wanted=bool(config.automation.checks))
        self._run(self._resolver_loop, RESOLVE_INTERVAL, wanted=bool(config.automation.checks))
        self._observing.look()
        self._acting.look_at_all()
        self._act_soon(0.0)

    def announce(self, change: Change) -> None:
        """Tell of a change."""
        if self._stopped:
            return
        self._observing.announce(change)
        self._acting.announce(change)
        self._act_soon(0.0)

    def last_seen(self, application: Application) -> list[Json]:
        """Report what each check of each head of an application last saw."""
        return self._observing.last_seen(application)

    async def take_report(self, report: ReportHealth) -> dict[str, Json]:
        """Take what a head or a monitor says; raises Rejected."""
        return await self._reports.take(report)

    def report(self) -> dict[str, Json]:
        """Report how probing and automatic switching are doing."""
        probes = self._probing.report()
        bad: dict[str, Json] = {cause.value: count for cause, count in probes.bad.items()}
        return {
            **self._acting.report(),
            "probes": {
                "targets": probes.targets,
                "started": probes.started,
                "good": probes.good,
                "bad": bad,
                "running": probes.running,
                "waiting": probes.waiting,
                "late": round(probes.late, 3),
            },
        }

    def stop(self) -> None:
        """End what is running; what is known of health is not kept."""
        self._stopped = True
        self._probing.stop()
        self._prober.stop()
        if self._call is not None and self._call.active():
            self._call.cancel()
        for loop in (self._ticking, self._resolver_loop):
            if loop.running:
                loop.stop()
        self._hostnames.stop()

    def _learn(self, key: TallyKey, result: ProbeResult) -> None:
        self._observing.learn(key, result)

    def _act_soon(self, delay: float) -> None:
        """Look at what is due after `delay` seconds, if not before."""
        if self._call is not None and self._call.active():
            if self._call.getTime() <= self._reactor.seconds() + delay:
                return
            self._call.cancel()
        self._call = self._reactor.callLater(delay, self._act)

    def _tick(self) -> None:
        if not self._stood_still():
            self._reports.expire()

    def _stood_still(self) -> bool:
        """Tell whether this process had no turn for long; then let go of what is known of health.

        Who was stopped, or had no processor, has seen nothing meanwhile: its last probes are old.
        """
        now = self._steady()
        gap, self._awake_at = now - self._awake_at, now
        if gap < STALL or not self._ticking.running:
            return False
        log.warn("health: stood still for {gap:.0f} s, so nothing is known until probed", gap=gap)
        self._observing.forget()
        spawn(self._forget())
        return True

    async def _forget(self) -> None:
        try:
            await self._submit(ForgetHealth(), "stood still")
        except Rejected as refusal:
            log.error("health: what is old is believed: {fault}", fault=refusal.message)

    def _act(self) -> None:
        if self._stood_still():
            self._act_soon(0.0)
            return
        again = self._acting.act()
        if again is not None and not self._stopped:
            self._act_soon(max(again - self._steady(), 0.01))

    def _resolve(self) -> None:
        self._hostnames.refresh(self._observing.hostnames())

    def _looping(self, call: Callable[[], None]) -> LoopingCall:
        loop = LoopingCall(call)
        loop.clock = self._reactor
        return loop

    def _run(self, loop: LoopingCall, interval: float, *, wanted: bool) -> None:
        if wanted and not loop.running:
            loop.start(interval)
        elif not wanted and loop.running:
            loop.stop()


def _make_room(config: Config) -> None:
    """Raise the limit of open files so that probes find places; they wait where there are fewer."""
    wanted = PROBES_AT_ONCE + config.tcp.max_connections + OTHER_DESCRIPTORS
    allowed = allow_descriptors(wanted)
    if allowed < wanted:
        log.warn(
            "health: {allowed} open files are allowed, and {wanted} would give every probe a "
            "place: some may be late (LimitNOFILE= of systemd, `ulimit -Hn`)",
            wanted=wanted,
            allowed=allowed,
        )


def _logged(source: str) -> Callable[[str], None]:
    return lambda text: log.info("{source}: {text}", source=source, text=text)
