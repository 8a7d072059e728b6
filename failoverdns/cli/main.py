"""The command line: built from the command table, plus what runs without a server.

Knows options, exit statuses and where output goes.
Refuses to know what a reply says (`cli.rendering`).

| exit status | meaning                                               |
|-------------|-------------------------------------------------------|
| 0           | done                                                  |
| 1           | the server refused it, or failed; a preflight did not |
|             | pass                                                  |
| 2           | usage                                                 |
| 3           | no server to talk to                                  |
| 4           | outcome unknown: asked, no answer in time             |
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from failoverdns import __version__
from failoverdns.cli.client import (
    DEFAULT_SOCKET,
    SOCKET_VARIABLE,
    NoReply,
    NoServer,
    default_socket,
    parse,
    request,
)
from failoverdns.control.language.commands import ROWS
from failoverdns.control.language.rows import CommandRow, JsonType, Parameter
from failoverdns.control.language.values import MAX_PEM
from failoverdns.model.change import Json

REFUSED, NO_SERVER, UNKNOWN = 1, 3, 4
DEFAULT_TIMEOUT = 30.0
JSON_HELP = "Print the server's reply as it came."

MAX_WAIT = 900.0
POLL = 0.5
"""Seconds that `--wait` waits, and between two looks."""

_WAITS = {
    "certificate request": ("--wait", "Wait until it is issued, and say how it goes."),
    "switch": (
        "--wait-drained",
        "Wait until the last client that honours the TTL has left the old side.",
    ),
}
"""What the command line can wait for that the server does in any case."""


class TableGroup(click.Group):
    """A group that lists its commands in the order in which they were made."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(self.commands)


@click.group(
    cls=TableGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "Exit status: 0 done, 1 refused or failed, 2 usage, 3 no server to talk to, "
        "4 outcome unknown."
    ),
)
@click.option(
    "--socket",
    metavar="PATH",
    help=f"The control socket; else ${SOCKET_VARIABLE}, else {DEFAULT_SOCKET}.",
)
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.001),
    default=DEFAULT_TIMEOUT,
    metavar="S",
    help=f"Seconds to wait for the reply ({DEFAULT_TIMEOUT:g}).",
)
@click.pass_context
def cli(ctx: click.Context, socket: str | None, as_json: bool, timeout: float) -> None:
    """Authoritative DNS whose names follow your traffic: serve, and control the server."""
    ctx.obj = {"socket": socket, "json": as_json, "timeout": timeout}


def main() -> None:
    """Run the command line; never returns."""
    cli(prog_name="failoverdns")


@cli.command()
@click.option(
    "--config",
    "file",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The configuration (see check-config).",
)
def serve(file: Path) -> None:
    """Run the server in the foreground; log to standard error.

    SIGTERM and SIGINT stop it cleanly, SIGHUP reloads the configuration.
    """
    from failoverdns.cli.serving import serve_forever

    sys.exit(serve_forever(file))


@cli.command("check-config")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
def check_config(file: Path) -> None:
    """Check a configuration: nothing, or one line an error."""
    from failoverdns.config import ConfigErrors, load_config

    try:
        load_config(file)
    except ConfigErrors as faults:
        for error in faults.errors:
            click.echo(str(error))
        sys.exit(REFUSED)


@cli.command()
def version() -> None:
    """Print the version, Python's, and which fast path is in use."""
    from failoverdns.protocol.table.fast_path import NotCompiled, fast_path

    python = ".".join(map(str, sys.version_info[:3]))
    try:
        click.echo(f"failoverdns {__version__}, Python {python}, fast path: {fast_path()}")
    except NotCompiled as fault:
        raise click.ClickException(str(fault)) from None


def _send(
    ctx: click.Context, row: CommandRow, fields: dict[str, Json], *, as_json: bool, wait: bool
) -> None:
    """Send a command, print what comes back, and exit with its status."""
    settings = ctx.find_root().obj
    path = settings["socket"] or default_socket()
    as_json = as_json or settings["json"]
    more: dict[str, Json] | None = {"command": row.words, **fields}
    try:
        while more is not None:
            with request(path, more, settings["timeout"]) as lines:
                line = next(lines)
                reply = parse(line)
                if wait and reply.get("ok") and row.words != "switch":
                    sys.exit(_wait(path, settings["timeout"], reply["result"], as_json=as_json))
                status = _print_reply(row, line, reply, lines, as_json=as_json)
            more = _rest(more, reply)
        if wait and reply.get("ok"):
            _wait_until_drained(reply["result"])
        sys.exit(status)
    except NoServer as fault:
        click.echo(str(fault), err=True)
        sys.exit(NO_SERVER)
    except NoReply as fault:
        click.echo(f"outcome unknown: {fault}. Look with `failoverdns history`", err=True)
        sys.exit(UNKNOWN)
    except KeyboardInterrupt:
        sys.exit(130)


