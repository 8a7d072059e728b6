"""The export and the verification of the history: their results and their refusals."""

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
    """Return a corridor with the group `shop`."""
    build_shop(corridor)
    return corridor


def result_of(corridor: Corridor, query: ReadCommand) -> dict[str, Any]:
    """Return the complete result of a command."""
    result = run(read(source_of(corridor), query))
    return {
        key: list(value.items) if isinstance(value, Streamed) else value
        for key, value in result.items()
    }


def test_an_export_has_every_change_with_its_hash_chain(built: Corridor) -> None:
    """Each line has the fields of `history`, and the text that is hashed."""
    export = result_of(built, ExportHistory())
    lines = export["export"]
    assert export["more"] is False
    (shown,) = result_of(built, History(limit=1))["history"]
    assert {key: lines[-1][key] for key in shown} == shown
    previous = "0" * 64
    for revision, line in enumerate(lines, 1):
        text = f"{previous}{line['document']}".encode()
        assert (line["revision"], line["hash"]) == (revision, sha256(text).hexdigest())
        assert line["previous"] == previous
        previous = line["hash"]
    verified = result_of(built, VerifyHistory(lines[2]["hash"]))
    assert verified == {
        "verified": True,
        "changes": len(lines),
        "first": 1,
        "last": len(lines),
        "hash": previous,
    }


def test_a_long_export_is_sent_in_several_replies(built: Corridor) -> None:
    """A client requests each from the last revision of the one before."""
    for number in range(EXPORTED):
        built.do(AddApplication(f"app{number}"))
    first = result_of(built, ExportHistory())
    assert (len(first["export"]), first["more"]) == (EXPORTED, True)
    rest = result_of(built, ExportHistory(EXPORTED))
    last = built.ledger.state.revision
    assert (len(rest["export"]), rest["more"]) == (last - EXPORTED, False)
    assert rest["export"][0]["previous"] == first["export"][-1]["hash"]
    assert result_of(built, ExportHistory(last)) == {"export": [], "more": False}


def test_an_export_after_a_future_revision_is_refused(built: Corridor) -> None:
    """A client that knows a later revision learns that an older state was restored."""
    last = built.ledger.state.revision
    with pytest.raises(Rejected, match=f"the history ends with revision {last}") as refused:
        result_of(built, ExportHistory(last + 1))
    assert refused.value.code == "invalid"


@pytest.mark.parametrize("query", [ExportHistory(), VerifyHistory()])
def test_a_history_that_was_tampered_with_is_refused_with_another_code_than_an_unreadable_one(
    built: Corridor, query: ReadCommand
) -> None:
    """Tampering needs an operator; an unreachable store may recover."""
    del built.store.chain[:]
    with pytest.raises(Rejected, match="history") as refused:
        result_of(built, query)
    assert refused.value.code == "corrupt"
    built.store.unreachable = True
    with pytest.raises(Rejected, match="cannot be read") as refused:
        result_of(built, query)
    assert refused.value.code == "unavailable"


def test_an_export_is_refused_with_the_revision_of_a_damaged_change(built: Corridor) -> None:
    """An export is complete or refused."""
    built.store.chain[2] = built.store.chain[2]._replace(text=b"{}")
    with pytest.raises(Rejected, match="revision 3 cannot be read: its text is not the one"):
        result_of(built, ExportHistory())
