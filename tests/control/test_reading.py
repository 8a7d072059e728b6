"""Commands that only read: their results, and the moment that a result shows."""

from __future__ import annotations

from typing import Any

import pytest
from control_effects import source_of
from corridors import ORIGIN, Corridor, build_shop
from driving import run
from unwritable import build, fail_over

from failoverdns.control.language.requests import Streamed
from failoverdns.control.reading import read
from failoverdns.model.change import Write
from failoverdns.model.commands import ReadCommand
from failoverdns.model.commands.applications import AddApplication, ListApplications, RemoveHead
from failoverdns.model.commands.groups import (
    AddGroup,
    Explain,
    ListGroups,
    RemoveGroup,
    SetGroup,
    Switch,
)
from failoverdns.model.commands.health import ShowHealth
from failoverdns.model.commands.history import History
from failoverdns.model.commands.records import ListRecords, NewRecord, StoreRecords
from failoverdns.model.commands.server import ExportRecords, Status, Watch
from failoverdns.model.errors import Rejected
from failoverdns.model.names import DomainName
from failoverdns.model.records import Opaque, RRset
from failoverdns.model.stored_records import StoredRecords
from failoverdns.model.timestamps import timestamp
from failoverdns.store.memory import MemoryStore


@pytest.fixture
def built(corridor: Corridor) -> Corridor:
    """Return a corridor with the group `shop`, and an application that is not in use."""
    build_shop(corridor)
    corridor.do(AddApplication("other"))
    return corridor


def result_of(corridor: Corridor, query: ReadCommand) -> dict[str, Any]:
    """Return the complete result of a command."""
    result = run(read(source_of(corridor), query))
    return {key: whole(value) for key, value in result.items()}


def whole(value: Any) -> Any:
    """Return a value, a streamed one in one piece."""
    if not isinstance(value, Streamed):
        return value
    return "".join(map(str, value.items)) if value.text else list(value.items)


def names(entries: list[dict[str, Any]]) -> list[str]:
    """Return the names of entries."""
    return [entry["name"] for entry in entries]


def test_status_shows_all_zones_applications_and_groups(built: Corridor) -> None:
    """They are in order of creation."""
    status = result_of(built, Status())
    assert status["revision"] == built.ledger.state.revision
    assert names(status["zones"]) == ["failover.test"]
    assert names(status["applications"]) == ["eu", "us", "other"]
    assert names(status["groups"]) == ["shop"]


def test_status_of_a_group_shows_the_group_and_its_applications(built: Corridor) -> None:
    """Other groups and applications are left out."""
    status = result_of(built, Status("shop"))
    assert names(status["applications"]) == ["eu", "us"]
    assert names(status["groups"]) == ["shop"]


def test_stored_records_are_listed_in_the_order_of_names_with_what_hides_them(
    built: Corridor,
) -> None:
    """The records of a zone that is not configured are listed too."""
    for owner, rtype, data in (("z", 1, b"\xc0\0\2\1"), ("a.b", 16, b"\1x"), ("ns1", 1, bytes(4))):
        records = (NewRecord(DomainName.from_text(owner, ORIGIN), rtype, 60, data),)
        built.do(StoreRecords(ORIGIN, records))
    listed = result_of(built, ListRecords())["records"]
    assert names(listed) == ["a.b.failover.test", "ns1.failover.test", "z.failover.test"]
    assert [each["hidden"] for each in listed] == [
        None,
        "the configuration has records of this type there",
        None,
    ]
    assert result_of(built, ListRecords(ORIGIN))["records"] == listed
    with pytest.raises(Rejected, match=r"no zone 'other\.example'"):
        result_of(built, ListRecords(DomainName.from_text("other.example")))
    status = result_of(built, Status())
    assert [zone["stored_records"] for zone in status["zones"]] == [3]


def test_the_records_of_a_zone_that_is_not_configured_are_listed() -> None:
    stored = StoredRecords(ORIGIN, ORIGIN.child("www"), (RRset(1, 60, (Opaque(bytes(4)),)),))
    corridor = Corridor()
    corridor.ledger.state.apply(1, (Write(None, stored),))
    (listed,) = result_of(corridor, ListRecords(ORIGIN))["records"]
    assert listed["hidden"] == "zone failover.test is not configured"


def test_lists_have_the_same_entries_as_status(built: Corridor) -> None:
    """This holds for applications and for groups."""
    status = result_of(built, Status())
    assert result_of(built, ListApplications())["applications"] == status["applications"]
    assert result_of(built, ListGroups())["groups"] == status["groups"]


