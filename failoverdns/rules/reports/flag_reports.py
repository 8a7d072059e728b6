"""Reports about flags: whether they are on, since when, and which gates they open."""

from __future__ import annotations

from failoverdns.model.change import Json
from failoverdns.model.policy import AUTOMATION_FLAG, Flag, Gate
from failoverdns.model.timestamps import timestamp
from failoverdns.rules.derived.flags import automation_flag, gate_flags
from failoverdns.rules.derived.view import View


def flags_report(view: View) -> list[Json]:
    """Return reports of every flag that exists or that a gate needs, `automation` first."""
    flags = {AUTOMATION_FLAG: automation_flag(view)}
    flags |= {name: Flag(name, False, 0.0) for name in gate_flags(view)}
    flags |= {flag.name: flag for flag in view.flags()}
    return [flag_report(view, flag) for flag in flags.values()]


def flag_report(view: View, flag: Flag) -> dict[str, Json]:
    """Return the report of a flag, with the gates that it opens."""
    gates = [
        rule.name
        for rule in view.settings.safety_rules
        if isinstance(rule, Gate) and rule.flag == flag.name
    ]
    return {
        "name": flag.name,
        "on": flag.on,
        "since": timestamp(flag.since) if flag.since else None,
        "reason": flag.reason,
        "gates": list[Json](gates),
    }
