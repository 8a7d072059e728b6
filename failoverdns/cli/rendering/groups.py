"""Results of commands about groups, for people: switches, tables, explanations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from failoverdns.cli.rendering.automation import automatic, planned
from failoverdns.cli.rendering.certificates import transfer
from failoverdns.cli.rendering.health import probe_line
from failoverdns.cli.rendering.secondaries import waited
from failoverdns.cli.rendering.tables import Result, Writer, print_table, print_warnings, table


def groups(result: Result) -> None:
    """Print a table of groups."""
    found = table("group", "hostname", "ttl", "primary", "backup", "answers", "policy")
    for group in result["groups"]:
        found.add_row(
            group["name"],
            group["hostname"],
            str(group["ttl"]),
            *(_side(group, side) for side in ("primary", "backup")),
            "\n".join(group["answers"]) or "NODATA",
            automatic(group),
        )
    print_table(found, "no groups yet: `failoverdns group add NAME --primary APP --backup APP`")


def group_line(group: Result) -> str:
    """Return one line about a group: what it answers."""
    answers = ", ".join(group["answers"]) or "nothing (NODATA)"
    return f"{group['name']}: {group['hostname']} answers {answers} ({group['active']} active)"


def resolved(answer: Result | None) -> list[str]:
    """Return lines about a flattened hostname: its addresses' age, and what is wrong."""
    if answer is None:
        return []
    group = answer.get("group")
    lines = [f"= {answer['hostname']}" + (f" (group {group})" if group else "")]
    if answer["checked_at"] or answer["since"]:
        lines.append(f"as of {answer['checked_at'] or answer['since']}")
    return [*lines, answer["problem"]] if answer["problem"] else lines


def _side(group: Result, side: str) -> str:
    mark = "* " if group["active"] == side else "  "
    attached = group.get(side)
    if attached is None:
        return f"{mark}-"
    lines = [f"{mark}{attached['application']}", *attached["targets"]]
    return "\n    ".join([*lines, *resolved(attached.get("resolved"))])


def _switch(result: Result) -> None:
    if "planned" in result:
        planned(result)
        return
    would = "would switch" if result.get("dry_run") else "switched"
    for group in result["groups"]:
        targets = ", ".join(group["targets"]) or "nothing (NODATA)"
        if not group["changed"]:
            click.echo(f"{group['name']}: {group['to']} is active already: {targets}")
            continue
        click.echo(
            f"{group['name']}: {would} from {group['from']} to {group['to']}\n"
            f"  {group['hostname']} answers {targets}\n"
            f"  the last client that honours the TTL leaves the {group['from']} side at "
            f"{group['drained_at']}"
        )
        if group.get("certificate"):
            click.echo(f"  {transfer(group, would=bool(result.get('dry_run')))}")
        if group["overridden"]:
            click.echo(f"  overridden: {', '.join(group['overridden'])}")
    waited(result)
    print_warnings(result)


def _preflight(result: Result) -> None:
    """Print every check, and whether all passed."""
    verdict = "passed" if result["passed"] else "failed"
    what = "a switch to" if result["changed"] else "already on"
    click.echo(f"{result['group']}: {what} {result['to']}: {verdict}")
    for check in result["checks"]:
        click.echo(f"  {check['result']:<8}{check['check'] + ':':<13}{check['message']}")


def _explain(result: Result) -> None:
    """Print an explanation: its sentences, then what each probe last saw."""
    for sentence in result["sentences"]:
        click.echo(sentence)
    for side, probes in result["probes"].items():
        for probe in probes:
            click.echo(f"  {side}: {probe_line(probe)}")


def _rehearse(result: Result) -> None:
    """Print what a switch would change, and the rules that refuse it."""
    verdict = "would go well" if result["would_succeed"] else "would be refused"
    click.echo(f"{result['group']}: a switch to the {result['to']} {verdict}; nothing was changed")
    for rule in result["rules"]:
        click.echo(f"  {rule['rule']}: {rule['message']}")
    if not result["changed"]:
        click.echo("  it is active already")
        return
    if not result["would_succeed"]:
        click.echo("  with these rules overridden:")
    before, after = (", ".join(targets) or "NODATA" for targets in result["answers"])
    click.echo(f"  answers: {before} -> {after}, everywhere at {result['drained_at']}")
    certificate = result["certificate"]
    if certificate is not None:
        names = ", ".join(certificate["names"])
        click.echo(f"  certificate: {certificate['outcome']}" + (f" ({names})" if names else ""))
    for event in result["events"]:
        click.echo(f"  event: {event}")
    for text in result["records"]:
        for line in text.splitlines():
            click.echo(f"  record: {line}")


def _changed(result: Result) -> None:
    if "removed" in result and result["retired"] is None:
        click.echo(f"removed {result['removed']}; {result['hostname']} may get another group")
    elif "removed" in result:
        click.echo(f"removed {result['removed']}; {result['retired']} is retired for ever")
    else:
        click.echo(group_line(result))
        if result.get("dry_run"):
            click.echo("  that was only tried; nothing was changed")
    print_warnings(result)


WRITERS: Final[Mapping[str, Writer]] = {
    "switch": _switch,
    "preflight": _preflight,
    "group list": groups,
    "group add": _changed,
    "group set": _changed,
    "group rename": _changed,
    "group remove": _changed,
    "explain": _explain,
    "rehearse": _rehearse,
}
"""What prints the result of each command."""
