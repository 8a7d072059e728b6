"""Results of commands about zones and their secondaries, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import click

from failoverdns.cli.rendering.tables import Result, Writer, print_table, table


def waited(result: Result) -> None:
    """Print which secondaries serve a switch; the others are in its warnings."""
    found = result.get("secondaries")
    if found is None:
        return
    served = [one for one in found if one["in_step"]]
    if not found:
        click.echo("  no secondary has these zones: nothing to wait for")
    elif served:
        last = max(one["served_at"] for one in served)
        names = ", ".join(sorted({one["secondary"] for one in served}))
        click.echo(f"  served by {names} at {last}")


def behind(zones: Sequence[Result]) -> Iterator[str]:
    """Yield a line about each secondary that is not in step in a zone."""
    for zone in zones:
        for one in zone.get("secondaries", ()):
            if not one["in_step"]:
                yield f"secondary {one['secondary']}, zone {zone['name']}: {_standing(one)}"


def _standing(one: Result) -> str:
    """Return in words whether a secondary is in step, since when, and why not."""
    if one["in_step"]:
        return f"in step since {one['since']}"
    word = "unknown" if one["in_step"] is None else f"behind since {one['since']}"
    return f"{word}: {one['problem']}" if one["problem"] else word


def _zones(result: Result) -> None:
    found = table("zone", "serial", "secondaries")
    for zone in result["zones"]:
        name = f"{zone['name']} (catalog)" if zone.get("catalog") else zone["name"]
        secondaries = [f"{one['secondary']}: {_standing(one)}" for one in zone["secondaries"]]
        serial = "-" if zone["serial"] is None else str(zone["serial"])
        found.add_row(name, serial, "\n".join(secondaries) or "none")
    print_table(found, "no zones: see `zones` in the configuration")


def _secondaries(result: Result) -> None:
    found = table("secondary", "address", "zone", "serial", "state")
    for one in result["secondaries"]:
        name, address = one["name"], one["address"]
        if not one["zones"]:
            found.add_row(name, address, "-", "-", "no zone has it")
        for zone in one["zones"]:
            serial = "-" if zone["serial"] is None else str(zone["serial"])
            found.add_row(name, address, zone["zone"], serial, _standing(zone))
            name = address = ""
    print_table(found, "no secondaries: see `secondaries` in the configuration")


def _notified(result: Result) -> None:
    click.echo(f"notified {', '.join(result['notified'])}; see `failoverdns secondary list`")


WRITERS: Final[Mapping[str, Writer]] = {
    "zone list": _zones,
    "zone notify": _notified,
    "secondary list": _secondaries,
}
"""What prints the result of each command."""
