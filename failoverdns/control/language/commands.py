"""The command table: every command of the control socket, for words, JSON and the command line.

Each command is one row in the module of its subject (`groups`, `applications`, ...); this module
joins them.  The parsers, `--help` and the documentation know a command by its row alone.
What a command does is decided in `rules`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from failoverdns.control.language import (
    applications,
    automation,
    certificates,
    groups,
    health,
    history,
    records,
    secondaries,
    server,
    tokens,
)
from failoverdns.control.language.rows import CommandRow, build, did_you_mean
from failoverdns.model.change import Json
from failoverdns.model.commands import Command
from failoverdns.model.errors import Rejected

_ORDER: Final = (
    "switch", "preflight", "status", "history", "watch", "records", "application", "head", "group",
    "record", "explain", "rehearse", "maintenance", "plan", "automation", "flag", "health",
    "certificate", "zone", "secondary", "backup", "querylog", "stats", "token", "whoami",
)  # fmt: skip
"""The first words of commands, in the order of `--help`; others follow."""


def _place(row: CommandRow) -> int:
    word = row.words.partition(" ")[0]
    return _ORDER.index(word) if word in _ORDER else len(_ORDER)


ROWS: Final = {
    row.words: row
    for row in sorted(
        groups.ROWS
        + applications.ROWS
        + certificates.ROWS
        + automation.ROWS
        + health.ROWS
        + history.ROWS
        + records.ROWS
        + secondaries.ROWS
        + server.ROWS
        + tokens.ROWS,
        key=_place,
    )
}
"""Every command by its words."""

_COMMAND_LIKE = re.compile(r"[A-Za-z][A-Za-z -]{0,39}", re.ASCII)
"""What an error message repeats; a line of a private key, sent by mistake, does not match."""


def parse_command(name: str, fields: Mapping[str, Json]) -> Command:
    """Build the command called `name` from named values.

    Raises Rejected: `unknown-command`, or `invalid` with every fault of the fields.
    """
    return build(find_row(name), fields)


def find_row(name: str) -> CommandRow:
    """Return the row of a command by its words; raises Rejected `unknown-command`."""
    row = ROWS.get(name)
    if row is not None:
        return row
    known = [words for words in ROWS if words.startswith(name.split(" ")[0] + " ")]
    if known:
        hint = "; known: " + ", ".join(map(repr, known))
    else:
        others = ", ".join(sorted({words.split(" ")[0] for words in ROWS}))
        hint = did_you_mean(name, ROWS) or f"; known: {others}"
    called = f"unknown command {name!r}" if _COMMAND_LIKE.fullmatch(name) else "unknown command"
    raise Rejected("unknown-command", f"{called}{hint}")
