"""The budget of fast probes: places are taken in order, kept until they are left, and limited."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from failoverdns.probing.fast_places import FAST_RATE, FastPlaces


def test_keys_get_places_in_the_order_in_which_they_asked() -> None:
    places: FastPlaces[str] = FastPlaces()
    for key in "abc":
        places.ask(key, FAST_RATE / 2)
    assert places.admit() == ["a", "b"]
    places.ask("d", 1.0)
    assert places.admit() == []
    places.leave("a")
    assert places.admit() == ["c"]
    assert "b" in places
    assert "d" not in places


def test_a_key_that_asks_again_keeps_its_place_and_takes_another_rate() -> None:
    places: FastPlaces[str] = FastPlaces()
    for key in "abc":
        places.ask(key, FAST_RATE / 2)
    places.admit()
    places.ask("a", FAST_RATE / 10)
    assert places.taken == FAST_RATE * 0.6
    assert places.admit() == []
    places.ask("b", FAST_RATE / 10)
    assert places.admit() == ["c"]


def test_a_key_that_waits_may_leave_as_well() -> None:
    places: FastPlaces[str] = FastPlaces()
    for key in "abc":
        places.ask(key, FAST_RATE)
    assert places.admit() == ["a"]
    places.leave("ba")
    assert places.admit() == ["c"]


def test_a_key_that_takes_more_than_the_whole_budget_gets_a_place_alone() -> None:
    places: FastPlaces[str] = FastPlaces()
    places.ask("a", FAST_RATE * 3)
    places.ask("b", 1.0)
    assert places.admit() == ["a"]
    places.leave("a")
    assert places.admit() == ["b"]


def test_the_budget_grows_with_the_regular_probes() -> None:
    places: FastPlaces[int] = FastPlaces()
    places.resize(FAST_RATE * 4)
    for key in range(1000):
        places.ask(key, 1.0)
    assert len(places.admit()) == FAST_RATE * 4
    places.resize(1.0)
    places.leave(range(int(FAST_RATE) * 3))
    assert places.admit() == []
    assert len(places) == FAST_RATE


RATES = {key: (0.9, 9.0, 40.0, 450.0)[key % 4] for key in range(24)}


@given(st.lists(st.tuples(st.integers(0, 23), st.booleans()), max_size=200))
def test_the_budget_is_never_exceeded(steps: list[tuple[int, bool]]) -> None:
    """Whoever asks and leaves in which order."""
    places: FastPlaces[int] = FastPlaces()
    for key, asks in steps:
        if asks:
            places.ask(key, RATES[key])
        else:
            places.leave([key])
        places.admit()
        assert places.taken <= FAST_RATE + 1e-6 or len(places) == 1
