"""The reply says which names a new application or group hides from a wildcard."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import samples
from samples import carry_out, group, refusal, state, tombstone

from failoverdns.changes.state import State
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import (
    AddApplication,
    RemoveApplication,
    RenameApplication,
)
from failoverdns.model.commands.groups import AddGroup
from failoverdns.model.former_name import FormerName
from failoverdns.model.zone import Reveal, Zone

WILDCARD = samples.zone(records=(samples.text_record("*.failover.test"),))
OTHER = samples.zone("other.example")
HIDDEN = (
    "www.failover.test has no records any more: *.failover.test answered there, and does not since "
    "_status.www.failover.test is below it (RFC 4592); give www.failover.test records in the "
    "configuration, or hide the status with zones.failover.test.reveal"
)


@pytest.mark.parametrize(
    "command", [AddApplication("www"), RenameApplication("eu", "www")], ids=["added", "renamed"]
)
def test_a_new_application_name_that_hides_a_name_from_a_wildcard_is_warned_of(
    command: Mutation,
) -> None:
    reply = carry_out(state(samples.eu(), zones=[WILDCARD, OTHER]), command)
    assert reply["warnings"] == [HIDDEN]


@pytest.mark.parametrize(
    ("entities", "zone"),
    [
        pytest.param([], samples.zone(), id="no wildcard"),
        pytest.param([], replace(WILDCARD, reveal=Reveal(status=False)), id="no status is shown"),
        pytest.param([FormerName("www")], WILDCARD, id="hidden before, by the former status"),
        pytest.param([group("x", label="www")], WILDCARD, id="a group is there"),
        pytest.param([tombstone("www")], WILDCARD, id="a group was there"),
        pytest.param(
            [],
            samples.zone(
                records=tuple(samples.text_record(f"{n}.failover.test") for n in ("*", "www"))
            ),
            id="it has records of its own",
        ),
        pytest.param(
            [],
            samples.zone(
                records=tuple(samples.text_record(f"{n}.failover.test") for n in ("*", "a.b.www"))
            ),
            id="it exists already, because a name is below it",
        ),
    ],
)
def test_nothing_is_warned_of_where_no_wildcard_answered(entities: list[Any], zone: Zone) -> None:
    view = state(samples.eu(), samples.us(), *entities, zones=[zone])
    assert "warnings" not in carry_out(view, AddApplication("www"))


def test_a_label_that_was_chosen_and_that_a_wildcard_answered_is_warned_of() -> None:
    """Nobody has used nine random digits before."""
    view = state(zones=[WILDCARD])
    assert carry_out(view, AddGroup("shop", label="www"))["warnings"] == [
        "*.failover.test answered at www.failover.test, and at names below it, and does not any "
        "more: the group answers there, and nothing else does below it"
    ]
    assert "warnings" not in carry_out(view, AddGroup("other"))


def test_a_label_that_exists_already_hides_nothing() -> None:
    """A name below it makes it exist, so that no wildcard answered there."""
    names = ("*", "*.www")
    zone = samples.zone(records=tuple(samples.text_record(f"{n}.failover.test") for n in names))
    assert "warnings" not in carry_out(state(zones=[zone]), AddGroup("shop", label="www"))


def test_the_sides_of_a_group_at_the_apex_hide_names_too() -> None:
    reply = carry_out(state(zones=[WILDCARD]), AddGroup("apex", label="@"))
    texts = reply["warnings"]
    assert isinstance(texts, list)
    assert [str(text).split(" ")[3] for text in texts] == [
        "primary.failover.test,",
        "backup.failover.test,",
    ]
    hidden = replace(WILDCARD, reveal=Reveal(sides=False))
    assert "warnings" not in carry_out(state(zones=[hidden]), AddGroup("apex", label="@"))


def test_a_name_that_comes_back_is_a_former_one_no_more() -> None:
    view = state(samples.eu())

    def former(view: State) -> list[str]:
        return [each.name for each in view.entities(FormerName)]

    carry_out(view, RenameApplication("eu", "uk"))
    assert former(view) == ["eu"]
    carry_out(view, RenameApplication("uk", "eu"))
    assert former(view) == ["uk"]
    carry_out(view, RenameApplication("eu", "eu"))
    assert former(view) == ["uk"]
    carry_out(view, RemoveApplication("eu"))
    assert former(view) == ["uk", "eu"]
    carry_out(view, AddApplication("eu"))
    assert former(view) == ["uk"]
    assert refusal(view, AddApplication("eu")).code == "exists"
