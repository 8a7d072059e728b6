"""Results of commands about the server as a whole, for people."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import click

from failoverdns.cli.rendering.applications import applications
from failoverdns.cli.rendering.automation import policy_lines
from failoverdns.cli.rendering.groups import groups, resolved
from failoverdns.cli.rendering.secondaries import behind
from failoverdns.cli.rendering.store import store_lines
from failoverdns.cli.rendering.tables import Result, Writer
from failoverdns.cli.rendering.tokens import rights

_MOST_LACKING: Final = 5
"""Things that this machine lacks for probes which `status` shows one by one."""

_NAMED: Final = 3
"""Applications that are named in a line; the others are counted."""


def _status(result: Result) -> None:
    for zone in result["zones"]:
        servers = ", ".join(zone["nameservers"])
        click.echo(f"zone {zone['name']}: serial {zone['serial']}, name servers {servers}")
        for line in resolved(zone.get("alias")):
            click.echo(f"  {line}")
        if zone.get("stored_records"):
            count, name = zone["stored_records"], zone["name"]
            click.echo(f"  {count} stored record(s): `failoverdns record list {name}`")
    click.echo(f"revision {result['revision']}\n")
    groups(result)
    click.echo("")
    applications(result)
    for line in _certificates(result["applications"]):
        click.echo(line)
    for hook in result.get("hooks", ()):
        click.echo(f"hook {hook['name']}: {hook['state']}")
        if hook["problem"]:
            click.echo(f"  {hook['problem']}")
    for line in behind(result["zones"]):
        click.echo(line)
    for line in policy_lines(result, time.time()):
        click.echo(line)
    for line in (*store_lines(result), *_server(result.get("server", {}))):
        click.echo(line)


def _certificates(applications: Sequence[Result]) -> Iterator[str]:
    """Yield a line about each warning of certificates, with the applications that have it."""
    names: dict[str, list[str]] = {}
    for application in applications:
        for warning in (application["certificate"] or {}).get("warnings", ()):
            names.setdefault(warning, []).append(application["name"])
    for warning, found in names.items():
        whose = ", ".join(found[:_NAMED])
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        yield f"{whose}{more}: certificate: {warning}"


def _server(server: Result) -> Iterator[str]:
    """Yield a line about each thing that is wrong with the server."""
    if server.get("behind"):
        yield "behind: the state may hold changes that are not served yet"
    automation = server.get("automation", {})
    if automation.get("frozen") is not None:
        why = f" ({automation['frozen']})" if automation["frozen"] else ""
        yield f"automation is frozen{why}: nothing switches by itself"
    probes = automation.get("probes", {})
    if probes.get("late", 0) > 1:
        yield f"probes are late by up to {probes['late']:.0f} s: {probes['waiting']} wait"
    if probes.get("fast"):
        yield f"{probes['fast']} probe target(s) are probed fast, until their health is settled"
    lacking = probes.get("lacking", ())
    for lack in lacking[:_MOST_LACKING]:
        yield f"{lack['targets']} probe target(s) unknown: {lack['what']}"
    if rest := sum(lack["targets"] for lack in lacking[_MOST_LACKING:]):
        yield f"{rest} more probe target(s) unknown: `failoverdns health show` has each"
    for check in probes.get("unnamed", ()):
        yield f"check {check['check']} of {check['application']}: {check['advice']}"
    for worker in server.get("workers", ()):
        if worker.get("rendezvous") is False:
            yield f"process {worker['pid']} cannot be taken over: its socket cannot be made"
    if (http := server.get("http")) is not None:
        if not http["serving"]:
            yield "http: no process serves it at the moment; its log lines say why"
        elif http["tls"] and not http["certificate"]:
            yield "http: HTTPS is refused until there is a certificate"
    udp, limited = server.get("udp", {}), server.get("rate_limit") or {}
    if udp.get("lost"):
        yield f"udp: {udp['lost']} packet(s) lost, queries came faster than they were read"
    if limited.get("dropped"):
        yield f"rate limit: {limited['dropped']} replies dropped, {limited['truncated']} truncated"


def _records(result: Result) -> None:
    click.echo(result["text"], nl=False)


def _backup(result: Result) -> None:
    click.echo(
        f"copied revision {result['revision']}, {result['bytes']:,} bytes; the last change has "
        f"hash {result['hash']}"
    )
    click.echo(
        "  private keys in it are encrypted: keep the key file (certificates.key_file) too, "
        "in another place"
    )


def _query_log(result: Result) -> None:
    if not result["on"]:
        click.echo("query log: off")
        return
    every = f", every {result['sample']}th query" if result["sample"] > 1 else ""
    click.echo(f"query log: on, {result['file']}{every}")
    click.echo(f"  {result['written']} written, {result['lost']} lost")


def _restarted(result: Result) -> None:
    click.echo(
        f"restarted: failoverdns {result['version']} serves as process {result['pid']}, "
        f"after {result['seconds']:.1f} s without commands"
    )


def _whoami(result: Result) -> None:
    token = result.get("token")
    click.echo(f"{result['principal']}: {result['role'] or (rights(token) if token else 'none')}")
    for grant in result["grants"]:
        limits = [
            f"{key} {' '.join(grant[key])}" for key in ("groups", "applications") if grant[key]
        ]
        if limits:
            click.echo(f"  {grant['role']} for {', '.join(limits)}")
    if token and token["expires"] is not None:
        click.echo(f"  until {token['expires']}")


def _watching(result: Result) -> None:
    """Print nothing: events follow."""


WRITERS: Final[Mapping[str, Writer]] = {
    "status": _status,
    "watch": _watching,
    "whoami": _whoami,
    "records": _records,
    "backup": _backup,
    "querylog on": _query_log,
    "querylog off": _query_log,
    "querylog status": _query_log,
    "restart": _restarted,
}
"""What prints the result of each command."""
