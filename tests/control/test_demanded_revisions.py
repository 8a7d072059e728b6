"""A command that demands a revision (`If-Match` over HTTP) is refused if the state has another one.

A switch demands that its groups did not change since, any other command that nothing did.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from control_effects import ADMIN, quiet_effects
from corridors import WHO, Corridor, build_shop

from failoverdns.changes.batch import Batch, Submission
from failoverdns.changes.draft import Draft
from failoverdns.control.commanding import CommandCorridor, Lines
from failoverdns.control.language.requests import Request, read_request
from failoverdns.model.commands.applications import AddApplication
from failoverdns.model.moment import Moment


def request(line: str, expected: int | None) -> Request:
    return replace(read_request(line.encode()), expected=expected)


def ask(corridor: Corridor, line: str, expected: int | None) -> dict[str, Any]:
    """Give a command that changes something; return its reply."""
    commands = CommandCorridor(corridor.ledger, corridor.store, quiet_effects(corridor))
    replies: list[Lines] = []
    commands.change(request(line, expected), ADMIN, replies.append)
    (lines,) = replies
    reply: dict[str, Any] = json.loads(b"".join(lines))
    return reply


@pytest.fixture
def shop(corridor: Corridor) -> Corridor:
    build_shop(corridor)
    return corridor


@pytest.mark.parametrize(
    ("ahead", "message"),
    [
        (-1, "nothing was changed: something changed since revision 5: it is 6; look again"),
        (1, "nothing was changed: revision 7 is not reached yet: it is 6 now"),
    ],
)
def test_a_command_is_refused_at_another_revision(shop: Corridor, ahead: int, message: str) -> None:
    revision = shop.ledger.state.revision
    reply = ask(shop, "application add other", revision + ahead)
    assert reply["error"] == {"code": "conflict", "message": message}
    assert shop.ledger.state.revision == revision
    assert ask(shop, "application add other", revision)["revision"] == revision + 1


def test_a_retry_gets_the_earlier_reply_whatever_has_changed_since(shop: Corridor) -> None:
    """The command itself raised the revision."""
    revision = shop.ledger.state.revision
    line = '{"command": "application add", "name": "other", "op_id": "x"}'
    first = ask(shop, line, revision)
    assert first["ok"]
    assert ask(shop, line, revision) == first


def test_of_two_commands_in_one_commit_the_second_sees_the_first(shop: Corridor) -> None:
    batch = Batch(Draft(shop.ledger.state))
    for name in ("one", "two"):
        command, given = AddApplication(name), {"command": name}
        expected = shop.ledger.state.revision
        submission = Submission(command, WHO, given, print, expected=expected)
        batch.add(submission, Moment(0, 0), Random(0))
    outcomes = [type(outcome).__name__ for outcome in batch.outcomes]
    assert outcomes == ["Done", "Rejected"]


def test_a_switch_is_refused_only_if_its_group_changed(shop: Corridor) -> None:
    revision = shop.ledger.state.revision
    assert ask(shop, "application add other", None)["ok"]
    assert ask(shop, "switch shop", revision)["ok"]
    refused = ask(shop, "switch shop", revision)
    assert refused["error"]["code"] == "conflict"


def test_a_revision_in_the_switch_itself_is_kept(shop: Corridor) -> None:
    """Then the one of `If-Match` is that of the whole state."""
    revision = shop.ledger.state.revision
    assert ask(shop, "application add other", None)["ok"]
    line = f"switch shop --if-revision {revision}"
    assert ask(shop, line, revision)["error"]["code"] == "conflict"
    assert ask(shop, line, revision + 1)["ok"]


@pytest.mark.parametrize("line", ["group list", "zone notify"])
def test_a_command_that_changes_nothing_cannot_demand_a_revision(shop: Corridor, line: str) -> None:
    commands = CommandCorridor(shop.ledger, shop.store, quiet_effects(shop))
    asked = request(line, 1)
    carry_out = commands.read if line == "group list" else commands.act
    reply = json.loads(b"".join(asyncio.run(carry_out(asked, ADMIN))))
    assert reply["error"]["code"] == "invalid"
    assert "If-Match" in reply["error"]["message"]
