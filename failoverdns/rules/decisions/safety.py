"""Safety rules: named conditions of the configuration that switches must meet.

| rule          | fails when                                                       | for       |
|---------------|------------------------------------------------------------------|-----------|
| `assert`      | afterwards fewer than N of its groups would be on their primary  | all       |
| `wait`        | the last switch of the group was less than N seconds ago         | all       |
| `gate`        | its group is not on its primary, or its flag is off              | automatic |
| `secondaries` | a secondary of the zone is behind for longer than the zone's TTL | others    |

An assertion applies to switches to a backup only, because a switch to a primary cannot break it.
A gate does not apply to its own group, which could otherwise never fail back automatically.
The flag `automation`, which `automation freeze` turns off, is a gate for all automatic switches.
The built-in pre-flight rules are in `rules.decisions.switching`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from failoverdns.model.errors import RuleFailure
from failoverdns.model.group import Group, Side
from failoverdns.model.policy import (
    AUTOMATION_FLAG,
    Assertion,
    Following,
    Gate,
    SafetyRule,
    Wait,
    is_about,
)
from failoverdns.model.secondaries import BehindSecondary
from failoverdns.model.timestamps import duration, timestamp
from failoverdns.rules.derived.flags import automation_flag
from failoverdns.rules.derived.view import View


def counts_on(rule: SafetyRule, group: Group) -> bool:
    """Return whether a rule depends on a group by its name, so that it must not be renamed."""
    match rule:
        case Assertion():
            return group.name in rule.groups
        case Gate():
            return group.name == rule.group
        case Wait() | Following():
            return False
        case _:
            assert_never(rule)


def names_of_rules(view: View) -> tuple[str, ...]:
    """Return the names of all safety rules, which `--override` accepts."""
    return tuple(rule.name for rule in view.settings.safety_rules)


def safety_failures(
    view: View,
    group: Group,
    to: Side,
    steady: float,
    *,
    automatic: bool,
    after: Mapping[str, Side],
) -> tuple[RuleFailure, ...]:
    """Return every safety rule that fails for the switch of a group.

    `after` are the new sides of all groups (by id) that are switched in the same step.
    """
    found = []
    if automatic and not (flag := automation_flag(view)).on:
        why = f": {flag.reason}" if flag.reason else ""
        text = f"automation is frozen{why}; `failoverdns automation thaw` resumes it"
        found.append(RuleFailure(AUTOMATION_FLAG, text, group.name))
    for rule in view.settings.safety_rules:
        if is_about(rule, group.name):
            problem = _problem(view, rule, group, to, steady, automatic, after)
            if problem is not None:
                text = f"group {group.name!r}: {problem}"
                found.append(RuleFailure(rule.name, text, group.name))
    return tuple(found)


def _problem(
    view: View,
    rule: SafetyRule,
    group: Group,
    to: Side,
    steady: float,
    automatic: bool,
    after: Mapping[str, Side],
) -> str | None:
    """Return why a rule fails, None if it passes."""
    match rule:
        case Assertion():
            return _broken(view, rule, after) if to is Side.BACKUP else None
        case Wait():
            last = group.automation.switched_at
            left = min(last, steady) + rule.seconds - steady if last is not None else 0.0
            if left <= 0:
                return None
            limit = duration(rule.seconds)
            return f"its last switch was less than {limit} ago: wait {duration(left)}"
        case Gate():
            return _closed(view, rule) if automatic and group.name != rule.group else None
        case Following():
            return None if automatic else _left_behind(view, group)
        case _:
            assert_never(rule)


def _broken(view: View, rule: Assertion, after: Mapping[str, Side]) -> str | None:
    on_primary, missing = 0, []
    for name in rule.groups:
        group = view.group_named(name)
        if group is None:
            missing.append(name)
        elif after.get(group.id, group.active) is Side.PRIMARY:
            on_primary += 1
    if on_primary >= rule.at_least:
        return None
    gone = f" (there is no group {', '.join(missing)})" if missing else ""
    return (
        f"{on_primary} of {', '.join(rule.groups)} would be on their primary{gone}, and at least "
        f"{rule.at_least} must be: switch another group back first"
    )


def _left_behind(view: View, group: Group) -> str | None:
    behind = [one for one in view.entities(BehindSecondary) if one.zone == group.zone]
    if not behind:
        return None
    each = "; ".join(
        f"{one.secondary} since {timestamp(one.since)}: {one.problem}" for one in behind
    )
    return f"its clients would get old answers from secondaries of {group.zone} ({each})"


def _closed(view: View, gate: Gate) -> str | None:
    if gate.flag is not None:
        flag = view.flag(gate.flag)
        if flag is not None and flag.on:
            return None
        return f"the flag {gate.flag!r} is off: `failoverdns flag on {gate.flag}` opens the gate"
    group = view.group_named(gate.group or "")
    if group is None:
        return f"there is no group {gate.group!r}, which must be on its primary"
    if group.active is Side.PRIMARY:
        return None
    return f"group {group.name!r} is not on its primary, as it must be"
