"""The command table: the history, shown, exported or verified."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from failoverdns.control.language import values
from failoverdns.control.language.parameters import ONE_GROUP, flag, number
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


ROWS: Final = (
    CommandRow(
        "history",
        "Show what changed, who asked for it and when, newest first; export it, or verify it.",
        (
            ONE_GROUP,
            number("limit", "at most so many changes", "N", 1, MAX_HISTORY),
            flag(
                "export",
                "print all of it as lines of JSON, oldest first, with the hashes that chain it",
            ),
            number(
                "since",
                "export only what changed after this revision",
                "REVISION",
                0,
                values.MAX_REVISION,
            ),
            flag("verify", "check that nothing in it was changed, taken out, put in or moved"),
            Parameter(
                "expect",
                "and that it has this hash, which was noted earlier",
                values.sha256,
                "HASH",
            ),
        ),
        _history,
        "history --export --since 1200",
    ),
)
"""Every command about the history."""
