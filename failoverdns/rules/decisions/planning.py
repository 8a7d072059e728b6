"""Planned switches: at a given time, with the TTL lowered before so that clients follow quickly.

| time                                | step                                                       |
|-------------------------------------|------------------------------------------------------------|
| the group's TTL before the switch   | the TTL is lowered to `pre_ttl`                            |
| the time of the switch              | if all rules pass, the group is switched and its TTL is    |
|                                     | restored; otherwise the plan is dropped as `refused`       |
| `MISSED_AFTER` later, if not        | the plan is dropped as `missed`, and the group is not      |
| switched                            | switched                                                   |

The wall clock counts, because operators plan by it: a clock that jumps over the time misses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from random import Random

from failoverdns.model.change import Json, Write
from failoverdns.model.commands.automation import AdvancePlan, CancelPlan
from failoverdns.model.commands.groups import Switch
from failoverdns.model.errors import Rejected
from failoverdns.model.group import Group, Side
from failoverdns.model.moment import Moment
from failoverdns.model.policy import Plan
from failoverdns.model.timestamps import duration, timestamp
from failoverdns.rules.decisions.decision import Decision, row
from failoverdns.rules.decisions.switching import (
    all_rules,
    check_override,
    plan,
    switch,
    switch_writes,
)
from failoverdns.rules.derived.active_side import policy_of
from failoverdns.rules.derived.entity_lookup import find_group
from failoverdns.rules.derived.view import View
from failoverdns.rules.reports.plan_report import plan_report

MISSED_AFTER = 60.0
"""Seconds after its time within which a planned switch is still made: a restart takes less."""

MAX_AHEAD = 366 * 86400.0
"""The longest time in seconds from now to a planned switch."""


class Stage(Enum):
    """The step that a plan calls for at some time."""

    WAIT = "wait"
    LOWER = "lower"
    SWITCH = "switch"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Next:
    """The step that a plan calls for now, and when (seconds since 1970) it calls for another."""

    stage: Stage
    at: float


def next_stage(group: Group, now: float) -> Next | None:
    """Return the step that a group's plan calls for at `now`; None without a plan."""
    planned = group.automation.plan
    if planned is None:
        return None
    if now > planned.at + MISSED_AFTER:
        return Next(Stage.MISSED, now)
    if now >= planned.at:
        return Next(Stage.SWITCH, now)
    lower_at = planned.at - group.ttl
    if planned.lowered_at is not None or planned.pre_ttl >= group.ttl:
        return Next(Stage.WAIT, planned.at)
    return Next(Stage.LOWER, now) if now >= lower_at else Next(Stage.WAIT, lower_at)


def plan_switch(view: View, command: Switch, moment: Moment, _random: Random) -> Decision:
    """Plan the switch of groups for `command.at`, of all of them or none.

    Raises Rejected `invalid` for a time in the past or too far ahead, for a group that is on that
    side already, and for an unknown rule in `override`; `exists` for a group that has a plan.
    """
    assert command.at is not None
    if command.dry_run or command.if_revision is not None:
        raise Rejected("invalid", "--at plans a switch: it takes no --dry-run and no --if-revision")
    check_override(command.override, all_rules(view))
    if command.at <= moment.now:
        raise Rejected("invalid", f"{timestamp(command.at)} is past: it is {timestamp(moment.now)}")
    if command.at > moment.now + MAX_AHEAD:
        raise Rejected("invalid", f"{timestamp(command.at)} is more than a year ahead")
    writes, reports = [], list[Json]()
    for name in dict.fromkeys(command.groups):
        group = find_group(view, name)
        after = _planned(view, group, command)
        writes.append(Write(group, after))
        reports.append(_report(view, after, command, moment))
    return Decision(tuple(writes), lambda _: {"planned": [*reports]})


def cancel_plan(view: View, command: CancelPlan, _moment: Moment, _random: Random) -> Decision:
    """Cancel the planned switch of a group; its normal TTL is served again at once."""
    group = find_group(view, command.group)
    if group.automation.plan is None:
        raise Rejected("not-found", f"no switch of group {group.name!r} is planned")
    return Decision((Write(group, _without_plan(group)),), lambda _: {"cancelled": group.name})


