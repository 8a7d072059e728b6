"""From probe results to health: keep the tallies, and submit what becomes of a head.

    probe result -> tally -> head -> another health than is known? -> LearnHealth, by the corridor

Only a change of health is submitted: what each probe last saw stays here, for whoever asks.
Nothing is said of a head before its checks have told enough since the start.
Refuses to know sockets and clocks, and what health is made of (`rules.health`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from failoverdns.model.application import Application, Head
from failoverdns.model.change import Change, Json
from failoverdns.model.commands import LearnHealth, Mutation, ReportHealth
from failoverdns.model.errors import Rejected
from failoverdns.model.health import Cause, Check, CheckKind, Health, ProbeResult, Quorum, Target
from failoverdns.model.names import DomainName
from failoverdns.rules.finding import find_application, find_head
from failoverdns.rules.health import NOT_OBSERVED, Tally, head_observed, merged, tallied
from failoverdns.rules.targets import Address, Key, checks_of, concerned, hostnames_of, targets_of
from failoverdns.rules.timestamps import timestamp
from failoverdns.rules.view import View


class Probes(Protocol):
    """Who probes."""

    def set_targets(self, targets: Mapping[Key, Target]) -> None:
        """Probe these from now on, and nothing else."""


@dataclass(frozen=True, slots=True)
class Means:
    """What observing works with.

    `submit` gives a command to the ledger; `addresses` tells what a hostname resolves to by now;
    `now` tells seconds since 1970, `steady` those of the clock that nobody sets.
    """

    state: Callable[[], View]
    submit: Callable[[Mutation], Awaitable[None]]
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    addresses: Callable[[DomainName], tuple[Address, ...]]
    now: Callable[[], float]
    steady: Callable[[], float]
    log: Callable[[str], None]


@dataclass(slots=True)
class _Seen:
    """A tally, and when its last result came (steady seconds)."""

    tally: Tally
    at: float


class Observing:
    """Keeps what probes saw, and tells the ledger what follows from it."""

    def __init__(self, probes: Probes, means: Means) -> None:
        self._probes = probes
        self._means = means
        self._targets: dict[str, Mapping[Key, Target]] = {}
        self._seen: dict[Key, _Seen] = {}
        self._expiring: dict[Key, float] = {}
        """Until when (steady seconds) what was reported counts."""
        self._submitted: set[tuple[str, str]] = set()

    def look(self, applications: frozenset[str] | None = None) -> None:
        """Find out anew what is to be probed: of some applications (by id), or of all."""
        state = self._means.state()
        if applications is None:
            applications = frozenset((*self._targets, *(a.id for a in state.applications())))
        altered = False
        for id_ in applications:
            application = state.application(id_)
            if application is None or not application.checks:
                found: Mapping[Key, Target] = {}
            else:
                found = targets_of(state, application, self._means.addresses)
            if found != self._targets.get(id_, {}):
                self._targets[id_] = found
                altered = True
            if not found:
                self._targets.pop(id_, None)
            self._forget(id_, application)
        if altered:
            every = {key: target for part in self._targets.values() for key, target in part.items()}
            self._probes.set_targets(every)

    def announce(self, change: Change) -> None:
        """Look again at what a change may alter."""
        if applications := concerned(change):
            self.look(applications)

    def hostnames(self) -> tuple[DomainName, ...]:
        """Return every hostname that has to be resolved to probe."""
        found = (hostnames_of(application) for application in self._means.state().applications())
        return tuple(dict.fromkeys(name for names in found for name in names))

    def learn(self, key: Key, result: ProbeResult) -> None:
        """Take a probe's result."""
        check = self._means.state().terms.check(key.check)
        if check is not None:
            self._count(key, result, check)
            self._judge(key.application, key.head)

    def unresolved(self, hostname: DomainName, problem: str) -> None:
        """Take it that a hostname does not resolve: what it stands for cannot be reached."""
        result = ProbeResult(Cause.RESOLVE, f"{hostname}: {problem}", 0.0)
        for application in list(self._means.state().applications()):
            if hostname not in hostnames_of(application):
                continue
            for check in checks_of(self._means.state(), application):
                for head in application.heads:
                    if not head.addresses and check.kind is not CheckKind.PUSH:
                        self.learn(Key(application.id, head.name, check.name), result)

    def take_report(self, report: ReportHealth) -> dict[str, Json]:
        """Take what a head, or a monitor of its own, says.

        Raises Rejected `not-found` for what is not there, `invalid` if no check asks for reports.
        """
        state = self._means.state()
        application = find_application(state, report.application)
        heads = application.heads
        if report.head is not None:
            heads = (find_head(application, report.head),)
        checks = [c for c in checks_of(state, application) if c.kind is CheckKind.PUSH]
        if report.check is not None:
            checks = [check for check in checks if check.name == report.check]
        if not checks or not heads:
            named = f" {report.check!r}" if report.check is not None else ""
            raise Rejected(
                "invalid",
                f"application {application.name!r} has no check{named} of the type push, or no "
                f"head: `application set {application.name} --check CHECK`",
            )
        cause = Cause.REPORTED if report.health is Health.DOWN else None
        result = ProbeResult(cause, report.detail or f"reported {report.health.value}", 0.0)
        until = self._means.steady()
        for head in heads:
            for check in checks:
                key = Key(application.id, head.name, check.name)
                until = self._means.steady() + (report.ttl or check.ttl)
                self._expiring[key] = until
                self._count(key, result, check)
            self._judge(application.id, head.name)
        return {
            "application": application.name,
            "heads": [head.name for head in heads],
            "checks": [check.name for check in checks],
            "state": report.health.value,
            "until": timestamp(self._wall(until)),
        }

    def expire(self) -> None:
        """Let reports go that are too old: a head that says nothing any more is down."""
        now = self._means.steady()
        for key, until in list(self._expiring.items()):
            if until <= now:
                del self._expiring[key]
                check = self._means.state().terms.check(key.check)
                result = ProbeResult(Cause.EXPIRED, "nothing was reported in time", 0.0)
                for _ in range(check.down_after if check is not None else 1):
                    self._count(key, result, check or Check(key.check, CheckKind.PUSH))
                self._judge(key.application, key.head)

    def last_seen(self, application: Application) -> list[Json]:
        """Report what each check of each head of an application last saw."""
        found: list[Json] = []
        state = self._means.state()
        for head in application.heads:
            for check in checks_of(state, application):
                keys = self._keys(application, head, check)
                for key in keys or [Key(application.id, head.name, check.name)]:
                    found.append(self._report(key, check))
        return found

    def _count(self, key: Key, result: ProbeResult, check: Check) -> None:
        before = self._seen.get(key)
        tally = tallied(before.tally if before is not None else Tally(), result, check)
        self._seen[key] = _Seen(tally, self._means.steady())
        if key.address is not None:
            self._seen.pop(Key(key.application, key.head, key.check), None)

    def _judge(self, id_: str, name: str) -> None:
        """Submit what a head is by now, if that is known and not what the state says."""
        state = self._means.state()
        application = state.application(id_)
        head = application.head(name) if application is not None else None
        if application is None or head is None or (id_, name) in self._submitted:
            return
        quorum: Quorum = "all" if head.addresses else "any"
        tallies = []
        for check in checks_of(state, application):
            keys = self._keys(application, head, check) or [Key(id_, name, check.name)]
            seen = (self._seen.get(key) for key in keys)
            tallies.append(merged([s.tally if s is not None else Tally() for s in seen], quorum))
        observed = head_observed(tallies, application.require_checks, self._means.steady())
        known = head.observed if head.observed is not None else NOT_OBSERVED
        if observed.health not in (Health.UNKNOWN, known.health):
            self._submitted.add((id_, name))
            self._means.spawn(self._submit(LearnHealth(id_, name, observed)))

    async def _submit(self, command: LearnHealth) -> None:
        try:
            await self._means.submit(command)
        except Rejected as refusal:  # the next result tries again
            self._means.log(f"health of {command.head} is not updated: {refusal.message}")
        finally:
            self._submitted.discard((command.application, command.head))

    def _keys(self, application: Application, head: Head, check: Check) -> list[Key]:
        """Return what a head is probed at by a check."""
        targets = self._targets.get(application.id, {})
        return [key for key in targets if key.head == head.name and key.check == check.name]

    def _forget(self, id_: str, application: Application | None) -> None:
        """Let go of tallies of what is not there any more, or is elsewhere."""
        heads = {head.name for head in application.heads} if application is not None else set()
        checks = set(application.checks) if application is not None else set()
        targets = self._targets.get(id_, {})
        for key in [key for key in self._seen if key.application == id_]:
            gone = key.head not in heads or key.check not in checks
            if gone or (key.address is not None and key not in targets):
                del self._seen[key]
                self._expiring.pop(key, None)

    def _report(self, key: Key, check: Check) -> dict[str, Json]:
        seen = self._seen.get(key)
        last = seen.tally.last if seen is not None else None
        report: dict[str, Json] = {
            "head": key.head,
            "check": check.name,
            "type": check.kind.value,
            "address": str(key.address) if key.address is not None else None,
            "health": seen.tally.health.value if seen is not None else Health.UNKNOWN.value,
        }
        if seen is None or last is None:
            return {**report, "result": None}
        return {
            **report,
            "result": "good" if last.is_good else "bad",
            "cause": last.cause.value if last.cause is not None else None,
            "detail": last.detail,
            "in_a_row": abs(seen.tally.streak),
            "milliseconds": round(last.seconds * 1000, 1),
            "at": timestamp(self._wall(seen.at)),
        }

    def _wall(self, steady: float) -> float:
        """Return steady seconds as the clock on the wall has them now."""
        return steady + self._means.now() - self._means.steady()
