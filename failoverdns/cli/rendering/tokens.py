"""Results of commands about tokens, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from failoverdns.cli.rendering.tables import Result, Writer, print_table, print_warnings, table


def rights(token: Result) -> str:
    """Return in words what a token is for."""
    if token["head"] is not None:
        application = token["head"]["application"] or "(removed)"
        return f"head {application}/{token['head']['head']}"
    groups = f", groups {' '.join(token['groups'])}" if token["groups"] is not None else ""
    return f"{token['role']}{groups}"


def _added(result: Result) -> None:
    until = f"until {result['expires']}" if result["expires"] is not None else "never expires"
    click.echo(f"token {result['name']}: {rights(result)}; {until}")
    print_warnings(result)
    if "token" not in result:
        return
    click.echo(f"\n  {result['token']}\n")
    click.echo(
        "  This is its secret. It is shown only now: keep it where only its user can read it."
    )
    click.echo("  To try it, with the address of `http` in the configuration:")
    header = f"Authorization: Bearer {result['token']}"
    click.echo(f"\n  curl -H '{header}' http://127.0.0.1:8053/api/v1/whoami\n")


def _removed(result: Result) -> None:
    click.echo(f"token {result['removed']} removed: it can do nothing more")


def _tokens(result: Result) -> None:
    found = table("token", "id", "may", "created", "expires", "last used", "problem")
    for one in result["tokens"]:
        used = one["last_used"]
        found.add_row(
            one["name"],
            one["id"],
            rights(one),
            one["created"],
            one["expires"] or "never",
            f"{used['time']} from {used['address']}" if used is not None else "never",
            one["problem"] or "",
        )
    print_table(found, "no tokens yet: make one with `failoverdns token add NAME --role ROLE`")


WRITERS: Final[Mapping[str, Writer]] = {
    "token add": _added,
    "token list": _tokens,
    "token remove": _removed,
}
"""What prints the result of each command."""
