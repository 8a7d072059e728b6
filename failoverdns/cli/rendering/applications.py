"""Results of commands about applications and heads, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from failoverdns.cli.rendering.health import condition
from failoverdns.cli.rendering.tables import Result, Writer, print_table, print_warnings, table


def applications(result: Result) -> None:
    """Print a table of applications and their heads."""
    found = table("application", "role", "health", "head", "kind", "target")
    for application in result["applications"]:
        heads = application["heads"]
        found.add_row(
            application["name"],
            application["role"],
            condition(application),
            "\n".join(_head(head) for head in heads),
            "\n".join(head["role"] for head in heads),
            "\n".join(" ".join(h["addresses"]) or h["hostname"] for h in heads) or "no heads",
        )
    print_table(found, "no applications yet: `failoverdns application add NAME`")


def _head(head: Result) -> str:
    mark, health = "* " if head["active"] else "  ", head["health"]
    if health["forced"]:
        return f"{mark}{head['name']} ({health['health']}, forced)"
    return f"{mark}{head['name']}" + (" (down)" if health["health"] == "down" else "")


def _application_line(application: Result) -> str:
    targets = ", ".join(application["web_head"]["targets"])
    heads = ", ".join(application["web_head"]["heads"])
    said = f"web head {targets}" if targets else "no web head"
    return f"{application['name']}: {said}" + (f" ({heads})" if heads else "")


def _changed(result: Result) -> None:
    click.echo(_application_line(result))
    if result.get("dry_run"):
        click.echo("  that was only tried; nothing was changed")
    what = "would answer nothing" if result.get("dry_run") else "answer nothing now"
    if silent := result.get("answering_nothing"):
        click.echo(f"  groups that {what} (NODATA): {', '.join(silent)}")
    print_warnings(result)


def removed(result: Result) -> None:
    """Print the name of what was removed."""
    click.echo(f"removed {result['removed']}")
    print_warnings(result)


WRITERS: Final[Mapping[str, Writer]] = {
    "application list": applications,
    "application add": _changed,
    "application rename": _changed,
    "application set": _changed,
    "head add": _changed,
    "head set": _changed,
    "head rename": _changed,
    "head activate": _changed,
    "head remove": _changed,
    "application remove": removed,
}
"""What prints the result of each command."""
