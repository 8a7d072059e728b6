"""The command table: every command of the control socket, for words, JSON and the command line.

One row a command; what a row says is all that the parsers, `--help` and the documentation know.
Refuses to know how a request is framed (`control.language.requests`) and what a command does
(`rules`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from failoverdns.control.language import values
from failoverdns.control.language.automation_commands import AUTOMATION_ROWS
from failoverdns.control.language.certificate_commands import CERTIFICATE_ROWS
from failoverdns.control.language.history_commands import HISTORY_ROW
from failoverdns.control.language.parameters import (
    APPLICATION,
    ONE_GROUP,
    REASON,
    TO,
    named,
    override,
)
from failoverdns.control.language.rows import CommandRow, Parameter, build, did_you_mean
from failoverdns.model.change import Json
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
    SetHead,
)
from failoverdns.model.commands.groups import (
    AddGroup,
    ListGroups,
    Preflight,
    RemoveGroup,
    RenameGroup,
    SetGroup,
    Switch,
)
from failoverdns.model.commands.server import (
    ExportRecords,
    QueryLogOff,
    QueryLogOn,
    QueryLogStatus,
    Status,
    Watch,
)
from failoverdns.model.errors import Rejected
from failoverdns.model.group import MAX_TTL

MAX_SAMPLE = 1_000_000


def parse_command(name: str, fields: Mapping[str, Json]) -> Command:
    """Build the command called `name` from named values.

    Raises Rejected: `unknown-command`, or `invalid` with every fault of the fields.
    """
    return build(find_row(name), fields)


def find_row(name: str) -> CommandRow:
    """Return the row of a command by its words; Rejected `unknown-command` if there is none."""
    row = ROWS.get(name)
    if row is not None:
        return row
    known = [words for words in ROWS if words.startswith(name.split(" ")[0] + " ")]
    if known:
        hint = "; there is " + ", ".join(map(repr, known))
    else:
        others = ", ".join(sorted({words.split(" ")[0] for words in ROWS}))
        hint = did_you_mean(name, ROWS) or f"; there is {others}"
    called = f"no command {name!r}" if _COMMAND_LIKE.fullmatch(name) else "no such command"
    raise Rejected("unknown-command", f"{called}{hint}")


_COMMAND_LIKE = re.compile(r"[A-Za-z][A-Za-z -]{0,39}", re.ASCII)
"""What is worth repeating: a line of a key that was sent by mistake is not."""


def _renamed(parse: values.Parse) -> tuple[Parameter, Parameter]:
    return named("its name", parse, "old", "OLD"), named("its new name", parse, "new", "NEW")


_ADDRESSES = Parameter(
    "address", "an IPv4 or IPv6 address; repeat for more", values.address, "A", repeated=True
)
_HOSTNAME = Parameter(
    "hostname", "a hostname, or a template with {head}, {application}", values.text, "H"
)
_TTL = Parameter(
    "ttl",
    "seconds that resolvers may keep answers",
    values.number(0, MAX_TTL, " seconds"),
    "S",
    integer=True,
)


_SWITCH_RULES = (
    "no-application, target-empty, target-down, certificate-names, certificate-expired, "
    "before-switch, or a safety rule of the configuration"
)


_FLATTEN = (
    Parameter(
        "flatten", "answer a hostname as the addresses that it resolves to", values.flag, flag=True
    ),
    Parameter("no_flatten", "answer a hostname as CNAME", values.flag, flag=True),
)


def _flatten(given: dict[str, Any]) -> dict[str, Any]:
    """Make one field of two flags."""
    yes, no = given.pop("flatten", None), given.pop("no_flatten", None)
    if yes and no:
        raise Rejected("invalid", "--flatten and --no-flatten: choose one")
    flatten = False if no else yes
    return given if flatten is None else given | {"flatten": flatten}


def _switch(**given: Any) -> Command:
    if given.get("pre_ttl") is not None and given.get("at") is None:
        raise Rejected("invalid", "--pre-ttl is for a planned switch: say when with --at")
    return Switch(**given)


def _add_group(**given: Any) -> Command:
    return AddGroup(**_flatten(given))


def _set_group(**given: Any) -> Command:
    return SetGroup(**_flatten(given))


def _policy(help_: str) -> Parameter:
    text = f"the policy that says when it may switch by itself{help_}"
    return Parameter("policy", text, values.configured_name_or_nothing, "POLICY")


def _sides(help_: str) -> tuple[Parameter, Parameter]:
    parse = values.application_or_nothing
    return (
        Parameter("primary", f"application on the primary side{help_}", parse, "APP"),
        Parameter("backup", f"application on the backup side{help_}", parse, "APP"),
    )


_ROWS: Final = (
    CommandRow(
        "switch",
        "Make the other side of groups active: all of them or none.",
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
            Parameter(
                "if_revision",
                "only if no named group changed after this revision",
                values.number(0, 2**63 - 1, ""),
                "N",
                integer=True,
            ),
            override(_SWITCH_RULES),
            Parameter(
                "dry_run", "say what would happen, and change nothing", values.flag, flag=True
            ),
            REASON,
            Parameter("at", "not now, but at this time (RFC 3339)", values.time, "TIME"),
            Parameter(
                "pre_ttl",
                "with --at: the TTL before the switch; the policy says, if left out",
                values.number(0, MAX_TTL, " seconds"),
                "S",
                integer=True,
            ),
        ),
        _switch,
        'switch shop --to backup --reason "db maintenance"',
    ),
    CommandRow(
        "preflight",
        "Check whether a switch would go well: targets and certificate of the other side.",
        (
            named("the group", values.group, "group", "GROUP"),
            TO,
        ),
        Preflight,
    ),
    CommandRow("status", "Show everything that is served and why.", (ONE_GROUP,), Status),
    HISTORY_ROW,
    CommandRow("watch", "Show one event a line until interrupted.", (), Watch),
    CommandRow(
        "records",
        "Print all that is served as zone-file text.",
        (Parameter("zone", "only this zone", values.zone, "Z"),),
        ExportRecords,
    ),
    CommandRow(
        "application add",
        "Create an application without heads.",
        (
            named("its name: one DNS label", values.application),
            Parameter(
                "hostname_template", "hostname of heads that have no address", values.text, "T"
            ),
        ),
        AddApplication,
        "application add shop-eu --hostname-template '{head}.{application}.internal.example'",
    ),
    CommandRow(
        "application rename",
        "Rename an application; groups follow it.",
        _renamed(values.application),
        RenameApplication,
    ),
    CommandRow(
        "application remove",
        "Remove an application that is in no group.",
        (named("its name", values.application),),
        RemoveApplication,
    ),
    CommandRow("application list", "List the applications.", (), ListApplications),
    CommandRow(
        "head add",
        "Add a load balancer, which becomes active at once, or a web server.",
        (
            APPLICATION,
            named("the head's name: one DNS label", values.head),
            Parameter(
                "role", "what the head is", values.role, "ROLE", required=True, choices=values.ROLES
            ),
            _ADDRESSES,
            _HOSTNAME,
            Parameter(
                "standby", "do not make this load balancer the active one", values.flag, flag=True
            ),
        ),
        AddHead,
        "head add shop-eu lb1 --role load-balancer --address 192.0.2.10",
    ),
    CommandRow(
        "head set",
        "Give a head other addresses or another hostname.",
        (APPLICATION, named("the head", values.head), _ADDRESSES, _HOSTNAME),
        SetHead,
        "head set shop-eu lb1 --address 192.0.2.11 --address 2001:db8::11",
    ),
    CommandRow("head rename", "Rename a head.", (APPLICATION, *_renamed(values.head)), RenameHead),
    CommandRow(
        "head activate",
        "Choose the active load balancer.",
        (APPLICATION, named("the load balancer", values.head)),
        ActivateHead,
    ),
    CommandRow(
        "head remove",
        "Remove a head.",
        (APPLICATION, named("the head", values.head)),
        RemoveHead,
    ),
    CommandRow(
        "group add",
        "Create a failover group.",
        (
            named("its name", values.group),
            Parameter("zone", "the zone; may be left out if there is one", values.zone, "Z"),
            Parameter(
                "label", "its label in the zone; nine random digits if left out", values.label, "L"
            ),
            *_sides(""),
            _TTL,
            *_FLATTEN,
            _policy(""),
        ),
        _add_group,
        "group add shop --primary shop-eu --backup shop-us",
    ),
    CommandRow(
        "group set",
        "Attach or detach applications, set the TTL or the policy, or flatten.",
        (
            named("the group", values.group),
            *_sides('; "" detaches'),
            _TTL,
            *_FLATTEN,
            _policy('; "" takes it away'),
            override("active-side"),
        ),
        _set_group,
        'group set shop --backup ""',
    ),
    CommandRow(
        "group rename",
        "Rename a group; its hostname stays.",
        _renamed(values.group),
        RenameGroup,
    ),
    CommandRow(
        "group remove",
        "Remove a group without applications; its label is retired.",
        (named("the group", values.group),),
        RemoveGroup,
    ),
    CommandRow("group list", "List the groups.", (), ListGroups),
    *AUTOMATION_ROWS,
    *CERTIFICATE_ROWS,
    CommandRow(
        "querylog on",
        "Log queries to the file of the configuration, as lines of JSON.",
        (
            Parameter(
                "sample",
                "only every N-th query",
                values.number(1, MAX_SAMPLE, ""),
                "N",
                integer=True,
            ),
        ),
        QueryLogOn,
        "querylog on --sample 100",
    ),
    CommandRow("querylog off", "Stop logging queries.", (), QueryLogOff),
    CommandRow("querylog status", "Tell whether queries are logged.", (), QueryLogStatus),
)

ROWS: Final = {row.words: row for row in _ROWS}
"""Every command by its words."""
