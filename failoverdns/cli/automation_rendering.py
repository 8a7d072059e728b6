"""Replies about health and automation, for people.

As in `cli.rendering`, which these are part of.
"""

from __future__ import annotations

from typing import Any

import click

from failoverdns.cli.tables import print_table, table

Result = dict[str, Any]


def explain(result: Result) -> None:
    """Print an explanation: its sentences, then what each probe last saw."""
    for sentence in result["sentences"]:
        click.echo(sentence)
    for side, probes in result["probes"].items():
        for probe in probes:
            click.echo(f"  {side}: {_probe(probe)}")


def rehearse(result: Result) -> None:
    """Print what a switch would change, and what refuses it."""
    verdict = "would go well" if result["would_succeed"] else "would be refused"
    click.echo(f"{result['group']}: a switch to the {result['to']} {verdict}; nothing was changed")
    for rule in result["rules"]:
        click.echo(f"  {rule['rule']}: {rule['message']}")
    if not result["changed"]:
        click.echo("  it is there already")
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


def health(result: Result) -> None:
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
            _forced(said["forced"]),
            f"checks: {', '.join(said['checks']) or 'none'}",
        )
        for head in application["heads"]:
            probes = [p for p in application["probes"] if p["head"] == head["name"]]
            found.add_row(
                "",
                head["name"],
                head["health"],
                head["since"] or "-",
                head["observed"] + (f" ({head['cause']})" if head["cause"] else ""),
                _forced(head["forced"]),
                "\n".join(_probe(probe, short=True) for probe in probes),
            )
    print_table(found, "nothing is checked: `failoverdns application set APP --check CHECK`")


def forced(result: Result) -> None:
    """Print what was forced, or is not forced any more."""
    names = ", ".join(result["named"])
    said = f"forced {result['forced']}" if result["forced"] else "no longer forced"
    click.echo(f"{said}: {names}")


def reported(result: Result) -> None:
    """Print what was reported, and until when it counts."""
    heads = ", ".join(f"{result['application']}/{head}" for head in result["heads"])
    click.echo(f"{heads}: reported {result['state']}, which counts until {result['until']}")


def flags(result: Result) -> None:
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


def flag(result: Result) -> None:
    """Print one flag."""
    reason = f" ({result['reason']})" if result["reason"] else ""
    if result["name"] == "automation":
        does = "groups act as their policies say" if result["on"] else "nothing acts by itself"
        click.echo(f"automation is {'on' if result['on'] else 'frozen'}{reason}: {does}")
        return
    click.echo(f"{result['name']} is {'on' if result['on'] else 'off'}{reason}")
    for gate in result["gates"]:
        click.echo(f"  gate {gate} is {'open' if result['on'] else 'closed'}")


def plans(result: Result) -> None:
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


def planned(result: Result) -> None:
    """Print what was planned, and what would be in its way."""
    for plan in result["planned"]:
        click.echo(f"{plan['group']}: a switch to the {plan['to']} is planned for {plan['at']}")
        if plan["lower_at"] is not None:
            click.echo(f"  the TTL is {plan['pre_ttl']} s from {plan['lower_at']} until then")
        for warning in plan["warnings"]:
            click.echo(f"  warning: {warning}")


def cancelled(result: Result) -> None:
    """Print that a plan is dropped."""
    click.echo(f"{result['cancelled']}: the planned switch is cancelled")


def maintenance(result: Result) -> None:
    """Print whether automation keeps its hands off a group."""
    reason = f" ({result['reason']})" if result["reason"] else ""
    does = f"in maintenance{reason}: automation keeps its hands off"
    click.echo(f"{result['group']}: {does if result['maintenance'] else 'not in maintenance'}")


def condition(application: Result) -> str:
    """Say in a word or two how an application is: what counts, and what is forced."""
    said: Result = application.get("health", {})
    if not said.get("checks") and not said.get("forced"):
        return "-"
    health = str(said["health"])
    return f"{health} (forced)" if said["forced"] else health


def automatic(group: Result) -> str:
    """Say in a few words what a group does by itself."""
    said: Result = group.get("automation", {})
    lines = [said["policy"] or "-"] if said else []
    if said.get("maintenance"):
        lines.append("in maintenance")
    if said.get("held"):
        lines.append(f"held: {', '.join(said['held']['rules'])}")
    if said.get("plan"):
        lines.append(f"{said['plan']['to']} at {said['plan']['at']}")
    return "\n".join(lines)


def _probe(probe: Result, *, short: bool = False) -> str:
    where = f"{probe['head']} {probe['address']}" if probe["address"] else probe["head"]
    name = f"{probe['check']}" if short else f"{where}, {probe['check']} ({probe['type']})"
    if probe["result"] is None:
        return f"{name}: nothing yet"
    why = f"{probe['cause']}, {probe['detail']}" if probe["cause"] else probe["detail"]
    took = f", {probe['milliseconds']:g} ms" if probe["milliseconds"] else ""
    times = f"{probe['in_a_row']} in a row"
    return f"{name}: {probe['result']}, {times} ({why}{took}) at {probe['at']}"


def _forced(said: Result | None) -> str:
    if said is None:
        return ""
    return str(said["health"]) + (f" ({said['reason']})" if said["reason"] else "")
