"""States and commands for tests of automation, around the group `shop` and its health checks.

The policy `auto` switches and fails back automatically; the times of `AUTO` all differ, so that a
test can distinguish them.  Times are small numbers of seconds, and the wall clock equals the steady
clock unless a test sets it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import samples

from failoverdns.changes.draft import Draft
from failoverdns.changes.state import State
from failoverdns.model.application import Application, Head
from failoverdns.model.change import Json
from failoverdns.model.commands.automation import Automate
from failoverdns.model.commands.health import ForceHealth, LearnHealth
from failoverdns.model.group import Group
from failoverdns.model.health import Cause, Check, CheckKind, Forced, Health, Observed
from failoverdns.model.policy import Automation, AutomationSettings, Mode, Policy, SafetyRule
from failoverdns.rules.derived.health import Condition
from failoverdns.rules.derived.view import View

WEB = Check("web", CheckKind.TCP, port=80)
AUTO = Policy(
    "auto",
    Mode.AUTOMATIC,
    grace=30.0,
    fail_back=Mode.AUTOMATIC,
    hold=120.0,
    cooldown=60.0,
    max_switches=3,
    window=1000.0,
)
UP, DOWN, UNKNOWN = Health.UP, Health.DOWN, Health.UNKNOWN


def settings(*rules: SafetyRule, **fields: Any) -> AutomationSettings:
    """Return settings with the check `web`, the policy `auto` with `fields`, and these rules."""
    return AutomationSettings((WEB,), (replace(AUTO, **fields),), rules)


def said(health: Health, since: float = 0.0) -> Observed:
    """Return what probes observed; a head that is down refused the connection."""
    if health is DOWN:
        return Observed(health, since, Cause.REFUSED, "port 80: refused")
    return Observed(health, since)


def is_(head: Head, health: Health, since: float = 0.0) -> Head:
    """Return a head with this observed health."""
    return replace(head, observed=said(health, since))


def all_are(application: Application, health: Health, since: float = 0.0) -> Application:
    """Return an application with the check `web` whose heads all have this observed health."""
    heads = tuple(is_(head, health, since) for head in application.heads)
    return replace(application, heads=heads, checks=("web",))


def forced(health: Health, since: float = 0.0, reason: str | None = None) -> Forced:
    """Return a health that an operator forces."""
    return Forced(health, since, reason)


def shop(
    primary: Health = UP, backup: Health = UP, *rules: SafetyRule, since: float = 0.0, **fields: Any
) -> State:
    """Return a state with the group `shop` and these healths; `fields` are those of its policy."""
    return watched([samples.group(automation=Automation("auto"))], primary, backup, *rules,
                   since=since, **fields)  # fmt: skip


def watched(
    groups: list[Group],
    primary: Health = UP,
    backup: Health = UP,
    *rules: SafetyRule,
    since: float = 0.0,
    **fields: Any,
) -> State:
    """Return a state with these groups, whose sides `eu` and `us` have these healths."""
    return samples.state(
        all_are(samples.eu(), primary, since),
        all_are(samples.us(), backup, since),
        *groups,
        settings=settings(*rules, **fields),
    )


def learn(view: State | Draft, of: str, health: Health, at: float = 0.0, head: str = "lb1") -> None:
    """Store a probe result of one head."""
    samples.carry_out(view, LearnHealth(f"app-{of}", ((head, said(health, at)),)), at)


def force(view: State | Draft, of: str, health: Health, at: float = 0.0, **more: Any) -> None:
    """Force the health of an application; UNKNOWN removes the override."""
    samples.carry_out(view, ForceHealth(of, None, health, **more), at)


def look(view: State | Draft, at: float, wall: float | None = None) -> dict[str, Json]:
    """Let automation evaluate `shop` at a time; return the result."""
    return samples.carry_out(view, Automate("grp-shop"), at if wall is None else wall, at)


def the_group(view: View, called: str = "shop") -> Group:
    """Return the group with this name."""
    group = view.group_named(called)
    assert group is not None
    return group


def condition(health: Health, since: float = 0.0) -> Condition:
    """Return a condition."""
    return Condition(health, since)
