"""The history as evidence: what an export and a verification tell, and when they refuse."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from control_effects import source_of
from corridors import Corridor, build_shop
from driving import run

from failoverdns.control.auditing import EXPORTED
from failoverdns.control.language.requests import Streamed
from failoverdns.control.reading import read
from failoverdns.model.commands import ReadCommand
from failoverdns.model.commands.applications import AddApplication
from failoverdns.model.commands.history import ExportHistory, History, VerifyHistory
from failoverdns.model.errors import Rejected


@pytest.fixture
def built(corridor: Corridor) -> Corridor:
    """A corridor with the group `shop`."""
    build_shop(corridor)
    return corridor


def told(corridor: Corridor, query: ReadCommand) -> dict[str, Any]:
    """The whole result of a query."""
    result = run(read(source_of(corridor), query))
    return {
        key: list(value.items) if isinstance(value, Streamed) else value
        for key, value in result.items()
    }


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
        built.do(AddApplication(f"app{number}"))
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
    built: Corridor, query: ReadCommand
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
