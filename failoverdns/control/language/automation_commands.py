"""The part of the command table that is about health and automation.

Refuses to know what any of it leads to.
"""

from __future__ import annotations

from typing import Any, Final

from failoverdns.control.language import values
from failoverdns.control.language.parameters import REASON, TO, named, override
from failoverdns.control.language.rows import CommandRow, Parameter
from failoverdns.model.commands import Command
from failoverdns.model.commands.applications import SetApplication
from failoverdns.model.commands.automation import (
    CancelPlan,
    ListFlags,
    ListPlans,
    SetFlag,
    SetMaintenance,
)
from failoverdns.model.commands.groups import Explain, Rehearse
from failoverdns.model.commands.health import ForceHealth, ReportHealth, ShowHealth
from failoverdns.model.errors import Rejected
from failoverdns.model.health import Health
from failoverdns.model.policy import AUTOMATION_FLAG

MAX_REPORT_TTL = 86400

_GROUP = named("the group", values.group, "group", "GROUP")
_FLAG = named("the flag", values.flag_name, "name", "NAME")


def _force(target: tuple[str, str | None], state: Health, reason: str | None = None) -> Command:
    return ForceHealth(*target, state, reason)


def _report(target: tuple[str, str | None], state: Health, **given: Any) -> Command:
    return ReportHealth(*target, state, **given)


def _set_application(**given: Any) -> Command:
    if given.pop("no_checks", None):
        if given.get("check"):
            raise Rejected("invalid", "--check and --no-checks: choose one")
        given["check"] = ()
    return SetApplication(**given)


AUTOMATION_ROWS: Final = (
    CommandRow(
        "explain",
        "Say in sentences what a group answers, why, and what would make it switch.",
        (_GROUP,),
        Explain,
        "explain shop",
    ),
    CommandRow(
        "rehearse",
        "Play a switch without doing it, and show what would change.",
        (_GROUP, TO, override("any rule")),
        Rehearse,
        "rehearse shop --to backup",
    ),
    CommandRow(
        "maintenance",
        "Have automation keep its hands off a group, or no more; probes go on.",
        (
            _GROUP,
            Parameter(
                "state",
                "on or off",
                values.on_or_off,
                "on|off",
                position=True,
                required=True,
            ),
            REASON,
        ),
        lambda group, state, reason=None: SetMaintenance(group, state, reason),
        'maintenance shop on --reason "disk swap"',
    ),
    CommandRow(
        "plan cancel",
        "Cancel the planned switch of a group; its TTL is what it was at once.",
        (_GROUP,),
        CancelPlan,
    ),
    CommandRow("plan list", "List the planned switches.", (), ListPlans),
    CommandRow(
        "automation freeze",
        "Let nothing switch by itself, in any group, until it is thawed.",
        (REASON,),
        lambda reason=None: SetFlag(AUTOMATION_FLAG, False, reason),
        'automation freeze --reason "network works"',
    ),
    CommandRow(
        "automation thaw",
        "Let groups switch by themselves again, as their policies say.",
        (REASON,),
        lambda reason=None: SetFlag(AUTOMATION_FLAG, True, reason),
    ),
    CommandRow(
        "flag on",
        "Turn a flag on: gates that ask for it are open.",
        (_FLAG, REASON),
        lambda name, reason=None: SetFlag(name, True, reason),
    ),
    CommandRow(
        "flag off",
        "Turn a flag off: gates that ask for it are closed.",
        (_FLAG, REASON),
        lambda name, reason=None: SetFlag(name, False, reason),
    ),
    CommandRow(
        "flag list",
        "List the flags, and the gates that they open.",
        (),
        ListFlags,
    ),
    CommandRow(
        "application set",
        "Say which checks an application's heads have to pass.",
        (
            named("the application", values.application),
            Parameter(
                "check",
                "a check of the configuration; repeat for more",
                values.configured_name,
                "CHECK",
                repeated=True,
            ),
            Parameter("no_checks", "check nothing any more", values.flag, flag=True),
            Parameter(
                "require_checks",
                "how many checks a head has to pass to be up: any, all or a number (all)",
                values.quorum,
                "N",
            ),
            Parameter(
                "require_heads",
                "how many web heads have to be up: any, all or a number (any)",
                values.quorum,
                "N",
            ),
        ),
        _set_application,
        "application set shop-eu --check web",
    ),
    CommandRow(
        "health show",
        "Show what is observed and what is forced, and what each probe last saw.",
        (Parameter("application", "only this one", values.application, "APP", position=True),),
        ShowHealth,
    ),
    CommandRow(
        "health force",
        "Say that something is up or down, whatever probes see; none lets go of that.",
        (
            named("APPLICATION[/HEAD], with * and ?", values.health_target, "target", "TARGET"),
            Parameter(
                "state",
                "up, down or none",
                values.forced_health,
                "up|down|none",
                position=True,
                required=True,
            ),
            REASON,
        ),
        _force,
        'health force "shop-*/web1" down --reason "disk errors"',
    ),
    CommandRow(
        "health report",
        "Tell what a head, or a monitor outside, found: for checks of the type push.",
        (
            named("APPLICATION[/HEAD]", values.exact_target, "target", "TARGET"),
            Parameter(
                "state",
                "up or down",
                values.reported_health,
                "up|down",
                position=True,
                required=True,
            ),
            Parameter("check", "only for this check", values.configured_name, "CHECK"),
            Parameter(
                "ttl",
                "seconds that the report counts; the check says, if left out",
                values.number(1, MAX_REPORT_TTL, " seconds"),
                "S",
                integer=True,
            ),
            Parameter("detail", "what was found", values.text, "TEXT"),
        ),
        _report,
        "health report shop-eu/web1 up --ttl 60",
    ),
)
"""Every command that is about health, automation and plans, but for the switch."""
