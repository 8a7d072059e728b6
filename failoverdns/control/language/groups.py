"""The command table: failover groups, and switching them."""

from __future__ import annotations

from typing import Any, Final

from failoverdns.control.language import values
from failoverdns.control.language.parameters import (
    DRY_RUN,
    GROUP,
    REASON,
    TO,
    flag,
    named,
    number,
    override,
    renamed,
)
from failoverdns.control.language.rows import CommandRow, Parameter
from failoverdns.model.commands import Command
from failoverdns.model.commands.groups import (
    AddGroup,
    Explain,
    ListGroups,
    Preflight,
    Rehearse,
    RemoveGroup,
    RenameGroup,
    SetGroup,
    Switch,
)
from failoverdns.model.errors import Rejected
from failoverdns.model.group import MAX_TTL
from failoverdns.model.roles import Role
from failoverdns.model.rule_names import ACTIVE_SIDE, PreflightRule

MOST_WAIT: Final = 3600
"""Seconds that a switch may wait for secondaries, at most."""

_SWITCH_RULES = f"{', '.join(PreflightRule)}, or a safety rule of the configuration"

_TTL = number("ttl", "TTL of the group's answers, in seconds", "S", 0, MAX_TTL, " seconds")

_FLATTEN = (
    flag("flatten", "answer a hostname with the addresses that it resolves to"),
    flag("no_flatten", "answer a hostname with a CNAME record"),
)


def _policy(help_: str) -> Parameter[str]:
    text = f"the policy that decides when the group switches automatically{help_}"
    return Parameter("policy", text, values.configured_name_or_nothing, "POLICY")


def _sides(help_: str) -> tuple[Parameter[str], Parameter[str]]:
    parse = values.application_or_nothing
    return (
        Parameter("primary", f"the application on the primary side{help_}", parse, "APP"),
        Parameter("backup", f"the application on the backup side{help_}", parse, "APP"),
    )


def _switch(**given: Any) -> Command:
    if given.get("pre_ttl") is not None and given.get("at") is None:
        raise Rejected("invalid", "--pre-ttl is for a planned switch: give its time with --at")
    if given.get("wait_secondaries") is not None and given.get("at") is not None:
        raise Rejected("invalid", "--wait-secondaries is for a switch now, not for one with --at")
    return Switch(**given)


def _add_group(**given: Any) -> Command:
    return AddGroup(**_flatten(given))


def _set_group(**given: Any) -> Command:
    return SetGroup(**_flatten(given))


def _flatten(given: dict[str, Any]) -> dict[str, Any]:
    """Make one field of two flags."""
    yes, no = given.pop("flatten", None), given.pop("no_flatten", None)
    if yes and no:
        raise Rejected("invalid", "--flatten and --no-flatten: choose one")
    flatten = False if no else yes
    return given if flatten is None else given | {"flatten": flatten}


ROWS: Final = (
    CommandRow(
        "switch",
        "Switch groups to their other side, all of them or none.",
        (
            Parameter(
                "groups",
                "the groups to switch",
                values.group,
                "GROUP",
                position=True,
                required=True,
                repeated=True,
            ),
            TO,
            number(
                "if_revision",
                "refuse if one of the groups changed after this revision",
                "N",
                0,
                values.MAX_REVISION,
            ),
            override(_SWITCH_RULES),
            DRY_RUN,
            REASON,
            Parameter("at", "switch at this time (RFC 3339) instead of now", values.time, "TIME"),
            number(
                "pre_ttl",
                "with --at: the TTL before the switch; default: the policy's",
                "S",
                0,
                MAX_TTL,
                " seconds",
            ),
            number(
                "wait_secondaries",
                "reply when every secondary serves the new answer, or after S seconds",
                "S",
                1,
                MOST_WAIT,
                " seconds",
            ),
        ),
        _switch,
        'switch shop --to backup --reason "db maintenance"',
        role=Role.OPERATOR,
    ),
    CommandRow(
        "preflight",
        "Check whether a switch would succeed. It checks targets and the certificate.",
        (GROUP, TO),
        Preflight,
        role=Role.VIEWER,
        reads=True,
    ),
    CommandRow(
        "group add",
        "Create a failover group.",
        (
            named("its name", values.group),
            Parameter("zone", "the zone; optional if there is only one", values.zone, "Z"),
            Parameter(
                "label",
                "its label in the zone, or @ for the zone itself; default: nine random digits",
                values.label,
                "L",
            ),
            *_sides(""),
            _TTL,
            *_FLATTEN,
            _policy(""),
            Parameter(
                "active",
                "the side that it begins on; default: primary",
                values.side,
                "SIDE",
                choices=values.SIDES,
            ),
        ),
        _add_group,
        "group add shop --primary shop-eu --backup shop-us",
    ),
    CommandRow(
        "group set",
        "Change the applications, the TTL or the policy of a group.",
        (
            named("the group", values.group),
            *_sides('; "" detaches it'),
            _TTL,
            *_FLATTEN,
            _policy('; "" removes it'),
            override(f"{ACTIVE_SIDE}, {PreflightRule.TARGET_EMPTY}"),
            DRY_RUN,
            REASON,
        ),
        _set_group,
        'group set shop --backup ""',
    ),
    CommandRow(
        "group rename",
        "Rename a group; its hostname stays the same.",
        renamed(values.group),
        RenameGroup,
    ),
    CommandRow(
        "group remove",
        "Remove a group without applications, and retire its label.",
        (named("the group", values.group),),
        RemoveGroup,
    ),
    CommandRow("group list", "List groups.", (), ListGroups, role=Role.VIEWER, reads=True),
    CommandRow(
        "explain",
        "Explain what a group answers, why, and what would switch it.",
        (GROUP,),
        Explain,
        "explain shop",
        role=Role.VIEWER,
        reads=True,
    ),
    CommandRow(
        "rehearse",
        "Show what a switch would change, without switching.",
        (GROUP, TO, override("any rule")),
        Rehearse,
        "rehearse shop --to backup",
        role=Role.VIEWER,
        reads=True,
    ),
)
"""Every command about groups."""
