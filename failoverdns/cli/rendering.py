"""Replies for people: sentences for what was done, tables for what there is.

Knows the shape of each command's result.
What is about health and automation is in `cli.automation_rendering`, certificates in
`cli.certificate_rendering`.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from typing import Any

import click

from failoverdns.cli import automation_rendering as automation
from failoverdns.cli import certificate_rendering as certificates
from failoverdns.cli.tables import print_table, table
from failoverdns.control.language.commands import ROWS

Result = dict[str, Any]


def show(command: str, reply: dict[str, Any]) -> None:
    """Print the result of `command`."""
    result = reply["result"]
    writer = _WRITERS.get(command)
    if writer is not None:
        writer(result)
    elif "renewal" in result:
        certificates.certificate(result)
    elif command.startswith("group ") and "hostname" in result:
        click.echo(_group_line(result))
    elif "web_head" in result:
        click.echo(_application_line(result))
    elif "removed" in result:
        click.echo(f"removed {result['removed']}" + _retired(result))
    elif command != "watch":
        click.echo("done")


def refusal(reply: dict[str, Any]) -> str:
    """Return what to tell of a request that was not carried out."""
    error = reply.get("error", {})
    text = f"{error.get('code', 'failed')}: {error.get('message', 'no reason given')}"
    rules = error.get("rules", ())
    return text + "".join(f"\n  {rule['rule']}: {rule['message']}" for rule in rules)


def event(event: dict[str, Any]) -> str:
    """Return one line for an event."""
    who = event.get("who", {})
    return (
        f"{event.get('time')} r{event.get('revision')} {_words(event.get('command', {}))} "
        f"[{who.get('command')} uid {who.get('uid')} pid {who.get('pid')}]: "
        + ("; ".join(_changed(part) for part in event.get("changed", ())) or "nothing changed")
    )


def _switch(result: Result) -> None:
    if "planned" in result:
        automation.planned(result)
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
            click.echo(f"  {certificates.transfer(group, would=bool(result.get('dry_run')))}")
        if group["overridden"]:
            click.echo(f"  overridden: {', '.join(group['overridden'])}")


def _status(result: Result) -> None:
    for zone in result["zones"]:
        servers = ", ".join(zone["nameservers"])
        click.echo(f"zone {zone['name']}: serial {zone['serial']}, name servers {servers}")
        for line in _resolved(zone.get("alias")):
            click.echo(f"  {line}")
    click.echo(f"revision {result['revision']}\n")
    _groups(result)
    click.echo("")
    _applications(result)
    for hook in result.get("hooks", ()):
        click.echo(f"hook {hook['name']}: {hook['state']}")
        if hook["problem"]:
            click.echo(f"  {hook['problem']}")
    for line in _server(result.get("server", {})):
        click.echo(line)


def _server(server: Result) -> Iterator[str]:
    """Yield what an operator should know of the server, and nothing if all is well."""
    if server.get("behind"):
        yield "behind: the state may hold changes that are not served yet"
    automation = server.get("automation", {})
    if automation.get("frozen") is not None:
        why = f" ({automation['frozen']})" if automation["frozen"] else ""
        yield f"automation is frozen{why}: nothing switches by itself"
    probes = automation.get("probes", {})
    if probes.get("late", 0) > 1:
        yield f"probes are late by up to {probes['late']:.0f} s: {probes['waiting']} wait"
    udp, limited = server.get("udp", {}), server.get("rate_limit") or {}
    if udp.get("lost"):
        yield f"udp: {udp['lost']} packet(s) lost, queries came faster than they were read"
    if limited.get("dropped"):
        yield f"rate limit: {limited['dropped']} replies dropped, {limited['truncated']} truncated"


def _query_log(result: Result) -> None:
    if not result["on"]:
        click.echo("query log: off")
        return
    every = f", every {result['sample']}th query" if result["sample"] > 1 else ""
    click.echo(f"query log: on, {result['file']}{every}")
    click.echo(f"  {result['written']} written, {result['lost']} lost")


def _groups(result: Result) -> None:
    found = table("group", "hostname", "ttl", "primary", "backup", "answers", "policy")
    for group in result["groups"]:
        found.add_row(
            group["name"],
            group["hostname"],
            str(group["ttl"]),
            *(_side(group, side) for side in ("primary", "backup")),
            "\n".join(group["answers"]) or "NODATA",
            automation.automatic(group),
        )
    print_table(found, "no groups yet: `failoverdns group add NAME --primary APP --backup APP`")


def _side(group: Result, side: str) -> str:
    mark = "* " if group["active"] == side else "  "
    attached = group.get(side)
    if attached is None:
        return f"{mark}-"
    lines = [f"{mark}{attached['application']}", *attached["targets"]]
    return "\n    ".join([*lines, *_resolved(attached.get("resolved"))])


def _resolved(told: Result | None) -> list[str]:
    """Say what a flattened hostname is, and how old that is."""
    if told is None:
        return []
    lines = [f"= {told['hostname']}"]
    if told["checked_at"] or told["since"]:
        lines.append(f"as of {told['checked_at'] or told['since']}")
    return [*lines, told["problem"]] if told["problem"] else lines


def _applications(result: Result) -> None:
    found = table("application", "role", "health", "head", "kind", "target")
    for application in result["applications"]:
        heads = application["heads"]
        found.add_row(
            application["name"],
            application["role"],
            automation.condition(application),
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


def _history(result: Result) -> None:
    if "export" in result:
        for line in result["export"]:
            click.echo(json.dumps(line))
        return
    if "verified" in result:
        click.echo(f"verified: {result['changes']} change(s), the last has hash {result['hash']}")
        return
    for change in result["history"]:
        click.echo(event(change))
    if not result["history"]:
        click.echo("no changes yet")


def _records(result: Result) -> None:
    click.echo(result["text"], nl=False)


def _group_line(group: Result) -> str:
    answers = ", ".join(group["answers"]) or "nothing yet (NODATA)"
    return f"{group['name']}: {group['hostname']} answers {answers} ({group['active']} active)"


def _application_line(application: Result) -> str:
    targets = ", ".join(application["web_head"]["targets"]) or "nothing yet"
    heads = ", ".join(application["web_head"]["heads"])
    return f"{application['name']}: web head {targets}" + (f" ({heads})" if heads else "")


def _retired(result: Result) -> str:
    return f"; {result['retired']} is retired for ever" if "retired" in result else ""


def _words(command: Result) -> str:
    """Write a command as it would be typed."""
    positions, options = [], []
    row = ROWS.get(str(command.get("command")))
    by_position = {parameter.name for parameter in row.arguments} if row is not None else set()
    for key, value in command.items():
        items = value if isinstance(value, list) else [value]
        if key in by_position:
            positions += [shlex.quote(str(item)) for item in items]
        elif value is True:
            options.append(_option(key))
        elif key != "command":
            options += [f"{_option(key)} {shlex.quote(str(item))}" for item in items]
    return " ".join([str(command.get("command")), *positions, *options])


def _option(key: str) -> str:
    return "--" + key.replace("_", "-")


def _changed(part: Result) -> str:
    if part["kind"] == "role":
        return f"{part['name']} {' -> '.join(part['fields']['role'])}"
    if part["done"] != "changed":
        return f"{part['kind']} {part['name']} {part['done']}"
    fields = (f"{key} {_value(old)} -> {_value(new)}" for key, (old, new) in part["fields"].items())
    return f"{part['kind']} {part['name']}: {', '.join(fields)}"


def _value(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(str, value)) + "]"
    return "-" if value is None else str(value)


_WRITERS: dict[str, Callable[[Result], None]] = {
    "switch": _switch,
    "explain": automation.explain,
    "rehearse": automation.rehearse,
    "maintenance": automation.maintenance,
    "plan list": automation.plans,
    "plan cancel": automation.cancelled,
    "automation freeze": automation.flag,
    "automation thaw": automation.flag,
    "flag on": automation.flag,
    "flag off": automation.flag,
    "flag list": automation.flags,
    "health show": automation.health,
    "health force": automation.forced,
    "health report": automation.reported,
    "status": _status,
    "group list": _groups,
    "application list": _applications,
    "history": _history,
    "records": _records,
    "certificate list": certificates.certificates,
    "certificate challenge-name": certificates.challenge_name,
    "certificate rotate-key": certificates.rotated,
    "querylog on": _query_log,
    "querylog off": _query_log,
    "querylog status": _query_log,
    "preflight": certificates.preflight,
}