def test_the_history_of_a_group_includes_changes_of_its_applications(built: Corridor) -> None:
    """A removed head may be the reason for another answer."""
    built.do(RemoveHead("us", "lb", override=("target-empty",)))
    history = result_of(built, History("shop", 2))["history"]
    kinds = [(change["changed"][0]["kind"], change["changed"][0]["name"]) for change in history]
    assert kinds == [("application", "us"), ("group", "shop")]
    assert len(result_of(built, History())["history"]) == built.ledger.state.revision


def test_a_removed_group_still_has_a_history(built: Corridor) -> None:
    """It is found by its name; a group that never existed is not found."""
    built.do(SetGroup("shop", "", "", override=("active-side",)))
    built.do(RemoveGroup("shop"))
    history = result_of(built, History("shop"))["history"]
    assert history[0]["changed"][0]["done"] == "removed"
    with pytest.raises(Rejected, match="no group 'shp'"):
        result_of(built, History("shp"))


def test_a_history_that_cannot_be_read_is_refused_and_not_shown_as_empty(built: Corridor) -> None:
    """While the store is unreachable, `status` still works from memory."""
    built.store.unreachable = True
    with pytest.raises(Rejected) as refused:
        result_of(built, History())
    assert refused.value.code == "unavailable"
    assert result_of(built, Status("shop"))


def test_records_shows_one_zone_or_all_zones(built: Corridor) -> None:
    """The SOA record comes first, with the zone's serial."""
    text = result_of(built, ExportRecords())["text"]
    assert result_of(built, ExportRecords(DomainName.from_text("failover.test")))["text"] == text
    lines = text.splitlines()
    assert lines[0] == "$ORIGIN failover.test."
    serial = result_of(built, Status())["zones"][0]["serial"]
    assert lines[1].startswith("failover.test. 60 IN SOA ns1.failover.test. ")
    assert lines[1].split()[6] == str(serial)
    assert "shop.failover.test. 60 IN A 192.0.2.1" in lines
    with pytest.raises(Rejected, match=r"no zone 'example\.com'"):
        result_of(built, ExportRecords(DomainName.from_text("example.com")))


def test_a_long_result_shows_the_state_of_one_moment(built: Corridor) -> None:
    """Changes made while the result is sent are not in it."""
    result = run(read(source_of(built), Status()))
    groups = result["groups"]
    assert isinstance(groups, Streamed)
    built.do(Switch(("shop",)))
    built.do(AddGroup("late"))
    assert [(g["name"], g["active"]) for g in groups.items] == [("shop", "primary")]  # type: ignore[index, call-overload]


def test_watch_gets_a_reply_first(built: Corridor) -> None:
    """Events follow the reply."""
    assert result_of(built, Watch()) == {"watching": True}


def test_status_and_lists_show_what_is_not_recorded_and_why() -> None:
    """The revision is the last one that is stored, of the server and of each group."""
    corridor = build(MemoryStore())
    revision = corridor.ledger.state.revision
    assert result_of(corridor, Status())["store"] == {
        "writable": True,
        "fault": None,
        "since": None,
        "read_only": False,
        "reserve": "none",
        "free": None,
        "unrecorded": 0,
    }
    corridor.store.unreachable = True
    began = timestamp(corridor.now)
    fail_over(corridor)
    status = result_of(corridor, Status())
    why = "a test has the store unreachable"
    assert status["revision"] == revision
    assert status["store"] | {"writable": False, "fault": why, "since": began} == status["store"]
    assert status["store"]["unrecorded"] == 2
    unrecorded = {"since": began, "why": why}
    (group,) = status["groups"]
    assert (group["active"], group["unrecorded"]) == ("backup", unrecorded)
    assert group["revision"] <= revision
    assert [each["unrecorded"] for each in status["applications"]] == [unrecorded, None]
    assert result_of(corridor, ListGroups())["groups"] == status["groups"]
    one = result_of(corridor, Status("shop"))
    assert (one["groups"], one["store"]) == (status["groups"], status["store"])
    health = result_of(corridor, ShowHealth("eu"))
    assert health["applications"][0]["unrecorded"] == unrecorded
    assert health["store"] == status["store"]
    explained = result_of(corridor, Explain("shop"))
    assert explained["unrecorded"] == unrecorded
    assert explained["store"] == status["store"]
    corridor.store.unreachable = False
    corridor.ledger.resume()
    (group,) = result_of(corridor, Status())["groups"]
    assert group["unrecorded"] is None
