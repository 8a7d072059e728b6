"""Results of commands about health, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import click

from failoverdns.cli.rendering.store import store_lines
from failoverdns.cli.rendering.tables import Result, Writer, print_table, table


def condition(application: Result) -> str:
    """Return in a word or two whether an application is up, and whether that is forced."""
    said: Result = application.get("health", {})
    is_known = said.get("health", "unknown") != "unknown"
    if not said.get("checks") and not said.get("forced") and not is_known:
        return "-"
    health = str(said["health"])
    return f"{health} (forced)" if said["forced"] else health


def probe_line(probe: Result, *, short: bool = False, with_address: bool = False) -> str:
    """Return one line about a probe and what it last saw; a short one leaves the head out.

    A short one has the address only `with_address`.
    """
    where = f"{probe['head']} {probe['address']}" if probe["address"] else probe["head"]
    address = f" {probe['address']}" if with_address else ""
    name = f"{probe['check']}{address}" if short else f"{where}, {probe['check']} ({probe['type']})"
    name += _asking_for(probe)
    pace = f", probed every {probe['probed_every']:g} s" if probe.get("fast") else ""
    if probe["result"] is None:
        return f"{name}: nothing yet{pace}"
    why = f"{probe['cause']}, {probe['detail']}" if probe["cause"] else probe["detail"]
    took = f"{probe['milliseconds']:g} ms" if probe["milliseconds"] else ""
    details = ", ".join(filter(None, (why, took)))
    times = f"{probe['in_a_row']} in a row" + (f" ({details})" if details else "")
    return f"{name}: {probe['result']}, {times} at {probe['at']}{pace}"


def _asking_for(probe: Result) -> str:
    """Return the name that a probe asks for; a Host of its own is all that plain HTTP sends."""
    name, host = probe.get("server_name"), probe.get("host")
    if host and (not name or probe["type"] == "http"):
        return f" as {host}"
    own = f" (Host {host})" if host and host != name else ""
    return f" as {name}{own}" if name else ""


def _health(result: Result) -> None:
    """Print a table of applications and heads, what is observed and what is forced."""
    found = table("application", "head", "health", "since", "observed", "forced", "last probes")
    for application in result["applications"]:
        said = application["health"]
        found.add_row(
            application["name"],
            "",
            said["health"],
            said["since"] or "-",
            said["observed"],
            _override(said["forced"]),
            f"checks: {', '.join(said['checks']) or 'none'}",
        )
        for head in application["heads"]:
            probes = [p for p in application["probes"] if p["head"] == head["name"]]
            several = len({p["address"] for p in probes if p["address"]}) > 1
            found.add_row(
                "",
                head["name"],
                head["health"],
                head["since"] or "-",
                head["observed"] + (f" ({head['cause']})" if head["cause"] else ""),
                _override(head["forced"]),
                "\n".join(
                    probe_line(probe, short=True, with_address=several and bool(probe["address"]))
                    for probe in probes
                ),
            )
    print_table(found, "nothing is checked: `failoverdns application set APP --check CHECK`")
    for line in dict.fromkeys(_advice(result["applications"])):
        click.echo(line)
    for line in store_lines(result):
        click.echo(line)


def _advice(applications: Iterable[Result]) -> Iterator[str]:
    """Yield what to set in checks that do not know which name to ask for."""
    for application in applications:
        for probe in application["probes"]:
            if probe.get("advice"):
                yield f"check {probe['check']} of {application['name']}: {probe['advice']}"


def _forced(result: Result) -> None:
    """Print what is forced now, or no longer forced."""
    names = ", ".join(result["named"])
    said = f"forced {result['forced']}" if result["forced"] else "no longer forced"
    click.echo(f"{said}: {names}")


def _reported(result: Result) -> None:
    """Print what was reported, and until when it counts."""
    heads = ", ".join(f"{result['application']}/{head}" for head in result["heads"])
    click.echo(f"{heads}: reported {result['state']}, which counts until {result['until']}")


def _override(said: Result | None) -> str:
    if said is None:
        return ""
    return str(said["health"]) + (f" ({said['reason']})" if said["reason"] else "")


WRITERS: Final[Mapping[str, Writer]] = {
    "health show": _health,
    "health force": _forced,
    "health report": _reported,
}
"""What prints the result of each command."""
