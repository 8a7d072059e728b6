"""Results of commands about certificates, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from failoverdns.cli.rendering.applications import removed
from failoverdns.cli.rendering.tables import Result, Writer, print_table, table


def transfer(group: Result, *, would: bool) -> str:
    """Return what a switch did, or would do, to a certificate."""
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
    """Print a certificate, its renewal and its order."""
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


def _challenge_name(result: Result) -> None:
    """Print the record that a customer needs."""
    click.echo(result["record"])


def _rotated(result: Result) -> None:
    """Print how many keys were encrypted again."""
    click.echo(f"{result['rotated']} private key(s) encrypted with a new key")


WRITERS: Final[Mapping[str, Writer]] = {
    "certificate install": certificate,
    "certificate request": certificate,
    "certificate show": certificate,
    "certificate list": certificates,
    "certificate remove": removed,
    "certificate challenge-name": _challenge_name,
    "certificate rotate-key": _rotated,
}
"""What prints the result of each command."""
