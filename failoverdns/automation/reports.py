"""Reports of health from heads and external monitors: valid for a time, then counted as failures.

`automation.observing` counts a report like a probe's result.
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
    """Takes reports, and expires the ones that are too old.

    `learn` counts a result, `settle` submits the health of an application (by id) at once; `now`
    returns seconds since 1970, `steady` seconds of the monotonic clock.
    """

    def __init__(
        self,
        state: Callable[[], View],
        learn: Callable[[TallyKey, ProbeResult], object],
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
        """When (steady seconds) a report expires."""

    async def take(self, report: ReportHealth) -> dict[str, Json]:
        """Take a report; return its expiry time, once the change of health is made.

        Raises Rejected `not-found` for an unknown application or head, `invalid` if it has no push
        check.
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
        """Count failures for heads that have not reported in time, enough to take them down."""
        now = self._steady()
        for key in [key for key, until in self._expiring.items() if until <= now]:
            del self._expiring[key]
            check = self._state().settings.check(key.check)
            result = ProbeResult(Cause.EXPIRED, "nothing was reported in time", 0.0)
            for _ in range(check.down_after if check is not None else 0):
                self._learn(key, result)
