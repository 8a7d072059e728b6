"""Simulated resolvers cache answers as long as their kind does."""

from __future__ import annotations

from itertools import repeat
from random import Random

import pytest
from simulation.resolvers import (
    AT_LEAST_30,
    AT_LEAST_300,
    CYCLES,
    HONOURS,
    KINDS,
    MAX_STALE,
    STALE,
    Cache,
    Kind,
    Population,
    drawn,
    fetched,
)
from simulation.run import Answers

from failoverdns.model.group import Side

_P, _B = Side.PRIMARY, Side.BACKUP
SWITCHED = Answers(((1000.0, _B),))
"""The answer is the primary until 1000 and the backup afterwards."""


def cache_of(kind: Kind, ttl: float, begin: float, pause: float) -> Cache:
    """Return a resolver that fetches first at `begin`, and `pause` seconds after each expiry."""
    pauses = iter([0.0, *repeat(pause, 10000)])
    return fetched(kind, ttl, begin, 1400.0, pauses, SWITCHED)


@pytest.mark.parametrize(
    ("kind", "ttl", "until"),
    [
        (HONOURS, 60, 1059.0),
        (HONOURS, 5, 1004.0),
        (AT_LEAST_30, 5, 1029.0),
        (AT_LEAST_30, 60, 1059.0),
        (AT_LEAST_300, 60, 1299.0),
        (STALE, 60, 1059.0 + 7.0),
    ],
)
def test_a_resolver_returns_an_old_answer_for_this_long(
    kind: Kind, ttl: float, until: float
) -> None:
    """It was fetched 1 s before the switch; the first query after its expiry comes 7 s later."""
    cache = cache_of(kind, ttl, 999.0, 7.0)
    assert cache.given(999.5, SWITCHED) is _P
    assert cache.given(until - 0.01, SWITCHED) is _P
    assert cache.given(until + 0.01, SWITCHED) is _B
    assert cache.drained(1000.0) == pytest.approx(until - 1000.0)


def test_an_answer_with_ttl_0_is_not_cached() -> None:
    """Resolvers with a minimum TTL cache it nevertheless."""
    for kind, side in ((HONOURS, _B), (STALE, _B), (AT_LEAST_30, _P)):
        assert cache_of(kind, 0, 999.0, 7.0).given(1001.0, SWITCHED) is side


def test_a_resolver_without_a_cached_answer_queries_the_server() -> None:
    cache = cache_of(HONOURS, 60, 1200.0, 7.0)
    assert cache.given(900.0, SWITCHED) is _P
    assert cache.given(1001.0, SWITCHED) is _B
    assert cache.drained(1000.0) == 0.0


def test_only_resolvers_that_serve_stale_return_an_expired_answer() -> None:
    """The answer expired at 950, and the next query came at 1050."""
    for kind in (HONOURS, STALE):
        cache = cache_of(kind, 60, 890.0, 100.0)
        assert cache.given(1040.0, SWITCHED) is (_P if kind.stale else _B)
        assert cache.given(1051.0, SWITCHED) is _B


def test_a_stale_answer_is_returned_for_a_limited_time() -> None:
    old = fetched(STALE, 60, 0.0, 500.0, iter([0.0, 2 * MAX_STALE, 1.0]), Answers(()))
    later = Answers(((100.0, _B),))
    assert old.given(60.0 + MAX_STALE - 1.0, later) is _P
    assert old.given(60.0 + MAX_STALE + 1.0, later) is _B


def test_a_resolver_that_honours_the_ttl_returns_no_older_answer() -> None:
    """This holds for any rate of queries."""
    dice = Random(3)
    for _ in range(100):
        cache = drawn(HONOURS, 60, Population(), SWITCHED, (900.0, 1400.0), dice)
        assert cache.given(1060.0, SWITCHED) is _B
        assert cache.drained(1000.0) <= 60.0


def test_busy_resolvers_have_answers_of_every_age() -> None:
    """At the switch they have a cached answer with an age between 0 and the TTL."""
    dice, busy = Random(3), Population(busiest=0.1, quietest=0.2)
    ages = []
    for _ in range(400):
        cache = drawn(HONOURS, 60, busy, SWITCHED, (900.0, 901.0), dice)
        ages.append(900.0 - max(e.fetched for e in cache.entries if e.fetched <= 900.0))
        assert len([e for e in cache.entries if e.fetched <= 900.0]) >= CYCLES
    assert max(ages) <= 61.0
    assert sum(ages) / len(ages) == pytest.approx(30.0, abs=4.0)


def test_the_shares_of_a_population_cover_all_kinds_and_sum_to_1() -> None:
    assert list(Population().shares) == [kind.name for kind in KINDS]
    assert sum(Population().shares.values()) == pytest.approx(1.0)
