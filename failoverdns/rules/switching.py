"""The switch: make the other side of failover groups active.

Pre-flight rules, all of which must pass for all groups, or nothing is switched:

| rule             | fails when                                                     |
|------------------|----------------------------------------------------------------|
| `no-application` | no application is attached to the side to switch to            |
| `target-empty`   | one is, and it resolves to nothing: it has no web head         |

A group that is on that side already is left alone: no rule is asked, and it is no error.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from failoverdns.model.application import Nothing, target_texts
from failoverdns.model.change import Json, Write
from failoverdns.model.commands import Switch
from failoverdns.model.errors import Rejected, RuleFailure
from failoverdns.model.group import Group, Side
from failoverdns.rules.decision import Decision
from failoverdns.rules.finding import find_group
from failoverdns.rules.overriding import check_override
from failoverdns.rules.reporting import timestamp
from failoverdns.rules.serving import target_of
from failoverdns.rules.view import View

NO_APPLICATION = "no-application"
TARGET_EMPTY = "target-empty"
RULES = (NO_APPLICATION, TARGET_EMPTY)


@dataclass(frozen=True, slots=True)
class Step:
    """The switch of one group: before and after are the same if it is there already."""

    before: Group
    after: Group
    failures: tuple[RuleFailure, ...]


def switch(view: View, command: Switch, now: float) -> Decision:
    """Switch every named group, or none.

    `now` is in seconds since 1970.
    Raises Rejected `refused` with every rule that failed for any group and is not overridden,
    `conflict` if a group changed after `if_revision`.
    """
    check_override(command.override, RULES)
    groups = [find_group(view, name) for name in dict.fromkeys(command.groups)]
    _check_revision(view, groups, command.if_revision)
    steps = [plan(view, group, command.to or group.active.other, now) for group in groups]
    failures = tuple(f for step in steps for f in step.failures if f.rule not in command.override)
    if failures:
        named = ", ".join(sorted({f"{f.rule} ({f.group})" for f in failures}))
        raise Rejected("refused", f"nothing was switched: {named}", failures)
    writes = tuple(Write(s.before, s.after) for s in steps if s.before != s.after)

    def report(after: View) -> dict[str, Json]:
        result: dict[str, Json] = {"groups": [_step_report(view, step) for step in steps]}
        if command.dry_run:
            result["dry_run"] = True
        return result

    return Decision(() if command.dry_run else writes, report)


def plan(view: View, group: Group, to: Side, now: float) -> Step:
    """Return the step that takes a group to a side, with every pre-flight rule that fails."""
    if group.active is to:
        return Step(group, group, ())
    after = replace(
        group,
        active=to,
        revision=view.revision + 1,
        drained_at=max(now + group.ttl, group.cached_until),
    )
    return Step(group, after, _failures(view, group, to))


def _failures(view: View, group: Group, to: Side) -> tuple[RuleFailure, ...]:
    if group.application(to) is None:
        text = (
            f"group {group.name!r} has no {to.value} application: "
            f"attach one with `group set {group.name} --{to.value} APPLICATION`"
        )
        return (RuleFailure(NO_APPLICATION, text, group.name),)
    if isinstance(target_of(view, group, to), Nothing):
        text = (
            f"the {to.value} of group {group.name!r} resolves to nothing: "
            "add a head to its application with `head add`"
        )
        return (RuleFailure(TARGET_EMPTY, text, group.name),)
    return ()


def _check_revision(view: View, groups: list[Group], if_revision: int | None) -> None:
    if if_revision is None:
        return
    if if_revision > view.revision:
        raise Rejected(
            "conflict", f"revision {if_revision} is not reached yet: it is {view.revision} now"
        )
    changed = [group for group in groups if group.revision > if_revision]
    if changed:
        each = ", ".join(f"{group.name!r} at revision {group.revision}" for group in changed)
        raise Rejected("conflict", f"changed since revision {if_revision}: {each}; look again")


def _step_report(view: View, step: Step) -> dict[str, Json]:
    before, after = step.before, step.after
    return {
        "name": after.name,
        "hostname": after.hostname.to_text(),
        "from": before.active.value,
        "to": after.active.value,
        "changed": before != after,
        "targets": list[Json](target_texts(target_of(view, after, after.active))),
        "drained_at": timestamp(after.drained_at),
        "overridden": [failure.rule for failure in step.failures],
    }
