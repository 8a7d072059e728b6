"""Decisions on the commands by which operators control automation: maintenance and flags.

Every such function takes the state and a command, and returns a Decision or raises Rejected.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from failoverdns.model.change import Json, Write
from failoverdns.model.commands.automation import SetFlag, SetMaintenance
from failoverdns.model.moment import Moment
from failoverdns.model.policy import AUTOMATION_FLAG, Flag, Maintenance
from failoverdns.model.timestamps import timestamp
from failoverdns.rules.decisions.decision import Decision, row
from failoverdns.rules.derived.entity_lookup import find_group, not_found
from failoverdns.rules.derived.flags import automation_flag, gate_flags
from failoverdns.rules.derived.view import View
from failoverdns.rules.reports.flag_reports import flag_report


def set_maintenance(
    view: View, command: SetMaintenance, moment: Moment, _random: Random
) -> Decision:
    """Turn the maintenance mode of a group on or off; its heads are probed in either case."""
    group = find_group(view, command.group)
    before = group.automation.maintenance
    if command.on:
        since = before.since if before is not None else moment.steady
        after = Maintenance(since, command.reason)
        if before is not None and command.reason is None:
            after = before
    else:
        after = None
    changed = replace(group, automation=replace(group.automation, maintenance=after, held=None))
    if after == before:
        changed = group
    writes = (Write(group, changed),) if changed != group else ()
    report: dict[str, Json] = {
        "group": group.name,
        "maintenance": after is not None,
        "since": timestamp(after.since) if after is not None else None,
        "reason": after.reason if after is not None else None,
    }
    return Decision(writes, lambda _: {**report})


def set_flag(view: View, command: SetFlag, moment: Moment, _random: Random) -> Decision:
    """Turn a flag on or off; its `since` changes only when the flag does.

    Raises Rejected `not-found` for a flag that no gate needs and that was never turned on or off.
    """
    before = view.flag(command.name)
    is_automation = command.name == AUTOMATION_FLAG
    if before is None and not is_automation and command.name not in gate_flags(view):
        raise not_found("flag", command.name, gate_flags(view), " that a gate needs")
    known = before if before is not None else automation_flag(view) if is_automation else None
    since = known.since if known is not None and known.on == command.on else moment.steady
    after = Flag(command.name, command.on, since, command.reason)
    if known is not None and known.on == command.on and command.reason in (None, known.reason):
        return Decision((), lambda _: flag_report(view, known))
    return Decision((Write(before, after),), lambda changed: flag_report(changed, after))


DECISIONS = (
    row(SetMaintenance, set_maintenance),
    row(SetFlag, set_flag),
)
"""The commands that this module decides on."""
