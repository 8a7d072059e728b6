"""Replies about certificates, for people.

As in `cli.rendering`, which these are part of.
"""

from __future__ import annotations

from typing import Any

import click

from failoverdns.cli.tables import print_table, table

Result = dict[str, Any]


def transfer(group: Result, *, would: bool) -> str:
    """Say what a switch did, or would do, to a certificate."""
    certificate = group["certificate"]
    names = ", ".join(certificate["names"])
    about = f"{certificate['kind']}, {names}, valid until {certificate['not_after']}"
    said = {
        "nothing": "keeps its own certificate",
        "transferred": "would get the certificate" if would else "certificate transferred",
        "present": "has the certificate already",
        "kept": "keeps its own certificate",
        "names-differ": "keeps its own certificate, nothing was transferred",
    }[certificate["outcome"]]
    warning = certificate.get("warning")
    return f"{said}: {about}" + (f"\n  warning: {warning}" if warning else "")


def certificate(result: Result) -> None:
    """Print all that there is to say of a certificate."""
    click.echo(f"{result['application']} ({result['role']})")
    lines: dict[str, object] = {}
    if "fingerprint" in result:
        lines = {
            "names": ", ".join(result["names"]),
            "kind": result["kind"],
            "issuer": result["issuer"],
            "key": result["key_type"],
            "valid": f"{result['not_before']} to {result['not_after']}",
            "SHA-256": result["fingerprint"],
            "chain": f"{result['chain_length']} certificate(s)",
            "since": result["installed_at"]
            + (f", from {result['transferred_from']}" if result["transferred_from"] else ""),
        }
    renewal, order = result["renewal"], result.get("order")
    lines["renewed by"] = renewal["by"] + (f", at {renewal['due_at']}" if renewal["due_at"] else "")
    if order is not None:
        lines["order"] = f"{order['state']}: {', '.join(order['names'])}"
    for label, text in lines.items():
        click.echo(f"  {label + ':':<12}{text}")
    for fetch in result.get("fetches", ()):
        click.echo(
            f"  fetched by {fetch['client']} from {fetch['address']} at {fetch['time']}: "
            f"{fetch['fingerprint'][:16]}"
        )
    for warning in result["warnings"]:
        click.echo(f"  warning: {warning}")


def certificates(result: Result) -> None:
    """Print a table of certificates."""
    found = table("application", "role", "kind", "names", "valid until", "SHA-256", "warnings")
    for certificate in result["certificates"]:
        order = certificate.get("order") or {}
        found.add_row(
            certificate["application"],
            certificate["role"],
            certificate.get("kind", "-"),
            "\n".join(certificate.get("names") or [f"({name})" for name in order["names"]]),
            certificate.get("not_after", order.get("state", "-")),
            certificate.get("fingerprint", "-")[:16],
            "\n".join(certificate["warnings"]),
        )
    print_table(found, "no certificates yet: `failoverdns certificate install` or `request`")


def challenge_name(result: Result) -> None:
    """Print the record that a customer needs."""
    click.echo(result["record"])


def preflight(result: Result) -> None:
    """Print every check, and whether all went well."""
    verdict = "passed" if result["passed"] else "failed"
    what = "a switch to" if result["changed"] else "already on"
    click.echo(f"{result['group']}: {what} {result['to']}: {verdict}")
    for check in result["checks"]:
        click.echo(f"  {check['result']:<8}{check['check'] + ':':<13}{check['message']}")


def rotated(result: Result) -> None:
    """Print how many keys were encrypted anew."""
    click.echo(f"{result['rotated']} private key(s) encrypted with a new key")
