"""Commands that change nothing: what they tell, and of which moment."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from corridors import Corridor, build_shop
from driving import run

from failoverdns.model import commands
from failoverdns.model.commands import (
    ExportHistory,
    History,
    ListApplications,
    ListGroups,
    Query,
    Records,
    Status,
    VerifyHistory,
    Watch,
)
from failoverdns.model.errors import Rejected
from failoverdns.model.names import DomainName
from failoverdns.reading import EXPORTED, Source, read
from failoverdns.wire.requests import Streamed


@pytest.fixture
def built(corridor: Corridor) -> Corridor:
    """A corridor with the group `shop`, and an application beside it."""
    build_shop(corridor)
    corridor.do(commands.AddApplication("other"))
    return corridor


def source(corridor: Corridor) -> Source:
    """What queries are read from."""
    return Source(corridor.ledger.state, corridor.store, corridor.now)


def told(corridor: Corridor, query: Query) -> dict[str, Any]:
    """The whole result of a query."""
    result = run(read(source(corridor), query))
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
    built.do(commands.RemoveHead("us", "lb"))
    history = told(built, History("shop", 2))["history"]
    kinds = [(change["changed"][0]["kind"], change["changed"][0]["name"]) for change in history]
    assert kinds == [("application", "us"), ("group", "shop")]
    assert len(told(built, History())["history"]) == built.ledger.state.revision


def test_a_group_that_is_gone_has_a_history(built: Corridor) -> None:
    """By its name; one that never was is not found."""
    built.do(commands.SetGroup("shop", "", "", override=("active-side",)))
    built.do(commands.RemoveGroup("shop"))
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


def test_an_export_has_every_change_in_a_chain(built: Corridor) -> None:
    """What `history` tells of it, with the text that its hash is made of."""
    export = told(built, ExportHistory())
    lines = export["export"]
    assert export["more"] is False
    (told_before,) = told(built, History(limit=1))["history"]
    assert {key: lines[-1][key] for key in told_before} == told_before
    previous = "0" * 64
    for revision, line in enumerate(lines, 1):
        text = f"{previous}{line['document']}".encode()
        assert (line["revision"], line["hash"]) == (revision, sha256(text).hexdigest())
        assert line["previous"] == previous
        previous = line["hash"]
    verified = told(built, VerifyHistory(lines[2]["hash"]))
    assert verified == {
        "verified": True,
        "changes": len(lines),
        "first": 1,
        "last": len(lines),
        "hash": previous,
    }


def test_a_long_export_comes_in_pieces(built: Corridor) -> None:
    """Asked for one after the other, from the last revision that came."""
    for number in range(EXPORTED):
        built.do(commands.AddApplication(f"app{number}"))
    first = told(built, ExportHistory())
    assert (len(first["export"]), first["more"]) == (EXPORTED, True)
    rest = told(built, ExportHistory(EXPORTED))
    last = built.ledger.state.revision
    assert (len(rest["export"]), rest["more"]) == (last - EXPORTED, False)
    assert rest["export"][0]["previous"] == first["export"][-1]["hash"]
    assert told(built, ExportHistory(last)) == {"export": [], "more": False}


def test_an_export_after_a_revision_that_is_not_there_is_refused(built: Corridor) -> None:
    """Whoever has seen more than there is should know."""
    last = built.ledger.state.revision
    with pytest.raises(Rejected, match=f"the history ends with revision {last}") as refused:
        told(built, ExportHistory(last + 1))
    assert refused.value.code == "invalid"


@pytest.mark.parametrize("query", [ExportHistory(), VerifyHistory()])
def test_a_history_that_was_tampered_with_is_told_from_one_that_is_away(
    built: Corridor, query: Query
) -> None:
    """The one is for a human, the other passes."""
    del built.store.chain[:]
    with pytest.raises(Rejected, match="history") as refused:
        told(built, query)
    assert refused.value.code == "corrupt"
    built.store.unreachable = True
    with pytest.raises(Rejected, match="cannot be read") as refused:
        told(built, query)
    assert refused.value.code == "unavailable"


def test_a_damaged_change_is_named_by_the_export(built: Corridor) -> None:
    """An export is whole, or says that it is not."""
    built.store.chain[2] = built.store.chain[2]._replace(text=b"{}")
    with pytest.raises(Rejected, match="revision 3 cannot be read: its text is not the one"):
        told(built, ExportHistory())


def test_records_are_those_of_one_zone_or_of_all(built: Corridor) -> None:
    """SOA first, with the zone's serial."""
    text = told(built, Records())["text"]
    assert told(built, Records(DomainName.from_text("failover.test")))["text"] == text
    lines = text.splitlines()
    assert lines[0] == "$ORIGIN failover.test."
    serial = told(built, Status())["zones"][0]["serial"]
    assert lines[1].startswith("failover.test. 60 IN SOA ns1.failover.test. ")
    assert lines[1].split()[6] == str(serial)
    assert "shop.failover.test. 60 IN A 192.0.2.1" in lines
    with pytest.raises(Rejected, match=r"no zone 'example\.com'"):
        told(built, Records(DomainName.from_text("example.com")))


def test_a_long_result_is_of_one_moment(built: Corridor) -> None:
    """What changes while it is told is not half in it."""
    result = run(read(source(built), Status()))
    groups = result["groups"]
    assert isinstance(groups, Streamed)
    built.do(commands.Switch(("shop",)))
    built.do(commands.AddGroup("late"))
    assert [(g["name"], g["active"]) for g in groups.items] == [("shop", "primary")]  # type: ignore[index, call-overload]


def test_watching_begins_with_a_reply(built: Corridor) -> None:
    """Events follow it."""
    assert told(built, Watch()) == {"watching": True}
