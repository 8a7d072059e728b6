"""The command table: applications and their heads."""

from __future__ import annotations

from typing import Any, Final

from failoverdns.control.language import values
from failoverdns.control.language.parameters import (
    APPLICATION,
    DRY_RUN,
    REASON,
    flag,
    named,
    override,
    renamed,
)
from failoverdns.control.language.rows import CommandRow, Parameter
from failoverdns.model.commands import Command
from failoverdns.model.commands.applications import (
    ActivateHead,
    AddApplication,
    AddHead,
    ListApplications,
    RemoveApplication,
    RemoveHead,
    RenameApplication,
    RenameHead,
    SetApplication,
    SetHead,
)
from failoverdns.model.errors import Rejected
from failoverdns.model.roles import Role
from failoverdns.model.rule_names import PreflightRule

_ADDRESSES = Parameter(
    "address", "an IPv4 or IPv6 address; can be repeated", values.address, "A", repeated=True
)
_HOSTNAME = Parameter(
    "hostname", "a hostname, or a template with {head} and {application}", values.text, "H"
)


def _template(help_: str) -> Parameter[str]:
    text = "the hostname of heads without an address; may contain {head} and {application}"
    return Parameter("hostname_template", text + help_, values.text, "T")


def _set_application(**given: Any) -> Command:
    if given.pop("no_checks", None):
        if given.get("check"):
            raise Rejected("invalid", "--check and --no-checks: choose one")
        given["check"] = ()
    return SetApplication(**given)


ROWS: Final = (
    CommandRow(
        "application add",
        "Create an application. It has no heads yet.",
        (
            named("its name, one DNS label", values.application),
            _template(""),
        ),
        AddApplication,
        "application add shop-eu --hostname-template '{head}.{application}.internal.example'",
    ),
    CommandRow(
        "application rename",
        "Rename an application. Its groups and hostname templates follow.",
        renamed(values.application),
        RenameApplication,
    ),
    CommandRow(
        "application remove",
        "Remove an application that no group uses.",
        (named("its name", values.application),),
        RemoveApplication,
    ),
    CommandRow(
        "application list", "List applications.", (), ListApplications, role=Role.VIEWER, reads=True
    ),
    CommandRow(
        "application set",
        "Set the checks and the hostname template of an application.",
        (
            named("the application", values.application),
            Parameter(
                "check",
                "a check from the configuration; can be repeated",
                values.configured_name,
                "CHECK",
                repeated=True,
            ),
            flag("no_checks", "remove all checks"),
            Parameter(
                "require_checks",
                "how many checks a head must pass to be up: any, all or a number; initially all",
                values.quorum,
                "N",
            ),
            Parameter(
                "require_heads",
                "how many web heads must be up: any, all or a number; initially any",
                values.quorum,
                "N",
            ),
            _template('; "" removes it'),
        ),
        _set_application,
        "application set shop-eu --check web",
    ),
    CommandRow(
        "head add",
        "Add a load balancer or a web server. A load balancer becomes active at once.",
        (
            APPLICATION,
            named("the head's name, one DNS label", values.head),
            Parameter(
                "role", "the head's role", values.role, "ROLE", required=True, choices=values.ROLES
            ),
            _ADDRESSES,
            _HOSTNAME,
            flag("standby", "do not make this load balancer the active one"),
        ),
        AddHead,
        "head add shop-eu lb1 --role load-balancer --address 192.0.2.10",
    ),
    CommandRow(
        "head set",
        "Replace the addresses or the hostname of a head.",
        (APPLICATION, named("the head", values.head), _ADDRESSES, _HOSTNAME),
        SetHead,
        "head set shop-eu lb1 --address 192.0.2.11 --address 2001:db8::11",
    ),
    CommandRow("head rename", "Rename a head.", (APPLICATION, *renamed(values.head)), RenameHead),
    CommandRow(
        "head activate",
        "Make a load balancer the active one.",
        (APPLICATION, named("the load balancer", values.head)),
        ActivateHead,
    ),
    CommandRow(
        "head remove",
        "Remove a head.",
        (
            APPLICATION,
            named("the head", values.head),
            override(f"{PreflightRule.TARGET_EMPTY}, for the last web head"),
            DRY_RUN,
            REASON,
        ),
        RemoveHead,
        "head remove shop-eu lb1",
    ),
)
"""Every command about applications and heads."""
