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
from failoverdns.model.roles import Role

MAX_HISTORY = 10000

_MEANT_FOR = {
    "group": "GROUP cannot be used with --export or --verify: the chain covers the whole history",
    "limit": "--limit cannot be used with --export or --verify: the chain covers the whole history",
    "since": "--since needs --export",
    "expect": "--expect needs --verify",
}


def _history(export: bool = False, verify: bool = False, **given: Any) -> Command:
    """Return one of three commands; refuse options that are meant for another one."""
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
        "Show what changed, who changed it and when, newest first. Or export or verify it.",
        (
            ONE_GROUP,
            number("limit", "show at most N changes", "N", 1, MAX_HISTORY),
            flag(
                "export",
                "print the whole history as JSON lines, oldest first, with its hash chain",
            ),
            number(
                "since",
                "with --export: only changes after this revision",
                "REVISION",
                0,
                values.MAX_REVISION,
            ),
            flag("verify", "check that no change was altered, removed, inserted or moved"),
            Parameter(
                "expect",
                "with --verify: check that a change has this hash, noted earlier",
                values.sha256,
                "HASH",
            ),
        ),
        _history,
        "history --export --since 1200",
        role=Role.VIEWER,
        reads=True,
    ),
)
"""Every command about the history."""
