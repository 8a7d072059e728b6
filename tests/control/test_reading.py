"""Commands that change nothing: what they tell, and of which moment."""

from __future__ import annotations

from typing import Any

import pytest
from control_effects import source_of
from corridors import Corridor, build_shop
from driving import run

from failoverdns.control.language.requests import Streamed
from failoverdns.control.reading import read
from failoverdns.model.commands import ReadCommand
from failoverdns.model.commands.applications import AddApplication, ListApplications, RemoveHead
from failoverdns.model.commands.groups import AddGroup, ListGroups, RemoveGroup, SetGroup, Switch
from failoverdns.model.commands.history import History
from failoverdns.model.commands.server import ExportRecords, Status, Watch
from failoverdns.model.errors import Rejected
from failoverdns.model.names import DomainName


@pytest.fixture
def built(corridor: Corridor) -> Corridor:
    """A corridor with the group `shop`, and an application beside it."""
    build_shop(corridor)
    corridor.do(AddApplication("other"))
    return corridor


def told(corridor: Corridor, query: ReadCommand) -> dict[str, Any]:
    """The whole result of a query."""
    result = run(read(source_of(corridor), query))
    return {key: whole(value) for key, value in result.items()}


def whole(value: Any) -> Any:
    """A streamed value in one piece."""
    if not isinstance(value, Streamed):
        return value
    return "".join(map(str, value.items)) if value.text else list(value.items)


def names(entries: list[dict[str, Any]]) -> list[str]:
    """The names of entries."""
    return [entry["name"] for entry in entries]


def test_status_tells_everything(built: Corridor) -> None:
    """In order of creation."""
    status = told(built, Status())
    assert status["revision"] == built.ledger.state.revision
    assert names(status["zones"]) == ["failover.test"]
    assert names(status["applications"]) == ["eu", "us", "other"]
    assert names(status["groups"]) == ["shop"]


def test_status_of_a_group_tells_what_it_depends_on(built: Corridor) -> None:
    """And nothing else."""
    status = told(built, Status("shop"))
    assert names(status["applications"]) == ["eu", "us"]
    assert names(status["groups"]) == ["shop"]


def test_lists_tell_what_status_tells(built: Corridor) -> None:
    """Entry by entry."""
    status = told(built, Status())
    assert told(built, ListApplications())["applications"] == status["applications"]
    assert told(built, ListGroups())["groups"] == status["groups"]


def test_the_history_of_a_group_has_its_applications_in_it(built: Corridor) -> None:
    """A head that moved is why the answer changed."""
    built.do(RemoveHead("us", "lb"))
    history = told(built, History("shop", 2))["history"]
    kinds = [(change["changed"][0]["kind"], change["changed"][0]["name"]) for change in history]
    assert kinds == [("application", "us"), ("group", "shop")]
    assert len(told(built, History())["history"]) == built.ledger.state.revision


def test_a_group_that_is_gone_has_a_history(built: Corridor) -> None:
    """By its name; one that never was is not found."""
    built.do(SetGroup("shop", "", "", override=("active-side",)))
    built.do(RemoveGroup("shop"))
    history = told(built, History("shop"))["history"]
    assert history[0]["changed"][0]["done"] == "removed"
    with pytest.raises(Rejected, match="no group 'shp'"):
        told(built, History("shp"))


def test_a_history_that_cannot_be_read_is_not_an_empty_one(built: Corridor) -> None:
    """The store is away; what is in memory is told all the same."""
    built.store.unreachable = True
    with pytest.raises(Rejected) as refused:
        told(built, History())
    assert refused.value.code == "unavailable"
    assert told(built, Status("shop"))


def test_records_are_those_of_one_zone_or_of_all(built: Corridor) -> None:
    """SOA first, with the zone's serial."""
    text = told(built, ExportRecords())["text"]
    assert told(built, ExportRecords(DomainName.from_text("failover.test")))["text"] == text
    lines = text.splitlines()
    assert lines[0] == "$ORIGIN failover.test."
    serial = told(built, Status())["zones"][0]["serial"]
    assert lines[1].startswith("failover.test. 60 IN SOA ns1.failover.test. ")
    assert lines[1].split()[6] == str(serial)
    assert "shop.failover.test. 60 IN A 192.0.2.1" in lines
    with pytest.raises(Rejected, match=r"no zone 'example\.com'"):
        told(built, ExportRecords(DomainName.from_text("example.com")))


def test_a_long_result_is_of_one_moment(built: Corridor) -> None:
    """What changes while it is told is not half in it."""
    result = run(read(source_of(built), Status()))
    groups = result["groups"]
    assert isinstance(groups, Streamed)
    built.do(Switch(("shop",)))
    built.do(AddGroup("late"))
    assert [(g["name"], g["active"]) for g in groups.items] == [("shop", "primary")]  # type: ignore[index, call-overload]


def test_watching_begins_with_a_reply(built: Corridor) -> None:
    """Events follow it."""
    assert told(built, Watch()) == {"watching": True}
