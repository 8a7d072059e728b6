"""Changes and events, for people; a command is shown as it would be typed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Final

import click

from failoverdns.cli.rendering.tables import Result, Writer
from failoverdns.control.language.commands import ROWS


def event(event: Result) -> str:
    """Return one line about an event."""
    if event.get("event") == "store":
        return _store_event(event)
    who, command = event.get("who", {}), dict(event.get("command", {}))
    happened = command.pop("happened", None)
    revision = "unrecorded" if event.get("unrecorded") else f"r{event.get('revision')}"
    recorded = f" (happened {happened})" if happened is not None else ""
    return f"{event.get('time')}{recorded} {revision} {_words(command)} [{_who(who)}]: " + (
        "; ".join(_changed(part) for part in event.get("changed", ())) or "nothing changed"
    )


def _who(who: Result) -> str:
    """Return who gave a command; a change of version 0.1.0 does not name the principal."""
    if "address" in who:
        return f"{who['principal']} from {who['address']}"
    if "principal" in who:
        return f"{who['principal']} {who.get('command')} pid {who.get('pid')}"
    return f"{who.get('command')} uid {who.get('uid')} pid {who.get('pid')}"


def _store_event(event: Result) -> str:
    """Return one line about a store that cannot be written, or can be again."""
    if not event["writable"]:
        return f"{event['since']} the state cannot be written: {event['fault']}"
    return f"{event['since']} the state can be written again: {event['recorded']} step(s) recorded"


def _history(result: Result) -> None:
    if "export" in result:
        for line in result["export"]:
            click.echo(json.dumps(line))
        if "trimmed" in result:
            click.echo(f"changes up to revision {result['trimmed']} were trimmed", err=True)
        return
    if "verified" in result:
        click.echo(f"verified: {result['changes']} change(s), the last has hash {result['hash']}")
        if "trimmed" in result:
            click.echo(
                f"  changes up to revision {result['trimmed']} were trimmed: their hashes and the "
                "checkpoint that stands for them are verified too"
            )
        return
    for change in result["history"]:
        click.echo(event(change))
    if "trimmed" in result:
        click.echo(f"older changes, up to revision {result['trimmed']}, were trimmed")
    elif not result["history"]:
        click.echo("no changes yet")


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
    if part["kind"] == "records":
        records = (_record(text, *ttls) for text, ttls in part["fields"].items())
        return f"records {part['name']}: {', '.join(records)}"
    if part["kind"] == "secondary" and part["done"] != "changed":
        return f"secondary {part['name']} {_standing(part)}"
    if part["done"] != "changed":
        return f"{part['kind']} {part['name']} {part['done']}"
    fields = (f"{key} {_value(old)} -> {_value(new)}" for key, (old, new) in part["fields"].items())
    return f"{part['kind']} {part['name']}: {', '.join(fields)}"


def _standing(part: Result) -> str:
    """Return that a secondary is behind in a zone, and why; or that it is in step again."""
    (old_zone, zone), (_, problem) = part["fields"]["zone"], part["fields"]["problem"]
    if zone is None:
        return f"is in step in {old_zone}"
    return f"is behind in {zone}: {problem}"


def _record(text: str, old: int | None, new: int | None) -> str:
    """Return what became of a record, from its TTL before and after; None for not there."""
    if new is None:
        return f"removed {text}"
    return f"added {text}, TTL {new}" if old is None else f"TTL {old} -> {new} of {text}"


def _value(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(str, value)) + "]"
    return "-" if value is None else str(value)


WRITERS: Final[Mapping[str, Writer]] = {
    "history": _history,
}
"""What prints the result of each command."""
