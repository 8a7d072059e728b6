"""The command line: the commands of the command table, and what runs without a server."""

from __future__ import annotations

import gc
import resource
import sys
from contextlib import suppress
from pathlib import Path

import click

from failoverdns import __version__
from failoverdns.cli.client import DEFAULT_SOCKET, SOCKET_VARIABLE
from failoverdns.cli.importing import NOT_ALL, import_group
from failoverdns.cli.row_commands import (
    DEFAULT_TIMEOUT,
    JSON_HELP,
    LONG_TIMEOUT,
    TableGroup,
    add_row_commands,
)
from failoverdns.cli.sending import REFUSED
from failoverdns.cli.tsig_key import tsig_key
from failoverdns.control.language.commands import ROWS


@click.group(
    cls=TableGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "Exit status: 0 done, 1 refused or failed, 2 usage, 3 no server to talk to, "
        f"4 outcome unknown, {NOT_ALL} import only: something was not taken."
    ),
)
@click.option(
    "--socket",
    metavar="PATH",
    help=f"Path of the control socket; default: ${SOCKET_VARIABLE}, else {DEFAULT_SOCKET}.",
)
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.001),
    metavar="S",
    help=f"Seconds to wait for the reply; default: {DEFAULT_TIMEOUT:g}, for restart "
    f"and history --verify {LONG_TIMEOUT:g}.",
)
@click.pass_context
def cli(ctx: click.Context, socket: str | None, as_json: bool, timeout: float | None) -> None:
    """Authoritative DNS server with failover: run it, and control it."""
    ctx.obj = {"socket": socket, "json": as_json, "timeout": timeout}


def main() -> None:
    """Run the command line; never returns."""
    _name_process()
    _leave_no_core()
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
@click.option(
    "--trial",
    is_flag=True,
    help="Only check whether this version can serve the configuration and the state.",
)
def serve(file: Path, trial: bool) -> None:
    """Run the server in the foreground; log to standard error.

    SIGTERM and SIGINT stop it cleanly, SIGHUP reloads the configuration, SIGUSR2 replaces the
    running server by the installed version without losing an answer.
    """
    gc.disable()  # what is imported stays: to look for garbage in it takes a tenth of a start
    from failoverdns.cli.serving import serve_forever, try_to_serve

    gc.freeze()
    gc.enable()
    sys.exit(try_to_serve(file) if trial else serve_forever(file))


@cli.command("check-config")
@click.argument(
    "files", metavar="FILE...", type=click.Path(path_type=Path), nargs=-1, required=True
)
def check_config(files: tuple[Path, ...]) -> None:
    """Check configuration files; print one line for each error.

    Warnings are printed too, and alone are no failure. The file `-` is standard input, with paths
    relative to the current folder.
    """
    from failoverdns.config import ConfigErrors, load_config

    refused = False
    for file in files:
        try:
            data = sys.stdin.buffer.read() if str(file) == "-" else None
            lines = load_config(file, data).warnings
        except ConfigErrors as faults:
            lines, refused = faults.lines, True
        for line in lines:
            click.echo(line)
    sys.exit(REFUSED if refused else 0)


@cli.command()
def version() -> None:
    """Print the version, Python's version and the fast path in use."""
    from failoverdns.protocol.table.fast_path import NotCompiled, fast_path

    python = ".".join(map(str, sys.version_info[:3]))
    try:
        click.echo(f"failoverdns {__version__}, Python {python}, fast path: {fast_path()}")
    except NotCompiled as fault:
        raise click.ClickException(str(fault)) from None


def _name_process() -> None:
    """Name this process `failoverdns`, as the history of the server shows it.

    In a virtual environment whose path has a space, pip's launcher leaves the name `python3`.
    """
    with suppress(OSError):
        Path("/proc/self/comm").write_text("failoverdns")


def _leave_no_core() -> None:
    """Write no core file: some commands have a private key in memory."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


cli.add_command(tsig_key)
cli.add_command(import_group)
add_row_commands(cli, ROWS.values())
