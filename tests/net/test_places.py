"""Places among a limited number of connections, and who gives way."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failoverdns.net.places import KNOWN_FOR, KnownOrigins, Origin, Places

MOST = 8
STEPS = st.integers(0, 4).map(lambda n: bytes([n]))
ORIGINS = st.tuples(STEPS, STEPS)
SEEDS = st.integers(0, 2**32)


def places(seed: int = 0, known: frozenset[bytes] = frozenset(), free: int = 2) -> Places[int]:
    """Return places for a few connections; known steps have `free` places."""
    return Places(MOST, Random(seed).randrange, lambda step: free if step in known else 0)


@given(st.lists(ORIGINS, max_size=60), SEEDS)
def test_a_connection_of_the_largest_network_gives_way(origins: list[Origin], seed: int) -> None:
    """And of the address in it that has the most; never more than all places are taken."""
    found = places(seed)
    inside: dict[int, Origin] = {}
    for number, origin in enumerate(origins):
        inside[number] = origin
        gone = found.enter(number, origin)
        if gone is not None:
            networks = Counter(network for network, _ in inside.values())
            network, _ = inside[gone]
            assert networks[network] == max(networks.values())
            addresses = Counter(other for other in inside.values() if other[0] == network)
            assert addresses[inside[gone]] == max(addresses.values())
            del inside[gone]
        assert len(found) == len(inside) <= MOST
        assert found.all() == list(inside)
        assert all(
            found.count(other) == list(inside.values()).count(other) for other in inside.values()
        )


@given(st.lists(st.tuples(ORIGINS, st.booleans()), max_size=60), SEEDS)
def test_nothing_is_left_of_connections_that_leave(
    moves: list[tuple[Origin, bool]], seed: int
) -> None:
    found = places(seed)
    for number, (origin, leaves) in enumerate(moves):
        found.enter(number, origin)
        if leaves and found.all():
            found.leave(found.all()[seed % len(found)])
    for number in range(len(moves)):
        found.leave(number)
    assert (len(found), found.all()) == (0, [])
    empty = vars(places()._group)
    assert {**vars(found._group), "_free": empty["_free"]} == empty


@given(st.lists(ORIGINS, min_size=1, max_size=40), SEEDS)
def test_a_network_within_its_share_never_gives_way(flood: list[Origin], seed: int) -> None:
    """A flood of two or more connections of one network leaves the only one of another alone."""
    found = places(seed)
    found.enter(-1, (b"quiet", b"one"))
    for number, (network, address) in enumerate(flood):
        gone = found.enter(number, (b"large" if number % 2 else network[:0] + b"more", address))
        assert gone != -1


@given(st.integers(0, 300), SEEDS)
def test_the_newer_half_never_gives_way(count: int, seed: int) -> None:
    """A connection has the time that half of the places give it, whoever else comes."""
    found = places(seed)
    for number in range(count):
        gone = found.enter(number, (b"n", b"a"))
        assert gone is None or gone <= number - MOST // 2


@given(st.integers(0, 300), SEEDS)
def test_known_origins_keep_their_places_in_a_flood_from_many(count: int, seed: int) -> None:
    found = places(seed, known=frozenset({b"known", b"head"}))
    for number in (-1, -2):
        found.enter(number, (b"known", b"head"))
    for number in range(count):
        gone = found.enter(number, (number.to_bytes(2, "big"), b"x"))
        assert gone is None or gone >= 0


def test_a_known_network_has_no_more_than_its_places_for_free() -> None:
    """A flood from it competes with others."""
    found = places(known=frozenset({b"known"}))
    found.enter(-1, (b"other", b"x"))
    gone = [found.enter(number, (b"known", b"x")) for number in range(50)]
    assert -1 not in gone


def test_known_origins_are_forgotten_after_a_time_and_when_there_are_too_many() -> None:
    known = KnownOrigins(3)
    known.remember((b"n", b"a"), 100)
    assert known.has(b"n", 100)
    assert known.has(b"a", 99 + KNOWN_FOR)
    assert not known.has(b"a", 100 + KNOWN_FOR)
    known.remember((b"a",), 50)
    assert known.has(b"a", 99 + KNOWN_FOR)
    known.remember((b"n", b"b"), 200)
    assert known.has(b"a", 200)
    known.remember((b"n", b"c"), 300)
    assert [known.has(step, 300) for step in (b"a", b"b", b"c", b"n")] == [False, True, True, True]


@given(st.lists(ORIGINS, max_size=30), st.integers(0, 10), SEEDS)
def test_the_limit_can_be_lowered_at_any_time(origins: list[Origin], most: int, seed: int) -> None:
    """The largest networks give way first."""
    found = places(seed)
    for number, origin in enumerate(origins):
        found.enter(number, origin)
    before = found.all()
    gone = found.limit(most)
    assert len(found) == min(most, len(before))
    assert {*found.all(), *gone} == set(before)
    assert len(found) + len(gone) == len(before)
    found.enter(-1, (b"late", b"late"))
    assert len(found) <= most


@pytest.mark.parametrize("seed", range(5))
def test_nobody_can_aim_at_a_connection(seed: int) -> None:
    """Which one of the older half gives way is drawn."""
    gone = set()
    for run in range(100):
        found = places(1000 * seed + run)
        for number in range(MOST):
            found.enter(number, (b"n", b"a"))
        gone.add(found.enter(MOST, (b"n", b"a")))
    assert gone == set(range((MOST + 2) // 2))
