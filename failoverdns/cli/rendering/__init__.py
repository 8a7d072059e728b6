"""Replies for people: sentences for changes, tables for lists.

The result of each command is printed by the module of its subject, as in `control.language`.
"""

from __future__ import annotations

from typing import Any, Final

from failoverdns.cli.rendering import (
    applications,
    automation,
    certificates,
    groups,
    health,
    history,
    records,
    secondaries,
    server,
    stats,
    tokens,
)
from failoverdns.cli.rendering.history import event

__all__ = ["WRITERS", "event", "refusal", "show"]


def show(command: str, reply: dict[str, Any]) -> None:
    """Print the result of `command` (its words)."""
    WRITERS[command](reply["result"])


def refusal(reply: dict[str, Any]) -> str:
    """Return the text of a refusal, with a line for each rule that refused."""
    error = reply.get("error", {})
    text = f"{error.get('code', 'failed')}: {error.get('message', 'no reason given')}"
    rules = error.get("rules", ())
    return text + "".join(f"\n  {rule['rule']}: {rule['message']}" for rule in rules)


WRITERS: Final = {
    **groups.WRITERS,
    **applications.WRITERS,
    **certificates.WRITERS,
    **automation.WRITERS,
    **health.WRITERS,
    **history.WRITERS,
    **records.WRITERS,
    **secondaries.WRITERS,
    **server.WRITERS,
    **stats.WRITERS,
    **tokens.WRITERS,
}
"""What prints the result of each command."""
