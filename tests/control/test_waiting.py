"""A switch with `--wait-secondaries` replies when secondaries serve it, and lists the others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from control_effects import ADMIN, NoSecondaries, quiet_effects
from corridors import ORIGIN, Corridor, build_shop
from driving import Gate

from failoverdns.control.commanding import CommandCorridor, Lines
from failoverdns.control.language.requests import read_request
from failoverdns.model.change import Json
from failoverdns.model.names import DomainName
from failoverdns.model.timestamps import read_timestamp, timestamp


class Secondaries(NoSecondaries):
    """Secondaries that a test lets serve a change; a gate holds the wait."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.waits: list[tuple[dict[DomainName, int], float]] = []
        self.found: list[dict[str, Json]] = []

    async def wait(
        self, serials: Mapping[DomainName, int], seconds: float
    ) -> list[dict[str, Json]]:
        """Wait at the gate, and return what the test has set."""
        self.waits.append((dict(serials), seconds))
        await self.gate()
        return self.found


def found(name: str, served_at: float | None, problem: str | None = None) -> dict[str, Json]:
    """Return what a wait found of a secondary."""
    return {
        "secondary": name,
        "zone": "failover.test",
        "serial": 17,
        "in_step": problem is None,
        "served_at": timestamp(served_at),
        "problem": problem,
    }


@pytest.fixture
def secondaries(corridor: Corridor) -> Secondaries:
    build_shop(corridor)
    return Secondaries()


def ask(corridor: Corridor, secondaries: Secondaries, line: str) -> list[dict[str, Any]]:
    """Give a command; return a list that gets its reply."""
    effects = quiet_effects(corridor, following=secondaries, spawn=secondaries.gate.spawn)
    commands = CommandCorridor(corridor.ledger, corridor.store, effects)
    replies: list[dict[str, Any]] = []

    def take(lines: Lines) -> None:
        replies.append(json.loads(b"".join(lines)))

    commands.change(read_request(line.encode()), ADMIN, take)
    return replies


def test_the_switch_is_done_before_the_wait_and_the_reply_comes_after_it(
    corridor: Corridor, secondaries: Secondaries
) -> None:
    secondaries.gate.closed = True
    replies = ask(corridor, secondaries, "switch shop --wait-secondaries 5")
    group = corridor.ledger.state.group_named("shop")
    assert group is not None
    assert group.active.value == "backup"
    assert replies == []
    serial = corridor.ledger.state.serial(ORIGIN)
    assert serial is not None
    assert secondaries.waits == [({ORIGIN: serial.serial}, 5)]
    secondaries.found = [found("ns2", corridor.now + 0.25)]
    secondaries.gate.open()
    (reply,) = replies
    assert reply["ok"]
    assert reply["result"]["secondaries"] == secondaries.found
    assert "warnings" not in reply["result"]


def test_drained_at_counts_from_the_last_secondary_that_serves_it(
    corridor: Corridor, secondaries: Secondaries
) -> None:
    secondaries.found = [
        found("ns2", corridor.now + 0.25),
        found("ns3", corridor.now + 2.0),
        found("ns4", None, "it does not answer"),
    ]
    (reply,) = ask(corridor, secondaries, "switch shop --wait-secondaries 5")
    (group,) = reply["result"]["groups"]
    assert read_timestamp(group["drained_at"]) == corridor.now + 60 + 2.0
    assert reply["result"]["warnings"] == [
        "secondary ns4 does not serve the new answer in failover.test: it does not answer"
    ]


@pytest.mark.parametrize("after", [0.0004, 0.0017, 0.2509, 1.0006])
def test_drained_at_is_a_ttl_after_the_last_served_at_whatever_milliseconds_cut_off(
    corridor: Corridor, secondaries: Secondaries, after: float
) -> None:
    corridor.now += 0.0009
    secondaries.found = [found("ns2", corridor.now + after)]
    (reply,) = ask(corridor, secondaries, "switch shop --wait-secondaries 5")
    (group,), (secondary,) = reply["result"]["groups"], reply["result"]["secondaries"]
    served_at = read_timestamp(secondary["served_at"])
    assert group["drained_at"] == timestamp(round(served_at + 60, 3))


def test_several_groups_wait_for_all_of_their_zones_at_once(
    corridor: Corridor, secondaries: Secondaries
) -> None:
    ask(corridor, secondaries, "group add blog --primary eu --backup us")
    ask(corridor, secondaries, "switch shop blog --to backup --wait-secondaries 5")
    assert len(secondaries.waits) == 1


def test_a_switch_to_the_active_side_waits_for_the_present_serial(
    corridor: Corridor, secondaries: Secondaries
) -> None:
    secondaries.found = [found("ns2", corridor.now + 9)]
    (reply,) = ask(corridor, secondaries, "switch shop --to primary --wait-secondaries 5")
    assert len(secondaries.waits) == 1
    assert reply["result"]["groups"][0]["drained_at"] is None


@pytest.mark.parametrize(
    "line",
    [
        "switch shop",
        "switch shop --wait-secondaries 5 --dry-run",
        "switch nothing --wait-secondaries 5",
        "group rename shop store",
    ],
)
def test_other_commands_dry_runs_and_refused_switches_do_not_wait(
    corridor: Corridor, secondaries: Secondaries, line: str
) -> None:
    assert len(ask(corridor, secondaries, line)) == 1
    assert secondaries.waits == []
