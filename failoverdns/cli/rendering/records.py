"""Results of commands about stored records, for people: sentences, and a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from failoverdns.cli.rendering.tables import Result, Writer, print_table, print_warnings, table


def _changed(result: Result) -> None:
    would = "would be " if result.get("dry_run") else ""
    if not result["changed"]:
        click.echo(f"{result['zone']}: these records are stored already; nothing was changed")
    for rrset in result["removed"]:
        for data in rrset["data"]:
            click.echo(f"{rrset['name']} {rrset['type']} {data}: {would}removed")
    for rrset in result["records"]:
        shown = f"{rrset['name']} {rrset['ttl']} IN {rrset['type']}"
        state = (
            f"{would}stored, and not served: {rrset['hidden']}"
            if rrset["hidden"]
            else (f"{would}served")
        )
        for data in rrset["data"]:
            click.echo(f"{shown} {data}: {state}")
    print_warnings(result)


def _listed(result: Result) -> None:
    """Print a table of records; the last column says why some are not served."""
    found = table("zone", "name", "ttl", "type", "data", "hidden")
    for rrset in result["records"]:
        found.add_row(
            rrset["zone"],
            rrset["name"],
            str(rrset["ttl"]),
            rrset["type"],
            "\n".join(rrset["data"]),
            rrset["hidden"] or "-",
        )
    print_table(found, "no stored records: `failoverdns record add ZONE RECORD`")


WRITERS: Final[Mapping[str, Writer]] = {
    "record add": _changed,
    "record remove": _changed,
    "record list": _listed,
}
"""What prints the result of each command."""
