"""Health and automatic switching on the reactor: probes, resolved hostnames, and timers.

Connects probing (`failoverdns.probing`), observing and acting.  Decides nothing, and runs in the
control process only, so that it delays no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from random import SystemRandom
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from failoverdns.automation.acting import Acting, ActingEffects
from failoverdns.automation.hostnames import Hostnames
from failoverdns.automation.observing import Observing, ObservingEffects
from failoverdns.automation.reports import Reports
from failoverdns.effects import Approval, Submit
from failoverdns.model.application import Application
from failoverdns.model.change import Change, Json
from failoverdns.model.commands.health import ForgetHealth, ReportHealth
from failoverdns.model.errors import Rejected
from failoverdns.model.health import ProbeResult
from failoverdns.model.settings import Config
from failoverdns.net.descriptors import OURS
from failoverdns.net.spawning import spawn
from failoverdns.probing.probe_loop import Probing
from failoverdns.probing.prober import Prober
from failoverdns.rules.derived.probe_targets import TallyKey
from failoverdns.rules.derived.view import View

RESOLVE_INTERVAL = 15.0
"""Seconds before the hostnames of probed heads are resolved again."""

TICK = 0.5
"""Seconds between two checks for expired reports, and for a process that stood still."""

GATHER = 0.05
"""Seconds in which changes of health are gathered, so that a mass outage is few commands."""

PROBES_AT_ONCE = 2048
"""Probes at a time: enough to probe 6,000 heads that all time out after 3 of 10 seconds in time."""

PROGRAMS_AT_ONCE = 32
"""Programs of `exec` checks that run at a time."""

STALL = 5.0
"""Seconds without a turn of this process after which all its observations count as outdated."""

log = Logger()


def steady_clock(now: Callable[[], float], monotonic: Callable[[], float]) -> Callable[[], float]:
    """Return a monotonic clock that agrees with the wall clock now."""
    base = now() - monotonic()
    return lambda: base + monotonic()


class Automation:
    """Watches the health of heads, and switches groups automatically."""

    def __init__(
        self,
        state: Callable[[], View],
        submit: Submit,
        approval: Callable[[], Approval | None],
        reactor: Any,
        *,
        now: Callable[[], float],
        steady: Callable[[], float],
    ) -> None:
        """Prepare; nothing is probed before `configure`."""
        self._reactor = reactor
        self._steady = steady
        self._hostnames = Hostnames(
            reactor,
            lambda: self._observing.look(),
            lambda hostname, problem: self._observing.unresolved(hostname, problem),
        )
        self._prober = Prober(reactor, max_probes=PROBES_AT_ONCE, max_programs=PROGRAMS_AT_ONCE)
        self._probing: Probing[TallyKey] = Probing(
            self._prober, self._learn, reactor, SystemRandom()
        )
        self._observing = Observing(
            self._probing,
            ObservingEffects(
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
            ActingEffects(
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
        """Work with this configuration from now on; the ledger has its settings already."""
        self._hostnames.start()
        self._hostnames.resolvers = config.resolvers
        self._awake_at = self._steady()
        if config.automation.checks:
            prober = self._prober
            OURS.want(
                "probes at a time",
                PROBES_AT_ONCE,
                used=lambda: prober.running,
                changed=prober.allow,
            )
        else:
            OURS.forget("probes at a time")
        self._run(self._ticking, TICK, wanted=bool(config.automation.checks))
        self._run(self._resolver_loop, RESOLVE_INTERVAL, wanted=bool(config.automation.checks))
        self._observing.look()
        self._acting.look_at_all()
        self._act_soon(0.0)

    def announce(self, change: Change) -> None:
        """Take a change that was made."""
        if self._stopped:
            return
        self._observing.announce(change)
        self._acting.announce(change)
        self._act_soon(0.0)

    def last_seen(self, application: Application) -> list[Json]:
        """Return the last result of each check of each head of an application."""
        return self._observing.last_seen(application)

    async def take_report(self, report: ReportHealth) -> dict[str, Json]:
        """Take a report from a head or a monitor. Raises Rejected."""
        return await self._reports.take(report)

    def report(self) -> dict[str, Json]:
        """Return the state of probing and automatic switching."""
        probes = self._probing.report()
        bad: dict[str, Json] = {cause.value: count for cause, count in probes.bad.items()}
        return {
            **self._acting.report(),
            "probes": {
                "targets": probes.targets,
                "started": probes.started,
                "good": probes.good,
                "bad": bad,
                "unknown": probes.unknown,
                "lacking": [*self._shortage(), *self._observing.lacking()],
                "unnamed": self._observing.unnamed(),
                "running": probes.running,
                "waiting": probes.waiting,
                "late": round(probes.late, 3),
                "fast": probes.fast,
            },
        }

    def statistics(self) -> dict[str, Json]:
        """Return the numbers of automatic switching, for `stats`."""
        return self._acting.report()

    def probes(self) -> dict[str, Any]:
        """Return the numbers of probes, for `stats`."""
        report = self._probing.report()
        return {
            "results": self._probing.results.nested(),
            "targets": report.targets,
            "running": report.running,
            "waiting": report.waiting,
            "late": round(report.late, 3),
        }

    def _shortage(self) -> list[Json]:
        """Return why probes wait though there are places, in the form of `lacking`."""
        why = self._prober.shortage
        if why is None:
            return []
        return [{"what": f"no room for more probes: {why}", "targets": self._prober.waiting}]

    def stop(self) -> None:
        """End everything that runs; results of probes are not stored."""
        self._stopped = True
        self._probing.stop()
        self._prober.stop()
        if self._call is not None and self._call.active():
            self._call.cancel()
        for loop in (self._ticking, self._resolver_loop):
            if loop.running:
                loop.stop()
        self._hostnames.stop()

    def _learn(self, key: TallyKey, result: ProbeResult) -> bool:
        return self._observing.learn(key, result)

    def _act_soon(self, delay: float) -> None:
        """Do what is due after `delay` seconds, if not before."""
        if self._call is not None and self._call.active():
            if self._call.getTime() <= self._reactor.seconds() + delay:
                return
            self._call.cancel()
        self._call = self._reactor.callLater(delay, self._act)

    def _tick(self) -> None:
        if not self._stood_still():
            self._reports.expire()

    def _stood_still(self) -> bool:
        """Return whether this process had no turn for long, and forget all health if it had none.

        A process that was stopped, or had no CPU time, has seen nothing meanwhile, and its last
        results are outdated.
        """
        now = self._steady()
        gap, self._awake_at = now - self._awake_at, now
        if gap < STALL or not self._ticking.running:
            return False
        log.warn("health: stood still for {gap:.0f} s; unknown until the next probes", gap=gap)
        self._observing.forget()
        spawn(self._forget())
        return True

    async def _forget(self) -> None:
        try:
            await self._submit(ForgetHealth(), "stood still")
        except Rejected as refusal:
            log.error("health: outdated results stay in effect: {fault}", fault=refusal.message)

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


def _logged(source: str) -> Callable[[str], None]:
    return lambda text: log.info("{source}: {text}", source=source, text=text)
