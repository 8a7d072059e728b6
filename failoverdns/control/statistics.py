"""The command `stats`: numbers of the running server, and of what the state has.

With many groups the numbers are read in small pieces, between which other clients have their turn.
The pieces read the state as it is then; so a reply about many groups is not of one moment, but it
takes no copy of the state either.

The number of groups, certificates and secondaries that are shown is bounded.  Without patterns the
groups are shown if there are at most `MOST_UNASKED`; those that are asked for up to `MOST_ASKED`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import translate
from functools import partial
from heapq import heappush, heapreplace
from re import compile as compiled
from typing import Any, Final

from failoverdns.control.effects import AtSecondaries
from failoverdns.control.language.requests import PAUSE, Late, Pause, Result, Streamed
from failoverdns.control.source import Source
from failoverdns.model.application import Application
from failoverdns.model.change import Json
from failoverdns.model.commands.server import Stats
from failoverdns.model.group import Group, Side
from failoverdns.model.health import Health
from failoverdns.model.store_condition import Reserve
from failoverdns.rules.derived.health import application_condition
from failoverdns.rules.derived.view import View

MOST_UNASKED: Final = 1000
"""Groups up to which all of them are shown without being asked for."""

MOST_ASKED: Final = 10_000
"""Groups that are shown at most."""

MOST_CERTIFICATES: Final = 1000
"""Certificates that are shown at most: those that end first."""

MOST_SECONDARIES: Final = 10_000
"""Secondaries and zones that are shown at most."""

AT_ONCE: Final = 16
"""Groups that are read in one piece."""

_NUMBERS: Final[Mapping[Health, int | None]] = {Health.UP: 1, Health.DOWN: 0, Health.UNKNOWN: None}


async def statistics(source: Source, command: Stats) -> Result:
    """Return all numbers; those of groups are made when they are written."""
    state, effects = source.state, source.effects
    found = await effects.statistics.report()
    groups = _Groups(state, command.groups, effects.statistics.switches_of)
    certificates = _Certificates(state)
    secondaries = _Secondaries(effects.following)
    return {
        "time": round(source.moment.now, 3),
        "revision": state.revision,
        **found,
        **_commands(source, found),
        "behind": int(source.behind),
        "store": _store(source),
        "zones": len(state.zones),
        "secondaries": Streamed(secondaries.rows()),
        "secondaries_omitted": Late(lambda: secondaries.omitted),
        "orders": _orders(state),
        "certificates": Streamed(certificates.rows()),
        "certificates_total": Late(lambda: certificates.total),
        "certificates_omitted": Late(lambda: certificates.omitted),
        "groups": Streamed(groups.rows()),
        **{name: Late(partial(groups.total, name)) for name in _TOTALS},
    }


def _commands(source: Source, found: Mapping[str, Json]) -> dict[str, Any]:
    """Return what became of commands and commits, and which rules refused a switch."""
    counts, ledger = source.counts, source.ledger
    refused: Any = {rule.name: 0 for rule in source.state.settings.safety_rules}
    refused |= counts.refused.nested()
    automatic: Any = found.get("automatic_refusals") or {}
    for rule, count in automatic.items():
        refused[rule] = refused.get(rule, 0) + count
    return {
        "commands": counts.results.nested(),
        "command_seconds": counts.seconds.report(),
        "refused": refused,
        "forbidden": source.forbidden,
        "commits": ledger.commits.nested(),
        "commit_seconds": ledger.seconds.report(),
        "changes": ledger.changes,
    }


def _store(source: Source) -> dict[str, Json]:
    """Return the condition of the store; a writable one was reached just now."""
    condition, outage = source.store.condition(), source.outage
    is_writable = condition.is_writable and outage is None
    return {
        "writable": int(is_writable),
        "last_contact": round(source.moment.now if outage is None else outage.since, 3),
        "free": condition.free,
        "reserve_held": int(condition.reserve is Reserve.HELD),
        "outages": source.ledger.outages,
        "unrecorded": len(source.overlay),
        "unrecorded_total": source.ledger.unrecorded,
    }


def _orders(state: View) -> dict[str, Json]:
    """Return the number of certificate orders: under way, or waiting after a failure."""
    found = {"pending": 0, "failing": 0}
    for order in state.orders():
        found["failing" if order.failures else "pending"] += 1
    return {**found}


_TOTALS: Final = (
    "groups_total",
    "groups_omitted",
    "groups_active",
    "groups_without_healthy_side",
    "groups_in_maintenance",
    "groups_held",
    "groups_planned",
)


class _Groups:
    """The numbers of all groups together, and of those that are shown."""

    def __init__(self, state: View, patterns: Sequence[str], switches_of: Any) -> None:
        self._state = state
        self._switches_of = switches_of
        self._groups = tuple(state.groups())
        self._matches = compiled("|".join(map(translate, patterns))).match if patterns else None
        self._shows_all = not patterns and len(self._groups) <= MOST_UNASKED
        self._active = {side.value: 0 for side in Side}
        self._shown = self._unhealthy = self._maintained = self._held = self._planned = 0

    def rows(self) -> Iterator[Json | Pause]:
        """Yield the rows of the groups that are shown, and count all of them."""
        for number, group in enumerate(self._groups):
            if number % AT_ONCE == AT_ONCE - 1:
                yield PAUSE
            health: dict[str, Json] = {
                side.value: self._health(group.application(side)) for side in Side
            }
            automation = group.automation
            self._active[group.active.value] += 1
            self._unhealthy += 1 not in health.values() and 0 in health.values()
            self._maintained += automation.maintenance is not None
            self._held += automation.held is not None
            self._planned += automation.plan is not None
            if self._is_shown(group):
                self._shown += 1
                yield {
                    "group": group.name,
                    "active": {side.value: int(side is group.active) for side in Side},
                    "health": health,
                    "maintenance": int(automation.maintenance is not None),
                    "switches": {**self._switches_of(group.id)},
                }

    def total(self, name: str) -> Json:
        """Return a number of all groups, by its name in the reply."""
        totals: dict[str, Json] = {
            "groups_total": len(self._groups),
            "groups_omitted": len(self._groups) - self._shown,
            "groups_active": {**self._active},
            "groups_without_healthy_side": self._unhealthy,
            "groups_in_maintenance": self._maintained,
            "groups_held": self._held,
            "groups_planned": self._planned,
        }
        return totals[name]

    def _is_shown(self, group: Group) -> bool:
        if self._matches is None:
            return self._shows_all
        return self._shown < MOST_ASKED and self._matches(group.name) is not None

    def _health(self, application: str | None) -> int | None:
        """Return 1 for up, 0 for down, None if it is not known."""
        found = self._state.application(application) if application is not None else None
        if found is None or not _may_be_known(found):
            return None
        return _NUMBERS[application_condition(found).health]


def _may_be_known(application: Application) -> bool:
    """Return whether anything is known of the health of an application; it is quick."""
    return (
        bool(application.checks)
        or application.forced is not None
        or application.emptied_at is not None
        or any(head.forced is not None for head in application.heads)
    )


class _Secondaries:
    """How far each secondary is behind in each zone."""

    def __init__(self, following: AtSecondaries) -> None:
        self._following = following
        self.omitted = 0

    def rows(self) -> Iterator[Json | Pause]:
        """Yield the rows of those that are shown."""
        for number, row in enumerate(self._following.lags()):
            if number % AT_ONCE == AT_ONCE - 1:
                yield PAUSE
            if number < MOST_SECONDARIES:
                yield row
            else:
                self.omitted += 1


class _Certificates:
    """The certificates that end first, each with its application and its end."""

    def __init__(self, state: View) -> None:
        self._state = state
        self._certificates = tuple(state.certificates())
        self.omitted = 0

    @property
    def total(self) -> int:
        """The number of certificates."""
        return len(self._certificates)

    def rows(self) -> Iterator[Json | Pause]:
        """Yield the rows of those that end first."""
        first: list[tuple[float, str]] = []
        """A heap of those with the least end, the latest on top: ends are negative."""
        for number, one in enumerate(self._certificates):
            if number % (AT_ONCE * AT_ONCE) == AT_ONCE * AT_ONCE - 1:
                yield PAUSE
            entry = -one.facts.not_after, one.application
            if len(first) < MOST_CERTIFICATES:
                heappush(first, entry)
            elif entry > first[0]:
                heapreplace(first, entry)
        self.omitted = self.total - len(first)
        for end, id_ in first:
            application = self._state.application(id_)
            if application is not None:
                yield {"application": application.name, "not_after": round(-end, 3)}
