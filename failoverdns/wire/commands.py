"""The command table: every command of the control socket, for words, JSON and the command line.

One row a command; what a row says is all that the parsers, `--help` and the documentation know.
Refuses to know how a request is framed (`wire.requests`) and what a command does (`rules`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from failoverdns.model import commands
from failoverdns.model.change import Json
from failoverdns.model.commands import Command
from failoverdns.model.errors import Malformed, Rejected
from failoverdns.model.group import MAX_TTL
from failoverdns.wire import values

MAX_HISTORY = 10000
MAX_FAULTS = 10
"""Faults of one request that its refusal names."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument (`position` is true) or `--option` of a command.

    `name` is that of the JSON field and of the command value's field.
    """

    name: str
    help: str
    parse: values.Parse
    metavar: str = "TEXT"
    position: bool = False
    required: bool = False
    repeated: bool = False
    flag: bool = False
    integer: bool = False
    choices: tuple[str, ...] = ()

    @property
    def option(self) -> str:
        """The parameter as it is written on a command line."""
        return self.metavar if self.position else "--" + self.name.replace("_", "-")


@dataclass(frozen=True, slots=True)
class Row:
    """A command: its words, its parameters, and the value that it becomes."""

    words: str
    help: str
    parameters: tuple[Parameter, ...]
    build: Callable[..., Command]
    example: str = ""

    @property
    def arguments(self) -> tuple[Parameter, ...]:
        """The parameters that are given by position."""
        return tuple(p for p in self.parameters if p.position)

    @property
    def usage(self) -> str:
        """One line that shows how the command is written."""
        parts = [self.words]
        for parameter in self.parameters:
            text = parameter.option
            if not parameter.position and not parameter.flag:
                text += " " + ("|".join(parameter.choices) or parameter.metavar)
            text += " ..." if parameter.repeated else ""
            parts.append(text if parameter.required else f"[{text}]")
        return " ".join(parts)


def parse_command(name: str, fields: Mapping[str, Json]) -> Command:
    """Build the command called `name` from named values.

    Raises Rejected: `unknown-command`, or `invalid` with every fault of the fields.
    """
    row = find_row(name)
    known = {parameter.name: parameter for parameter in row.parameters}
    faults: list[str] = []
    arguments: dict[str, Any] = {}
    unknown = sorted(fields.keys() - known.keys())
    for key in unknown[:MAX_FAULTS]:
        faults.append(f"{shown(key)}: {row.words} takes no such field{did_you_mean(key, known)}")
    if len(unknown) > MAX_FAULTS:
        faults.append(f"and {len(unknown) - MAX_FAULTS} more fields that it does not take")
    for key, parameter in known.items():
        value = fields.get(key)
        if value is None:
            if parameter.required:
                faults.append(f"{parameter.option} is missing")
            continue
        try:
            arguments[key] = _parse(parameter, value)
        except Malformed as fault:
            faults.append(f"{parameter.option}: {fault}")
    if faults:
        text = "; ".join(faults)
        raise Rejected("invalid", f"{text} (usage: {row.usage})")
    return row.build(**arguments)


def find_row(name: str) -> Row:
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
    raise Rejected("unknown-command", f"no command {name[: values.MAX_TEXT]!r}{hint}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint at the one of `known` that looks like `word`, or an empty text."""
    near = get_close_matches(word[:100], list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def shown(word: str) -> str:
    """Return a word that somebody sent so that it can be part of a message."""
    return word[:100] if word.isprintable() else ascii(word[:100])


def _parse(parameter: Parameter, value: Json) -> Any:
    if not parameter.repeated:
        return parameter.parse(value)
    if not isinstance(value, list):
        raise Malformed(f"must be a list, not {values.kind(value)}")
    if parameter.required and not value:
        raise Malformed("must not be empty")
    return tuple(parameter.parse(item) for item in value)


_APPLICATION: Final = Parameter(
    "application",
    "the application",
    values.application,
    "APPLICATION",
    position=True,
    required=True,
)


def _named(help_: str, parse: values.Parse, name: str = "name", metavar: str = "NAME") -> Parameter:
    return Parameter(name, help_, parse, metavar, position=True, required=True)


def _renamed(parse: values.Parse) -> tuple[Parameter, Parameter]:
    return _named("its name", parse, "old", "OLD"), _named("its new name", parse, "new", "NEW")


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


def _override(rules: str) -> Parameter:
    help_ = f"a pre-flight rule that may fail: {rules}; repeat for more"
    return Parameter("override", help_, values.text, "RULE", repeated=True)


_ONE_GROUP = Parameter("group", "only this group", values.group, "GROUP", position=True)


def _sides(help_: str) -> tuple[Parameter, Parameter]:
    parse = values.application_or_nothing
    return (
        Parameter("primary", f"application on the primary side{help_}", parse, "APP"),
        Parameter("backup", f"application on the backup side{help_}", parse, "APP"),
    )


_ROWS: Final = (
    Row(
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
            Parameter(
                "to",
                "the side; without it, the other one",
                values.side,
                "SIDE",
                choices=values.SIDES,
            ),
            Parameter(
                "if_revision",
                "only if no named group changed after this revision",
                values.number(0, 2**63 - 1, ""),
                "N",
                integer=True,
            ),
            _override("no-application, target-empty"),
            Parameter(
                "dry_run", "say what would happen, and change nothing", values.flag, flag=True
            ),
            Parameter("reason", "why: kept in the history", values.text, "TEXT"),
        ),
        commands.Switch,
        'switch shop --to backup --reason "db maintenance"',
    ),
    Row("status", "Show everything that is served and why.", (_ONE_GROUP,), commands.Status),
    Row(
        "history",
        "Show what changed, who asked for it and when, newest first.",
        (
            _ONE_GROUP,
            Parameter(
                "limit",
                "at most so many changes",
                values.number(1, MAX_HISTORY, ""),
                "N",
                integer=True,
            ),
        ),
        commands.History,
    ),
    Row("watch", "Show one event a line until interrupted.", (), commands.Watch),
    Row(
        "records",
        "Print all that is served as zone-file text.",
        (Parameter("zone", "only this zone", values.zone, "Z"),),
        commands.Records,
    ),
    Row(
        "application add",
        "Create an application without heads.",
        (
            _named("its name: one DNS label", values.application),
            Parameter(
                "hostname_template", "hostname of heads that have no address", values.text, "T"
            ),
        ),
        commands.AddApplication,
        "application add shop-eu --hostname-template '{head}.{application}.internal.example'",
    ),
    Row(
        "application rename",
        "Rename an application; groups follow it.",
        _renamed(values.application),
        commands.RenameApplication,
    ),
    Row(
        "application remove",
        "Remove an application that is in no group.",
        (_named("its name", values.application),),
        commands.RemoveApplication,
    ),
    Row("application list", "List the applications.", (), commands.ListApplications),
    Row(
        "head add",
        "Add a load balancer, which becomes active at once, or a web server.",
        (
            _APPLICATION,
            _named("the head's name: one DNS label", values.head),
            Parameter(
                "role", "what the head is", values.role, "ROLE", required=True, choices=values.ROLES
            ),
            _ADDRESSES,
            _HOSTNAME,
            Parameter(
                "standby", "do not make this load balancer the active one", values.flag, flag=True
            ),
        ),
        commands.AddHead,
        "head add shop-eu lb1 --role load-balancer --address 192.0.2.10",
    ),
    Row(
        "head set",
        "Give a head other addresses or another hostname.",
        (_APPLICATION, _named("the head", values.head), _ADDRESSES, _HOSTNAME),
        commands.SetHead,
        "head set shop-eu lb1 --address 192.0.2.11 --address 2001:db8::11",
    ),
    Row(
        "head rename", "Rename a head.", (_APPLICATION, *_renamed(values.head)), commands.RenameHead
    ),
    Row(
        "head activate",
        "Choose the active load balancer.",
        (_APPLICATION, _named("the load balancer", values.head)),
        commands.ActivateHead,
    ),
    Row(
        "head remove",
        "Remove a head.",
        (_APPLICATION, _named("the head", values.head)),
        commands.RemoveHead,
    ),
    Row(
        "group add",
        "Create a failover group.",
        (
            _named("its name", values.group),
            Parameter("zone", "the zone; may be left out if there is one", values.zone, "Z"),
            Parameter(
                "label", "its label in the zone; nine random digits if left out", values.label, "L"
            ),
            *_sides(""),
            _TTL,
        ),
        commands.AddGroup,
        "group add shop --primary shop-eu --backup shop-us",
    ),
    Row(
        "group set",
        "Attach or detach applications, or set the TTL.",
        (
            _named("the group", values.group),
            *_sides('; "" detaches'),
            _TTL,
            _override("active-side"),
        ),
        commands.SetGroup,
        'group set shop --backup ""',
    ),
    Row(
        "group rename",
        "Rename a group; its hostname stays.",
        _renamed(values.group),
        commands.RenameGroup,
    ),
    Row(
        "group remove",
        "Remove a group without applications; its label is retired.",
        (_named("the group", values.group),),
        commands.RemoveGroup,
    ),
    Row("group list", "List the groups.", (), commands.ListGroups),
)

ROWS: Final = {row.words: row for row in _ROWS}
"""Every command by its words."""
