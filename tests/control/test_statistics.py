"""`stats` counts all groups, shows a bounded number of them, and never works for long at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from control_effects import source_of
from corridors import Corridor

from failoverdns.changes.state import State
from failoverdns.control.language.requests import PAUSE, Late, Streamed, write_reply
from failoverdns.control.reading import read
from failoverdns.control.statistics import AT_ONCE, MOST_UNASKED, _Groups
from failoverdns.model.commands.server import Stats
from failoverdns.model.group import Group, Side
from failoverdns.model.names import DomainName

ZONE = DomainName.from_text("failover.test")


def state_of(groups: int) -> State:
    """Return a state of groups without applications; every third one is on its backup."""
    sides = (Side.BACKUP, Side.PRIMARY, Side.PRIMARY)
    return State(
        1,
        [
            Group(f"id{n}", f"g{n}", ZONE, f"l{n}", None, None, sides[n % 3], 60, revision=1)
            for n in range(groups)
        ],
    )


def shown(state: State, *patterns: str) -> tuple[list[Any], dict[str, Any]]:
    """Return the rows of groups, and the numbers of all."""
    groups = _Groups(state, patterns, lambda id_: {"backup": {"manual": 1}} if id_ == "id0" else {})
    rows = [row for row in groups.rows() if row is not PAUSE]
    return rows, {name: groups.total(name) for name in ("groups_total", "groups_omitted")}


def test_all_groups_are_shown_up_to_a_number() -> None:
    rows, totals = shown(state_of(MOST_UNASKED))
    assert len(rows) == MOST_UNASKED
    assert totals == {"groups_total": MOST_UNASKED, "groups_omitted": 0}
    assert rows[0] == {
        "group": "g0",
        "active": {"primary": 0, "backup": 1},
        "health": {"primary": None, "backup": None},
        "maintenance": 0,
        "switches": {"backup": {"manual": 1}},
    }


def test_with_more_only_those_are_shown_that_are_asked_for() -> None:
    state = state_of(MOST_UNASKED + 1)
    assert shown(state) == ([], {"groups_total": 1001, "groups_omitted": 1001})
    rows, totals = shown(state, "g1000", "g?")
    assert [row["group"] for row in rows] == [*(f"g{n}" for n in range(10)), "g1000"]
    assert totals["groups_omitted"] == 990


def test_work_without_a_row_is_interrupted_too() -> None:
    """Others have their turn after every few groups."""
    groups = _Groups(state_of(10 * AT_ONCE), ("nothing",), lambda _: {})
    assert [*groups.rows()] == [PAUSE] * 10


def test_a_pause_is_a_piece_of_the_reply_and_no_item() -> None:
    result = {"list": Streamed([1, PAUSE, PAUSE, 2]), "late": Late(lambda: 3)}
    pieces = [*write_reply(None, 1, result)]
    assert len(pieces) == 3
    assert json.loads(b"".join(pieces))["result"] == {"list": [1, 2], "late": 3}


@pytest.fixture
def numbers(corridor: Corridor) -> Any:
    """Return the result of `stats`."""
    reading = read(source_of(corridor), Stats())
    with pytest.raises(StopIteration) as end:
        reading.send(None)
    return json.loads(b"".join(write_reply(None, 1, end.value.value)))["result"]


def test_a_store_that_can_be_written_was_reached_just_now(numbers: Any) -> None:
    assert numbers["store"]["writable"] == 1
    assert numbers["store"]["last_contact"] == numbers["time"]
    assert numbers["refused"]["target-empty"] == 0
    assert numbers["groups_active"].keys() == {"primary", "backup"}
