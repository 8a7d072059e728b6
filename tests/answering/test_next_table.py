"""An answerer fills a next table while it answers from the present one, and swaps them."""

from __future__ import annotations

import dns.message
import dns.rcode
import pytest
from samples import name
from tables import addresses, authority, node
from twisted.internet.task import Clock

from failoverdns.answering.answerer import Answerer
from failoverdns.model.change import Delta
from failoverdns.model.errors import Malformed
from failoverdns.protocol.table.deltas import write_delta

ORIGIN = "failover.test"
ZONE = write_delta(Delta(authorities=(authority(ORIGIN),)))


def names(*owners: str) -> bytes:
    """Return a delta that serves names."""
    nodes = (node(f"{one}.{ORIGIN}", ORIGIN, addresses("192.0.2.1")) for one in owners)
    return write_delta(Delta(nodes=tuple(nodes)))


@pytest.fixture(params=["compiled", "python"])
def answerer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Answerer:
    """Return an answerer with one name, with each kind of table."""
    monkeypatch.setenv("FAILOVERDNS_FAST_PATH", request.param)
    made = Answerer(Clock())
    made.take_delta(ZONE + names("old"))
    return made


def exists(answerer: Answerer, owner: str) -> bool:
    """Ask for a name."""
    query = dns.message.make_query(f"{owner}.{ORIGIN}", "A")
    reply = answerer.answer(query.to_wire(), "192.0.2.9", udp=True)
    assert reply is not None
    return dns.message.from_wire(reply).rcode() == dns.rcode.NOERROR


def served(answerer: Answerer) -> list[str]:
    """Return which names are answered."""
    return [one for one in ("old", "new", "between", "last") if exists(answerer, one)]


def test_the_next_table_answers_only_after_the_swap(answerer: Answerer) -> None:
    answerer.fill_next(ZONE)
    answerer.fill_next(names("new"))
    assert served(answerer) == ["old"]
    answerer.take_delta(names("between"))
    assert served(answerer) == ["old", "between"]
    answerer.take_next(names("last"))
    assert served(answerer) == ["new", "between", "last"]
    answerer.take_delta(write_delta(Delta(removed=(name(f"new.{ORIGIN}"),))))
    assert served(answerer) == ["between", "last"]


def test_a_delta_in_parts_reaches_both_tables(answerer: Answerer) -> None:
    answerer.fill_next(ZONE)
    answerer.take_delta(names("between"), is_part=True)
    answerer.take_delta(names("last"))
    assert served(answerer) == ["old", "between", "last"]
    answerer.take_next(b"")
    assert served(answerer) == ["between", "last"]


def test_a_next_table_that_is_forgotten_leaves_nothing(answerer: Answerer) -> None:
    answerer.fill_next(ZONE + names("new"))
    answerer.forget_next()
    assert served(answerer) == ["old"]
    answerer.fill_next(ZONE)
    answerer.take_next(b"")
    assert served(answerer) == []


def test_there_is_no_swap_without_a_next_table(answerer: Answerer) -> None:
    with pytest.raises(Malformed):
        answerer.take_next(names("last"))
    assert served(answerer) == ["old"]