def advance_plan(view: View, command: AdvancePlan, moment: Moment, _random: Random) -> Decision:
    """Take the step that the plan of a group calls for now, if any."""
    nothing = Decision((), lambda _: {})
    group = view.group(command.group)
    planned = group.automation.plan if group is not None else None
    if group is None or planned is None:
        return nothing
    match next_stage(group, moment.now):
        case Next(Stage.LOWER):
            lowered = replace(planned, lowered_at=moment.now)
            after = replace(
                group,
                cached_until=max(group.cached_until, moment.now + group.ttl),
                automation=replace(group.automation, plan=lowered),
            )
            return _recorded(group, after, {"outcome": "ttl-lowered", "ttl": after.served_ttl})
        case Next(Stage.MISSED):
            return _recorded(group, _without_plan(group), {"outcome": "missed"})
        case Next(Stage.SWITCH):
            return _switched(view, group, planned, command, moment)
    return nothing


def _planned(view: View, group: Group, command: Switch) -> Group:
    assert command.at is not None
    existing = group.automation.plan
    if existing is not None:
        raise Rejected(
            "exists",
            f"a switch of group {group.name!r} is planned for {timestamp(existing.at)}: cancel it "
            f"first with `plan cancel {group.name}`",
        )
    to = command.to or group.active.other
    if to is group.active:
        raise Rejected("invalid", f"group {group.name!r} is on its {to.value} already")
    pre_ttl = policy_of(view, group).pre_ttl if command.pre_ttl is None else command.pre_ttl
    made = Plan(command.at, to.value, pre_ttl, None, command.override, command.reason)
    return replace(group, automation=replace(group.automation, plan=made))


def _report(view: View, group: Group, command: Switch, moment: Moment) -> dict[str, Json]:
    """Return the reply about a new plan, which warns of rules that would refuse it now."""
    planned = group.automation.plan
    assert planned is not None
    (proposal,) = plan(view, [group], Side(planned.to), moment)
    warnings: list[Json] = [
        f"{failure.rule} would refuse it now: {failure.message}"
        for failure in proposal.failures
        if failure.rule not in command.override
    ]
    late = moment.now + group.ttl - planned.at
    if late > 0 and planned.pre_ttl < group.ttl:
        warnings.append(
            f"the switch is sooner than the TTL of {group.ttl} s: some clients keep the old answer "
            f"for up to {duration(late)} after the switch"
        )
    lower_at = max(planned.at - group.ttl, moment.now) if planned.pre_ttl < group.ttl else None
    return {**(plan_report(group) or {}), "lower_at": timestamp(lower_at), "warnings": warnings}


def _switched(
    view: View, group: Group, planned: Plan, command: AdvancePlan, moment: Moment
) -> Decision:
    to = Side(planned.to)
    if group.active is to:
        return _recorded(group, _without_plan(group), {"outcome": "was there already"})
    (proposal,) = plan(view, [group], to, moment)
    against = (*proposal.failures, *command.objections)
    failures = [failure for failure in against if failure.rule not in planned.override]
    if failures:
        rules: list[Json] = [{"rule": f.rule, "message": f.message} for f in failures]
        return _recorded(group, _without_plan(group), {"outcome": "refused", "rules": rules})
    about: dict[str, Json] = {"group": group.name, "to": to.value, "outcome": "switched"}
    if planned.reason is not None:
        about["reason"] = planned.reason
    if overridden := [f.rule for f in against]:
        about["overridden"] = list[Json](overridden)
    return Decision(switch_writes(view, [proposal]), lambda _: {**about}, about=about)


def _without_plan(group: Group) -> Group:
    return replace(group, automation=replace(group.automation, plan=None))


def _recorded(before: Group, after: Group, about: Mapping[str, Json]) -> Decision:
    result = {"group": before.name, **about}
    return Decision((Write(before, after),), lambda _: {**result}, about=result)


def switch_or_plan(view: View, command: Switch, moment: Moment, random: Random) -> Decision:
    """Decide on a switch now, or on a planned one if the command has a time."""
    decides = switch if command.at is None else plan_switch
    return decides(view, command, moment, random)


DECISIONS = (
    row(Switch, switch_or_plan),
    row(CancelPlan, cancel_plan),
    row(AdvancePlan, advance_plan),
)
"""The commands that this module decides on."""
