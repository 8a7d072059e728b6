"""What heads, and monitors of their own, report: it counts for its time, and silence is a failure.

Refuses to know what becomes of it: `automation.observing` counts it like a probe's result.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from failoverdns.model.change import Json
from failoverdns.model.commands.health import ReportHealth
from failoverdns.model.errors import Rejected
from failoverdns.model.health import Cause, Health, ProbeResult
from failoverdns.model.timestamps import timestamp
from failoverdns.rules.derived.entity_lookup import find_application, find_head
from failoverdns.rules.derived.probe_targets import TallyKey, checks_of
from failoverdns.rules.derived.view import View


class Reports:
    """Takes reports in, and lets those go that are too old.

    `learn` counts a result, `settle` has it count now for an application (by id); `now` tells
    seconds since 1970, `steady` those of the clock that nobody sets.
    """

    def __init__(
        self,
        state: Callable[[], View],
        learn: Callable[[TallyKey, ProbeResult], None],
        settle: Callable[[str], Awaitable[None]],
        now: Callable[[], float],
        steady: Callable[[], float],
    ) -> None:
        self._state = state
        self._learn = learn
        self._settle = settle
        self._now = now
        self._steady = steady
        self._expiring: dict[TallyKey, float] = {}
        """Until when (steady seconds) what was reported counts."""

    async def take(self, report: ReportHealth) -> dict[str, Json]:
        """Take what is reported, and say until when it counts, once what follows from it is so.

        Raises Rejected `not-found` for what is not there, `invalid` if no check asks for reports.
        """
        state = self._state()
        application = find_application(state, report.application)
        heads = application.heads
        if report.head is not None:
            heads = (find_head(application, report.head),)
        checks = [c for c in checks_of(state, application) if not c.kind.is_probed]
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
        until = now = self._steady()
        for head in heads:
            for check in checks:
                key = TallyKey(application.id, head.name, check.name)
                until = self._expiring[key] = now + (report.ttl or check.ttl)
                self._learn(key, result)
        await self._settle(application.id)
        return {
            "application": application.name,
            "heads": [head.name for head in heads],
            "checks": [check.name for check in checks],
            "state": report.health.value,
            "until": timestamp(until + self._now() - now),
        }

    def expire(self) -> None:
        """Take a head for down that has said nothing in time."""
        now = self._steady()
        for key in [key for key, until in self._expiring.items() if until <= now]:
            del self._expiring[key]
            check = self._state().settings.check(key.check)
            result = ProbeResult(Cause.EXPIRED, "nothing was reported in time", 0.0)
            for _ in range(check.down_after if check is not None else 0):
                self._learn(key, result)
