"""Send one command to the server, print what comes back, and return the exit status.

`cli.rendering` prints results, `cli.client` sends requests.

| exit status | meaning                                               |
|-------------|-------------------------------------------------------|
| 0           | done                                                  |
| 1           | refused or failed; or a preflight did not pass        |
| 2           | usage                                                 |
| 3           | no server listens on the socket                       |
| 4           | outcome unknown: no reply in time                     |
| 130         | interrupted                                           |
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click

from failoverdns.cli.client import NoReply, NoServer, parse, request
from failoverdns.control.language.rows import CommandRow
from failoverdns.model.change import Json

DONE, REFUSED, NO_SERVER, UNKNOWN, INTERRUPTED = 0, 1, 3, 4, 130

MAX_WAIT = 900.0
POLL = 0.5
"""Seconds that `--wait` waits in all, and between two requests."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to send a command and print its reply, as the options say.

    `socket` is the path of the control socket, `timeout` in seconds; `as_json` prints replies
    unchanged; `wait` waits until the work that the command started is done.
    """

    socket: str
    timeout: float
    as_json: bool
    wait: bool


def note(text: str) -> None:
    """Print on standard error what the command line waits for."""
    click.echo(text, err=True)


def send(row: CommandRow, fields: dict[str, Json], options: Options) -> int:
    """Send a command, print what comes back, and return the exit status."""
    try:
        return _send(row, fields, options)
    except NoServer as fault:
        click.echo(str(fault), err=True)
        return NO_SERVER
    except NoReply as fault:
        click.echo(f"outcome unknown: {fault}. Check with `failoverdns history`", err=True)
        return UNKNOWN
    except KeyboardInterrupt:
        return INTERRUPTED


def _send(row: CommandRow, fields: dict[str, Json], options: Options) -> int:
    if row.words == "backup":
        return _back_up(row, str(fields["file"]), options)
    more: dict[str, Json] | None = {"command": row.words, **fields}
    status = DONE
    while more is not None:
        with request(options.socket, more, options.timeout, note=note) as lines:
            line = next(lines)
            reply = parse(line)
            if options.wait and reply.get("ok") and row.words != "switch":
                return _wait_until_issued(reply["result"], options)
            status = _print_reply(row, line, reply, lines, as_json=options.as_json)
        more = _rest(more, reply)
    if options.wait and reply.get("ok"):
        _wait_until_drained(reply["result"])
    return status


def _print_reply(
    row: CommandRow, line: str, reply: dict[str, Any], events: Iterator[str], *, as_json: bool
) -> int:
    """Print a reply, and for `watch` the events that follow it; return the exit status."""
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
    return DONE


def _rest(fields: dict[str, Json], reply: dict[str, Any]) -> dict[str, Json] | None:
    """Return the request for the rest of an export; None if the reply is its last piece."""
    result = reply.get("result") or {}
    if not result.get("more"):
        return None
    return {**fields, "since": result["export"][-1]["revision"]}


def _back_up(row: CommandRow, path: str, options: Options) -> int:
    """Copy the server's state to a new file, print the reply, and return the exit status."""
    from failoverdns.cli import backing_up

    try:
        line, reply = backing_up.back_up(path, options.socket, options.timeout)
    except backing_up.NotBackedUp as fault:
        click.echo(str(fault), err=True)
        return REFUSED
    return _print_reply(row, line, reply, iter(()), as_json=options.as_json)


def _wait_until_drained(result: dict[str, Any]) -> None:
    """Wait until no client that honours the TTL has an old answer; report on standard error."""
    from failoverdns.cli import waiting

    for text in waiting.until_drained(result, time.time, time.sleep):
        click.echo(text, err=True)


def _wait_until_issued(requested: dict[str, Any], options: Options) -> int:
    """Wait until the certificate is issued; report progress on standard error."""
    from failoverdns.cli import rendering, waiting

    application = requested["application"]
    fields: dict[str, Json] = {"command": "certificate show", "application": application}
    until = time.monotonic() + MAX_WAIT
    line = ""

    def show() -> dict[str, Any]:
        nonlocal line
        with request(options.socket, fields, options.timeout, note=note) as lines:
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
                click.echo(f"{application}: {waiting.progress(report)} ...", err=True)
            elif options.as_json:
                click.echo(line, nl=False)
            else:
                rendering.show("certificate show", {"result": report})
    except waiting.NotIssued as fault:
        click.echo(f"{application}: {fault}", err=True)
        return REFUSED
    return DONE
