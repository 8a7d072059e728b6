"""From probe results to health: count the results of each head, and submit changes of its health.

   probe result -> tally -> head -> health that differs from the state -> LearnHealth, submitted

All heads of an application whose health changes within a moment are one command.
Only a change of health is submitted; the last result of each probe is kept in memory, for `status`.
The health of a head is not changed before its checks have had enough results since the start.
Does not know sockets and clocks, nor how results make up health (`rules.derived.health`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from failoverdns.automation.log_limit import is_due
from failoverdns.automation.watched import Seen, Watched, seen_after
from failoverdns.effects import Effects
from failoverdns.model.application import Application, Head
from failoverdns.model.change import Change, Json
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.health import LearnHealth
from failoverdns.model.errors import Rejected
from failoverdns.model.health import (
    Cause,
    Check,
    Health,
    Observed,
    ProbeResult,
    ProbeTarget,
    Quorum,
)
from failoverdns.model.names import DomainName
from failoverdns.model.timestamps import timestamp
from failoverdns.rules.derived.health import NOT_OBSERVED, Tally, head_observed, merged
from failoverdns.rules.derived.probe_targets import (
    Address,
    TallyKey,
    checks_of,
    concerned,
    hostnames_of,
    targets_of,
)


class Probes(Protocol):
    """The interface through which targets are probed."""

    def set_targets(self, targets: Mapping[TallyKey, ProbeTarget]) -> None:
        """Probe these targets from now on, and no others."""

    def is_fast(self, key: TallyKey) -> bool:
        """Return whether a target is probed at its `fast_interval` now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservingEffects(Effects):
    """The side effects of observing, with the ledger and time.

    `submit` submits a command and raises Rejected if it is refused; `soon` calls a function in a
    moment; `addresses` returns the addresses of a hostname; `now` returns seconds since 1970,
    `steady` seconds of the monotonic clock.
    """

    submit: Callable[[Mutation], Awaitable[None]]
    soon: Callable[[Callable[[], None]], object]
    addresses: Callable[[DomainName], tuple[Address, ...]]
    now: Callable[[], float]
    steady: Callable[[], float]