def _print_reply(
    row: CommandRow, line: str, reply: dict[str, Any], events: Iterator[str], *, as_json: bool
) -> int:
    """Print a reply; for `watch`, the events that follow it too."""
    from failoverdns.cli import rendering

    if as_json:
        click.echo(line, nl=False)
    elif not reply.get("ok"):
        click.echo(rendering.refusal(reply), err=True)
    else:
        rendering.show(row.words, reply)
    if not reply.get("ok"):
        unknown = reply.get("error", {}).get("code") == "unknown-outcome"
        return UNKNOWN if unknown else REFUSED
    if row.words == "preflight" and not reply["result"]["passed"]:
        return REFUSED
    if row.words == "watch":
        for event in events:
            click.echo(event if as_json else rendering.event(parse(event)), nl=not as_json)
            sys.stdout.flush()
    return 0


def _wait_until_drained(result: dict[str, Any]) -> None:
    """Wait until no client that honours the TTL has an old answer; tell it on standard error."""
    from failoverdns.cli import waiting

    for text in waiting.until_drained(result, time.time, time.sleep):
        click.echo(text, err=True)


def _rest(fields: dict[str, Json], reply: dict[str, Any]) -> dict[str, Json] | None:
    """Return the request for the rest of an export, if the reply is not the last piece of one."""
    result = reply.get("result") or {}
    if not result.get("more"):
        return None
    return {**fields, "since": result["export"][-1]["revision"]}


def _wait(path: str, timeout: float, requested: dict[str, Any], *, as_json: bool) -> int:
    """Wait until what was requested is issued; tell how it goes on standard error."""
    from failoverdns.cli import rendering, waiting

    application = requested["application"]
    fields: dict[str, Json] = {"command": "certificate show", "application": application}
    until = time.monotonic() + MAX_WAIT
    line = ""

    def show() -> dict[str, Any]:
        nonlocal line
        with request(path, fields, timeout) as lines:
            line = next(lines)
        reply = parse(line)
        if not reply.get("ok"):
            raise waiting.NotIssued(rendering.refusal(reply))
        result: dict[str, Any] = reply["result"]
        return result

    def pause() -> bool:
        time.sleep(POLL)
        return time.monotonic() < until

    try:
        for report in waiting.until_issued(requested, show, pause):
            if "order" in report:
                click.echo(f"{application}: {report['order']['state']} ...", err=True)
            elif as_json:
                click.echo(line, nl=False)
            else:
                rendering.show("certificate show", {"result": report})
    except waiting.NotIssued as fault:
        click.echo(f"{application}: {fault}", err=True)
        return REFUSED
    return 0


def _command(row: CommandRow) -> click.Command:
    """Make a click command of a row of the command table."""

    def run(as_json: bool, wait: bool = False, **values: Any) -> None:
        ctx = click.get_current_context()
        fields = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value is not None and value is not False and value != ()
        }
        _send(ctx, row, fields, as_json=as_json, wait=wait)

    parameters = [_click_parameter(parameter) for parameter in row.parameters]
    if row.words in _WAITS:
        option, text = _WAITS[row.words]
        parameters.append(click.Option([option, "wait"], is_flag=True, help=text))
    parameters.append(click.Option(["--json", "as_json"], is_flag=True, help=JSON_HELP))
    epilog = f"Example: failoverdns {row.example}" if row.example else None
    name = row.words.split(" ")[-1]
    return click.Command(name, params=parameters, callback=run, help=row.help, epilog=epilog)


def _click_parameter(parameter: Parameter[Any]) -> click.Parameter:
    if parameter.position:
        return click.Argument(
            [parameter.name],
            metavar=f"{parameter.metavar} ..." if parameter.repeated else parameter.metavar,
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
        is_flag=parameter.is_flag,
        multiple=parameter.repeated,
        required=parameter.required,
        callback=_read_file if parameter.file else None,
    )


_NOUNS = {
    "application": "Applications: add, change, remove.",
    "head": "Heads: add, change, remove.",
    "group": "Failover groups: add, change, remove.",
    "certificate": "Certificates: install, request, show, remove.",
    "querylog": "The query log: on, off, status.",
    "plan": "Planned switches: list, cancel; `switch --at` makes them.",
    "automation": "Automatic switching, of all groups: freeze, thaw.",
    "flag": "Flags that gates of the configuration ask for: on, off, list.",
    "health": "Health of applications and heads: show, force, report.",
}


def _read_file(ctx: click.Context, param: click.Parameter, value: Any) -> str:
    """Return the text of the file called `value`, so that the server needs no access to it."""
    try:
        with click.open_file(value, "rb") as file:
            data: bytes = file.read(MAX_PEM + 1)
    except OSError as fault:
        raise click.BadParameter(f"{value}: {fault.strerror}", ctx, param) from None
    return data.decode("utf-8", "replace")


def _add_commands() -> None:
    groups: dict[str, click.Group] = {}
    for row in ROWS.values():
        noun, _, verb = row.words.partition(" ")
        if not verb:
            cli.add_command(_command(row))
            continue
        if noun not in groups:
            groups[noun] = TableGroup(noun, help=_NOUNS[noun])
            cli.add_command(groups[noun])
        groups[noun].add_command(_command(row))


_add_commands()
