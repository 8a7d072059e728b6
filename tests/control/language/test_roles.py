"""The role that each command needs, as a list that is written by hand.

A new command is for admins until somebody decides otherwise, here and in its row.
"""

from __future__ import annotations

import re
from pathlib import Path

from control.language.test_commands import COMMANDS

from failoverdns.control.language.commands import ROWS
from failoverdns.control.language.requests import read_request
from failoverdns.control.language.rows import CommandRow
from failoverdns.model.commands import ReadCommand
from failoverdns.model.commands.server import Restart, Watch
from failoverdns.model.roles import Role

VIEWER = [
    "status", "stats", "whoami", "history", "watch", "records", "preflight", "explain", "rehearse",
    "application list", "group list", "health show", "plan list", "flag list", "certificate list",
    "certificate show", "certificate challenge-name", "querylog status", "record list",
    "zone list", "secondary list",
]  # fmt: skip
REPORTER = ["health report"]
OPERATOR = [
    "switch", "plan cancel", "health force", "maintenance", "automation freeze", "automation thaw",
    "flag on", "flag off", "zone notify",
]  # fmt: skip
ADMIN = [
    "application add", "application set", "application rename", "application remove", "head add",
    "head set", "head rename", "head activate", "head remove", "group add", "group set",
    "group rename", "group remove", "certificate install", "certificate request",
    "certificate remove", "certificate rotate-key", "backup", "querylog on", "querylog off",
    "restart", "record add", "record remove", "token add", "token remove", "token list",
]  # fmt: skip

READ_BY_ADMINS = ("token list",)
"""Commands that read what is not for everybody: who else has access, and from where."""

EXPECTED = {
    **dict.fromkeys(VIEWER, Role.VIEWER),
    **dict.fromkeys(REPORTER, Role.REPORTER),
    **dict.fromkeys(OPERATOR, Role.OPERATOR),
    **dict.fromkeys(ADMIN, Role.ADMIN),
}


def test_every_command_needs_the_role_that_is_written_here() -> None:
    assert {words: row.role for words, row in ROWS.items()} == EXPECTED


def test_a_command_without_a_role_is_for_admins() -> None:
    assert CommandRow("new", "A new command.", (), Restart).role is Role.ADMIN


def test_what_a_viewer_may_do_changes_nothing() -> None:
    """Whatever a row builds of its parameters."""
    for line, _, command in COMMANDS:
        row = ROWS[str(read_request(line.encode()).given["command"])]
        reads = isinstance(command, ReadCommand) and row.words not in READ_BY_ADMINS
        assert (row.role is Role.VIEWER) == reads, line


def test_a_command_reads_if_it_changes_nothing_and_has_one_reply() -> None:
    """HTTP answers it by GET, too; `watch` goes on until it is interrupted."""
    for line, _, command in COMMANDS:
        row = ROWS[str(read_request(line.encode()).given["command"])]
        reads = isinstance(command, ReadCommand) and not isinstance(command, Watch)
        assert row.reads == reads, line


def test_the_documents_name_the_role_of_every_command() -> None:
    """The table of commands in docs/control.md has a line for each form of a command."""
    text = (Path(__file__).parents[3] / "docs" / "control.md").read_text("utf-8")
    found: dict[str, set[str]] = {}
    for usage, role in re.findall(r"^\| `([^`]+)` \| (\w+) \| ", text, re.MULTILINE):
        words = usage.split()
        name = next(n for n in (" ".join(words[:2]), words[0]) if n in ROWS)
        found.setdefault(name, set()).add(role)
    assert found == {words: {row.role.value} for words, row in ROWS.items()}
