"""`failoverdns import`: print, or write, what another name server's data becomes here.

It needs no server and changes nothing but the folder of `--output`.

| exit status | meaning                                                |
|-------------|--------------------------------------------------------|
| 0           | everything was taken                                   |
| 1           | the source could not be read, or the output not written |
| 7           | something was not taken; it is listed                  |
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from failoverdns.cli.row_commands import TableGroup
from failoverdns.cli.sending import DONE, REFUSED

NOT_ALL: Final = 7
"""The exit status if something was not taken."""

_EPILOG: Final = (
    f"Exit status: {DONE} everything was taken, {REFUSED} failed, 2 usage, "
    f"{NOT_ALL} something was not taken. docs/migrating.md explains what becomes what."
)


@click.group("import", cls=TableGroup, epilog=_EPILOG)
def import_group() -> None:
    """Import zones of Route 53, gdnsd or BIND."""


_JSON_HELP: Final = "Print the result as one line of JSON."

_ZONE = click.option("--zone", metavar="NAME", help="The zone, where the source does not name it.")


def _common(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that every importer has."""
    function = click.option("--json", "as_json", is_flag=True, help=_JSON_HELP)(function)
    return click.option(
        "-o",
        "--output",
        metavar="FOLDER",
        type=click.Path(path_type=Path),
        help="Write failoverdns.yaml, zone files and commands.sh into this folder.",
    )(function)


@import_group.command("route53", epilog=_EPILOG)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@_ZONE
@click.option(
    "--health-checks",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The output of `aws route53 list-health-checks`.",
)
@_common
def import_route53(
    file: Path, zone: str | None, health_checks: Path | None, output: Path | None, as_json: bool
) -> None:
    """Import a hosted zone of Route 53.

    FILE is the output of `aws route53 list-resource-record-sets --output json`; with - it is read
    from standard input.
    """
    from failoverdns.importing.sources import route53_plan

    _show(lambda: route53_plan(file, zone, health_checks), output, as_json)


@import_group.command("gdnsd", epilog=_EPILOG)
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@_common
def import_gdnsd(folder: Path, output: Path | None, as_json: bool) -> None:
    """Import the zones and failover of gdnsd.

    FOLDER has the file config and the folder zones.
    """
    from failoverdns.importing.sources import gdnsd_plan

    _show(lambda: gdnsd_plan(folder), output, as_json)


@import_group.command("bind", epilog=_EPILOG)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@_ZONE
@_common
def import_bind(file: Path, zone: str | None, output: Path | None, as_json: bool) -> None:
    """Import a zone file of BIND, or its named.conf."""
    from failoverdns.importing.sources import bind_plan

    _show(lambda: bind_plan(file, zone), output, as_json)


def _show(make: Callable[[], Any], output: Path | None, as_json: bool) -> None:
    """Print or write the plan that `make` returns, and end with the exit status."""
    from failoverdns.importing import writing
    from failoverdns.model.errors import Malformed

    try:
        plan = make()
        files = writing.files_of(plan)
        if output is not None:
            _write(output, files)
    except Malformed as fault:
        _fail(str(fault), as_json)
    if as_json or click.get_current_context().find_root().obj["json"]:
        click.echo(json.dumps({"ok": True, "result": writing.result(plan, files)}))
    else:
        if output is None:
            for name, text in files.items():
                click.echo(f"==> {name} <==\n{text}")
        for title, remarks in (("Different here", plan.notes), ("Not taken", plan.not_taken)):
            if remarks:
                click.echo("\n".join((f"==> {title} <==", *writing.remark_lines(remarks), "")))
        if output is not None:
            click.echo(f"Written to {output}: {', '.join(files)}.")
        click.echo(writing.summary(plan))
    sys.exit(NOT_ALL if plan.not_taken else DONE)


def _write(folder: Path, files: dict[str, str]) -> None:
    """Write new files into a folder, all or none; raises Malformed."""
    from failoverdns.importing.writing import COMMANDS
    from failoverdns.model.errors import Malformed

    present = [name for name in files if os.path.lexists(folder / name)]
    if present:
        raise Malformed(f"{folder}: has {', '.join(present)} already; choose another folder")
    written: list[Path] = []
    for name, text in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
            if name == COMMANDS:
                path.chmod(path.stat().st_mode | 0o111)
        except (OSError, ValueError) as fault:
            for new in written:
                new.unlink(missing_ok=True)
            reason = fault.strerror if isinstance(fault, OSError) else None
            raise Malformed(f"{path}: cannot be written: {reason or fault}") from None


def _fail(message: str, as_json: bool) -> None:
    """Print an error, and end."""
    from failoverdns.importing.writing import shown

    if as_json or click.get_current_context().find_root().obj["json"]:
        error = {"code": "malformed", "message": message}
        click.echo(json.dumps({"ok": False, "error": error}))
    else:
        for line in message.split("\n"):
            click.echo(shown(line), err=True)
    sys.exit(REFUSED)
