"""Subcommands of the command line, built from the rows of the command table."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

import click

from failoverdns.cli.client import default_socket
from failoverdns.cli.sending import Options, send
from failoverdns.control.language.rows import CommandRow, JsonType, Parameter
from failoverdns.control.language.values import MAX_PEM

JSON_HELP = "Print the server's reply as JSON, unchanged."

_WAITS = {
    "certificate request": ("--wait", "Wait until it is issued, and show progress."),
    "switch": (
        "--wait-drained",
        "Wait until all clients that honour the TTL have left the old side.",
    ),
}
"""Options to wait for work that the server does in any case."""

DEFAULT_TIMEOUT = 30.0
"""Seconds that the command line waits for a reply."""

LONG_TIMEOUT = 300.0
"""The same for a command that takes long by nature."""

_LONG_OPTIONS = {"restart": None, "history": "verify"}
"""Commands that take long by nature, always or with an option."""

_NOUNS = {
    "application": "Applications: add, change, remove.",
    "head": "Heads: add, change, remove.",
    "group": "Failover groups: add, change, remove.",
    "record": "Records in the state: add, remove, list.",
    "zone": "Zones: their serial numbers, and their secondaries.",
    "secondary": "Secondaries: other name servers that transfer zones.",
    "certificate": "Certificates: install, request, show, remove.",
    "token": "Tokens for the HTTP API: add, list, remove.",
    "querylog": "The query log: on, off, status.",
    "plan": "Planned switches: list, cancel. Plan one with `switch --at`.",
    "automation": "Automatic switching of all groups: freeze, thaw.",
    "flag": "Flags that safety rules require: on, off, list.",
    "health": "Health of applications and heads: show, force, report.",
}
"""Help for the first words of commands that have two."""


class TableGroup(click.Group):
    """A group that lists its commands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(self.commands)


def add_row_commands(cli: click.Group, rows: Iterable[CommandRow]) -> None:
    """Add a subcommand for each row; rows with two words become subcommands of a group."""
    groups: dict[str, click.Group] = {}
    for row in rows:
        noun, _, verb = row.words.partition(" ")
        if not verb:
            cli.add_command(_command(row))
            continue
        if noun not in groups:
            groups[noun] = TableGroup(noun, help=_NOUNS[noun])
            cli.add_command(groups[noun])
        groups[noun].add_command(_command(row))


def timeout_of(words: str, fields: Mapping[str, Any]) -> float:
    """Return how many seconds to wait for the reply to a command, unless the user says it."""
    if words == "switch":
        return DEFAULT_TIMEOUT + float(fields.get("wait_secondaries", 0))
    if words not in _LONG_OPTIONS:
        return DEFAULT_TIMEOUT
    option = _LONG_OPTIONS[words]
    return LONG_TIMEOUT if option is None or fields.get(option) else DEFAULT_TIMEOUT


def _command(row: CommandRow) -> click.Command:
    def run(as_json: bool, wait: bool = False, **values: Any) -> None:
        settings = click.get_current_context().find_root().obj
        fields = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value is not None and value is not False and value != ()
        }
        options = Options(
            socket=settings["socket"] or default_socket(),
            timeout=settings["timeout"] or timeout_of(row.words, fields),
            as_json=as_json or settings["json"],
            wait=wait,
        )
        sys.exit(send(row, fields, options))

    parameters = [_click_parameter(parameter) for parameter in row.parameters]
    if row.words in _WAITS:
        option, text = _WAITS[row.words]
        parameters.append(click.Option([option, "wait"], is_flag=True, help=text))
    parameters.append(click.Option(["--json", "as_json"], is_flag=True, help=JSON_HELP))
    epilog = f"Needs the role {row.role.value}."
    if row.example:
        epilog += f"\n\nExample: failoverdns {row.example}"
    name = row.words.split(" ")[-1]
    return click.Command(name, params=parameters, callback=run, help=row.help, epilog=epilog)


def _click_parameter(parameter: Parameter[Any]) -> click.Parameter:
    if parameter.position:
        name = f"{parameter.metavar} ..." if parameter.repeated else parameter.metavar
        return click.Argument(
            [parameter.name],
            metavar=name if parameter.required else f"[{name}]",
            required=parameter.required,
            nargs=-1 if parameter.repeated else 1,
        )
    kind: Any = None
    if parameter.choices:
        kind = click.Choice(parameter.choices)
    elif parameter.type is JsonType.INTEGER:
        kind = int
    return click.Option(
        [parameter.option, parameter.name],
        type=kind,
        help=parameter.help[0].upper() + parameter.help[1:] + ".",
        metavar=None if parameter.is_flag or parameter.choices else parameter.metavar,
        # With False, click takes the option without a value, as if it were not there.
        is_flag=parameter.is_flag or None,
        multiple=parameter.repeated,
        required=parameter.required,
        callback=_read_file if parameter.file else None,
    )


def _read_file(ctx: click.Context, param: click.Parameter, value: Any) -> str:
    """Return the text of the file called `value`, so that the server needs no access to it."""
    try:
        with click.open_file(value, "rb") as file:
            data: bytes = file.read(MAX_PEM + 1)
    except OSError as fault:
        raise click.BadParameter(f"{value}: {fault.strerror}", ctx, param) from None
    return data.decode("utf-8", "replace")
