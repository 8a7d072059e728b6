"""Flags: the one before all automation, and those that gates of the configuration ask for."""

from __future__ import annotations

from failoverdns.model.policy import AUTOMATION_FLAG, Flag, Gate
from failoverdns.rules.derived.view import View

_AUTOMATION_ON = Flag(AUTOMATION_FLAG, on=True, since=0.0)


def automation_flag(view: View) -> Flag:
    """Return the flag that has to be on for anything to be automatic."""
    return view.flag(AUTOMATION_FLAG) or _AUTOMATION_ON


def gate_flags(view: View) -> tuple[str, ...]:
    """Return the flags that gates ask for."""
    gates = (rule for rule in view.settings.safety_rules if isinstance(rule, Gate))
    return tuple(dict.fromkeys(gate.flag for gate in gates if gate.flag is not None))
