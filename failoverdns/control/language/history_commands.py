"""The row of the command table that is about the history: shown, exported, or verified.

Refuses to know the chain over it: that is the store's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from failoverdns.control.language import values
from failoverdns.control.language.parameters import ONE_GROUP
from failoverdns.control.language.rows import CommandRow, Parameter
from failoverdns.model.commands import Command
from failoverdns.model.commands.history import ExportHistory, History, VerifyHistory
from failoverdns.model.errors import Rejected

MAX_HISTORY = 10000

_MEANT_FOR = {
    "group": "GROUP goes without --export and --verify: the chain is over the whole history",
    "limit": "--limit goes without --export and --verify: the chain is over the whole history",
    "since": "--since goes with --export",
    "expect": "--expect goes with --verify",
}


def _history(export: bool = False, verify: bool = False, **given: Any) -> Command:
    """Make one of three commands; what is meant for another one is refused."""
    if export and verify:
        raise Rejected("invalid", "--export and --verify: choose one")
    build: Callable[..., Command]
    build, fields = History, {"group", "limit"}
    if export:
        build, fields = ExportHistory, {"since"}
    elif verify:
        build, fields = VerifyHistory, {"expect"}
    wrong = [_MEANT_FOR[name] for name in given if name not in fields]
    if wrong:
        raise Rejected("invalid", "; ".join(wrong))
    return build(**given)


HISTORY_ROW: Final = CommandRow(
    "history",
    "Show what changed, who asked for it and when, newest first; export it, or verify it.",
    (
        ONE_GROUP,
        Parameter(
            "limit",
            "at most so many changes",
            values.number(1, MAX_HISTORY, ""),
            "N",
            integer=True,
        ),
        Parameter(
            "export",
            "print all of it as lines of JSON, oldest first, with the hashes that chain it",
            values.flag,
            flag=True,
        ),
        Parameter(
            "since",
            "export only what changed after this revision",
            values.number(0, 2**63 - 1, ""),
            "REVISION",
            integer=True,
        ),
        Parameter(
            "verify",
            "check that nothing in it was changed, taken out, put in or moved",
            values.flag,
            flag=True,
        ),
        Parameter(
            "expect",
            "and that it has this hash, which was noted earlier",
            values.sha256,
            "HASH",
        ),
    ),
    _history,
    "history --export --since 1200",
)
