"""Flags: `automation`, which permits all automatic switches, and the flags that gates need."""

from __future__ import annotations

from failoverdns.model.policy import AUTOMATION_FLAG, Flag, Gate
from failoverdns.rules.derived.view import View

_AUTOMATION_ON = Flag(AUTOMATION_FLAG, on=True, since=0.0)


def automation_flag(view: View) -> Flag:
    """Return the flag `automation`, which must be on for any automatic switch."""
    return view.flag(AUTOMATION_FLAG) or _AUTOMATION_ON


def gate_flags(view: View) -> tuple[str, ...]:
    """Return the names of the flags that gates of the configuration need."""
    gates = (rule for rule in view.settings.safety_rules if isinstance(rule, Gate))
    return tuple(dict.fromkeys(gate.flag for gate in gates if gate.flag is not None))
