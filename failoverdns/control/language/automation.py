"""The command table: maintenance, planned switches, flags, and automation as a whole."""

from __future__ import annotations

from typing import Final

from failoverdns.control.language import values
from failoverdns.control.language.parameters import GROUP, REASON, named, state
from failoverdns.control.language.rows import CommandRow
from failoverdns.model.commands.automation import (
    CancelPlan,
    ListFlags,
    ListPlans,
    SetFlag,
    SetMaintenance,
)
from failoverdns.model.policy import AUTOMATION_FLAG
from failoverdns.model.roles import Role

_FLAG = named("the flag", values.flag_name)

ROWS: Final = (
    CommandRow(
        "maintenance",
        "Put a group in maintenance, or take it out. Automation leaves it alone; probes continue.",
        (GROUP, state("on or off", values.on_or_off, values.ON_OR_OFF), REASON),
        lambda group, state, reason=None: SetMaintenance(group, state, reason),
        'maintenance shop on --reason "disk swap"',
        role=Role.OPERATOR,
    ),
    CommandRow(
        "plan cancel",
        "Cancel the planned switch of a group, and restore its TTL.",
        (GROUP,),
        CancelPlan,
        role=Role.OPERATOR,
    ),
    CommandRow("plan list", "List planned switches.", (), ListPlans, role=Role.VIEWER, reads=True),
    CommandRow(
        "automation freeze",
        "Stop automatic switching of all groups, until `automation thaw`.",
        (REASON,),
        lambda reason=None: SetFlag(AUTOMATION_FLAG, False, reason),
        'automation freeze --reason "network works"',
        role=Role.OPERATOR,
    ),
    CommandRow(
        "automation thaw",
        "Allow automatic switching again, as policies decide.",
        (REASON,),
        lambda reason=None: SetFlag(AUTOMATION_FLAG, True, reason),
        role=Role.OPERATOR,
    ),
    CommandRow(
        "flag on",
        "Turn a flag on. Gates that require it open.",
        (_FLAG, REASON),
        lambda name, reason=None: SetFlag(name, True, reason),
        role=Role.OPERATOR,
    ),
    CommandRow(
        "flag off",
        "Turn a flag off. Gates that require it close.",
        (_FLAG, REASON),
        lambda name, reason=None: SetFlag(name, False, reason),
        role=Role.OPERATOR,
    ),
    CommandRow(
        "flag list",
        "List flags, and the gates that they open.",
        (),
        ListFlags,
        role=Role.VIEWER,
        reads=True,
    ),
)
"""Every command about automation, but for switches and policies of groups."""