class Observing:
    """Counts probe results, and submits the changes of health that follow from them."""

    def __init__(self, probes: Probes, effects: ObservingEffects) -> None:
        self._probes = probes
        self._effects = effects
        self._watched: dict[str, Watched] = {}
        self._pending: set[str] = set()
        """Applications (by id) with a head whose health may have changed."""
        self._submitted: set[str] = set()
        self._refusals: dict[str, float] = {}
        """When (steady seconds) a refusal was logged, which may follow every probe."""
        self._lacks: dict[str, float] = {}
        """When it was logged what this machine lacks: as soon as a target lacks it."""
        self._gathering = False

    def look(self, applications: frozenset[str] | None = None) -> None:
        """Determine the targets again: of some applications (by id), or of all."""
        state = self._effects.state()
        if applications is None:
            every = (application.id for application in state.applications())
            applications = frozenset((*self._watched, *every))
        altered = False
        for id_ in applications:
            application = state.application(id_)
            watched = self._watched.get(id_)
            before = watched.targets if watched is not None else {}
            if application is None or not application.checks:
                self._watched.pop(id_, None)
                altered |= bool(before)
                continue
            if watched is None:
                watched = self._watched[id_] = Watched(id_)
            targets = targets_of(state, application, self._effects.addresses)
            if targets != before:
                altered = True
                watched.retarget(targets)
            watched.arrange(application)
        if altered:
            parts = (watched.targets for watched in self._watched.values())
            self._probes.set_targets({key: part[key] for part in parts for key in part})

    def forget(self) -> None:
        """Forget all results, which are outdated."""
        for watched in self._watched.values():
            watched.seen.clear()

    def announce(self, change: Change) -> None:
        """Determine the targets again that a change may alter."""
        if applications := concerned(change):
            self.look(applications)

    def hostnames(self) -> tuple[DomainName, ...]:
        """Return every hostname that has to be resolved for probing."""
        found = (hostnames_of(application) for application in self._applications())
        return tuple(dict.fromkeys(name for names in found for name in names))

    def learn(self, key: TallyKey, result: ProbeResult) -> bool:
        """Count the result of a probe; return whether the state of its target is settled."""
        watched = self._watched.get(key.application)
        check = self._effects.state().settings.check(key.check)
        if watched is None or check is None:
            return True
        before = watched.seen.get(key)
        if result.is_unknown and (before is None or before.tally.lacking is None):
            self._log_lack(result.detail)
        after = watched.seen[key] = seen_after(before, result, check, self._effects.steady())
        if before is None or _counts(before.tally) != _counts(after.tally):
            watched.unsettled.add(key.head)
        if key.head in watched.unsettled:
            self._gather(key.application)
        return after.is_settled

    def _log_lack(self, what: str) -> None:
        """Log what this machine lacks for a probe, once for all targets that lack the same."""
        if is_due(self._lacks, what, self._effects.steady()):
            self._effects.log(f"probes find nothing out: {what}")

    def unresolved(self, hostname: DomainName, problem: str) -> None:
        """Count a failure for every head whose hostname does not resolve."""
        result = ProbeResult(Cause.RESOLVE, f"{hostname}: {problem}", 0.0)
        state = self._effects.state()
        for application in self._applications():
            if hostname not in hostnames_of(application):
                continue
            for check in checks_of(state, application):
                for head in application.heads:
                    if not head.addresses and check.kind.is_probed:
                        self.learn(TallyKey(application.id, head.name, check.name), result)

    def last_seen(self, application: Application) -> list[Json]:
        """Return the last result of each check of each head of an application."""
        watched = self._watched.get(application.id, Watched(application.id))
        return [
            self._report(watched.seen.get(key), key, check)
            for head in application.heads
            for check in checks_of(self._effects.state(), application)
            for key in watched.keys(head.name, check)
        ]

    def lacking(self) -> list[Json]:
        """Return what this machine lacks for probes, each with the number of targets concerned."""
        found: Counter[str] = Counter()
        for watched in self._watched.values():
            for seen in watched.seen.values():
                if seen.tally.lacking is not None:
                    found[seen.tally.lacking.detail] += 1
        return [{"what": what, "targets": count} for what, count in found.most_common()]

    def unnamed(self) -> list[Json]:
        """Return the checks that do not know which name to ask for, with the advice for each."""
        found: dict[tuple[str, str, str], None] = {}
        for watched in self._watched.values():
            for target in watched.targets.values():
                if target.is_unnamed:
                    found[target.application, target.check.name, target.advice] = None
        return [
            {"application": application, "check": check, "advice": advice}
            for application, check, advice in found
        ]

    def _applications(self) -> Iterator[Application]:
        """Yield the applications that are probed."""
        state = self._effects.state()
        for id_ in list(self._watched):
            application = state.application(id_)
            if application is not None:
                yield application

    async def settle(self, id_: str) -> None:
        """Submit the health of an application (by id) now, without gathering."""
        command = self._learned(id_)
        if command is not None:
            await self._submit(command)

    def _judge(self) -> None:
        """Submit changes of health, one command for each application."""
        self._gathering = False
        for id_ in list(self._pending):
            command = self._learned(id_)
            if command is not None:
                self._effects.spawn(self._submit(command))

    def _learned(self, id_: str) -> LearnHealth | None:
        """Return the change of health to submit for an application, unless one is under way."""
        if id_ in self._submitted:
            return None
        self._pending.discard(id_)
        watched, application = self._watched.get(id_), self._effects.state().application(id_)
        if watched is None or application is None:
            return None
        heads = tuple(self._other_heads(watched, application))
        if not heads:
            return None
        self._submitted.add(id_)
        return LearnHealth(id_, heads)

    def _other_heads(
        self, watched: Watched, application: Application
    ) -> Iterator[tuple[str, Observed]]:
        """Yield the heads whose observed health differs from the state, with that health."""
        for head in application.heads:
            if head.name not in watched.unsettled:
                continue
            observed = self._observed(watched, application, head)
            known = head.observed or NOT_OBSERVED
            is_early = observed.health is Health.UNKNOWN and observed.cause is None
            if is_early or observed.health is known.health:
                watched.unsettled.discard(head.name)
            else:
                yield head.name, observed

    def _observed(self, watched: Watched, application: Application, head: Head) -> Observed:
        """Return the observed health of a head."""
        quorum: Quorum = "all" if head.addresses else "any"
        checks = checks_of(self._effects.state(), application)
        tallies = [merged(watched.tallies(head.name, check), quorum) for check in checks]
        return head_observed(tallies, application.require_checks, self._effects.steady())

    async def _submit(self, command: LearnHealth) -> None:
        id_ = command.application
        try:
            await self._effects.submit(command)
        except Rejected as refusal:  # the next result tries again
            if is_due(self._refusals, refusal.message, self._effects.steady()):
                heads = ", ".join(name for name, _ in command.heads)
                self._effects.log(f"health of {heads} is not updated: {refusal.message}")
        finally:
            self._submitted.discard(id_)
            if id_ in self._pending:
                self._gather(id_)

    def _gather(self, id_: str) -> None:
        """Schedule the judging of an application, together with further results until then."""
        self._pending.add(id_)
        if not self._gathering:
            self._gathering = True
            self._effects.soon(self._judge)

    def _report(self, seen: Seen | None, key: TallyKey, check: Check) -> dict[str, Json]:
        last = seen.tally.latest if seen is not None else None
        report: dict[str, Json] = {
            "head": key.head,
            "check": check.name,
            "type": check.kind.value,
            "address": str(key.address) if key.address is not None else None,
            "health": seen.tally.health.value if seen is not None else Health.UNKNOWN.value,
            **self._pace(key, check),
            **self._naming(key),
        }
        if seen is None or last is None:
            return {**report, "result": None}
        return {
            **report,
            "result": "good" if last.is_good else "unknown" if last.is_unknown else "bad",
            "cause": last.cause.value if last.cause is not None else None,
            "detail": last.detail,
            "in_a_row": seen.tally.unknown or abs(seen.tally.streak),
            "milliseconds": round(last.seconds * 1000, 1),
            "at": timestamp(self._wall(seen.at)),
        }

    def _pace(self, key: TallyKey, check: Check) -> dict[str, Json]:
        """Return the seconds between the probes of a target now (None for none), and if fast."""
        if not check.kind.is_probed or key.address is None:
            return {"probed_every": None, "fast": False}
        is_fast = self._probes.is_fast(key)
        return {"probed_every": check.fast_interval if is_fast else check.interval, "fast": is_fast}

    def _naming(self, key: TallyKey) -> dict[str, Json]:
        """Return the host name that probes of a target ask for, the Host if set, and advice."""
        watched = self._watched.get(key.application)
        target = watched.targets.get(key) if watched is not None else None
        if target is None or not target.check.kind.asks_for_name:
            return {"server_name": None, "host": None, "advice": None}
        host, advice = target.check.http.host, target.advice or None
        return {"server_name": target.server_name, "host": host, "advice": advice}

    def _wall(self, steady: float) -> float:
        """Return the wall-clock time of a number of steady seconds."""
        return steady + self._effects.now() - self._effects.steady()


def _counts(tally: Tally) -> tuple[Health, bool]:
    """Return what the health of a head depends on, of one of its tallies."""
    return tally.health, tally.is_unknowable
