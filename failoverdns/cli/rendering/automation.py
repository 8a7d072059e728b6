"""Results of commands about automation, for people: plans, flags, maintenance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import click

from failoverdns.cli.rendering.tables import Result, Writer, print_table, table
from failoverdns.model.timestamps import read_timestamp

MOST_LINES = 20
"""Lines about policies that `status` prints, at most: thousands of groups may have the same."""


def automatic(group: Result) -> str:
    """Return in a few words the policy of a group, and what is planned or held."""
    said: Result = group.get("automation", {})
    lines = [said["policy"] or "-"] if said else []
    if said.get("maintenance"):
        lines.append("in maintenance")
    if said.get("held"):
        lines.append(f"held: {', '.join(said['held']['rules'])}")
    if said.get("plan"):
        lines.append(f"{said['plan']['to']} at {said['plan']['at']}")
    return "\n".join(lines)


def policy_lines(result: Result, now: float) -> Iterator[str]:
    """Yield a line about each policy that does not act, or not well, on a group.

    `now`, in seconds since 1970, says which flap guards are used up still.  Many lines are cut.
    """
    lines = [line for group in result["groups"] for line in _policy_lines(group, now)]
    yield from lines[:MOST_LINES]
    if len(lines) > MOST_LINES:
        yield f"and {len(lines) - MOST_LINES} more such lines: see `failoverdns group list --json`"


def _policy_lines(group: Result, now: float) -> Iterator[str]:
    said: Result = group.get("automation") or {}
    for warning in said.get("warnings", ()):
        yield f"group {group['name']}: warning: {warning}"
    until = said.get("guarded_until")
    if until is not None and read_timestamp(until) > now:
        yield (
            f"group {group['name']}: its flap guard is used up: it does not switch by itself "
            f"before {until}"
        )


def planned(result: Result) -> None:
    """Print what was planned, and what would stop it."""
    for plan in result["planned"]:
        click.echo(f"{plan['group']}: a switch to the {plan['to']} is planned for {plan['at']}")
        if plan["lower_at"] is not None:
            click.echo(f"  the TTL is {plan['pre_ttl']} s from {plan['lower_at']} until then")
        for warning in plan["warnings"]:
            click.echo(f"  warning: {warning}")


def _plans(result: Result) -> None:
    """Print a table of planned switches."""
    found = table("group", "to", "at", "TTL before", "lowered at", "reason")
    for plan in result["plans"]:
        found.add_row(
            plan["group"],
            plan["to"],
            plan["at"],
            str(plan["pre_ttl"]),
            plan["ttl_lowered_at"] or "-",
            plan["reason"] or "",
        )
    print_table(found, "nothing is planned: `failoverdns switch GROUP --at TIME`")


def _cancelled(result: Result) -> None:
    """Print that a planned switch is cancelled."""
    click.echo(f"{result['cancelled']}: the planned switch is cancelled")


def _flags(result: Result) -> None:
    """Print a table of flags."""
    found = table("flag", "state", "since", "reason", "gates")
    for flag in result["flags"]:
        found.add_row(
            flag["name"],
            "on" if flag["on"] else "off",
            flag["since"] or "-",
            flag["reason"] or "",
            ", ".join(flag["gates"]) or ("all" if flag["name"] == "automation" else "none"),
        )
    print_table(found, "no flags")


def _flag(result: Result) -> None:
    """Print one flag."""
    reason = f" ({result['reason']})" if result["reason"] else ""
    if result["name"] == "automation":
        does = "groups act as their policies say" if result["on"] else "nothing switches by itself"
        click.echo(f"automation is {'on' if result['on'] else 'frozen'}{reason}: {does}")
        return
    click.echo(f"{result['name']} is {'on' if result['on'] else 'off'}{reason}")
    for gate in result["gates"]:
        click.echo(f"  gate {gate} is {'open' if result['on'] else 'closed'}")


def _maintenance(result: Result) -> None:
    """Print whether a group is in maintenance."""
    reason = f" ({result['reason']})" if result["reason"] else ""
    does = f"in maintenance{reason}: automation leaves it alone"
    click.echo(f"{result['group']}: {does if result['maintenance'] else 'not in maintenance'}")


WRITERS: Final[Mapping[str, Writer]] = {
    "maintenance": _maintenance,
    "plan list": _plans,
    "plan cancel": _cancelled,
    "automation freeze": _flag,
    "automation thaw": _flag,
    "flag on": _flag,
    "flag off": _flag,
    "flag list": _flags,
}
"""What prints the result of each command."""
