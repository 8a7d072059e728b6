"""Places of clients: one user never takes those of another, and root always has one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from failoverdns.control.places import LEAST, LIMITS, SILENT_AT_ONCE, SILENT_RATE, Places

ROOT, OWN, ALICE, BOB = 0, 100, 1000, 1001


class Client:
    """A client that is busy, or idle."""

    def __init__(self, uid: int, is_idle: bool = False) -> None:
        self.uid = uid
        self.is_idle = is_idle
        self.is_gone = False

    def give_way(self) -> None:
        """Note that another one got the place."""
        self.is_gone = True


@pytest.fixture
def places() -> Places[Client]:
    return Places(frozenset((ROOT, OWN)), lambda: 0.0)


def enter(places: Places[Client], uid: int, count: int, **state: bool) -> list[Client]:
    """Let clients enter, and return those that got a place."""
    clients = [Client(uid, **state) for _ in range(count)]
    return [client for client in clients if places.enter(client)]


def test_one_user_cannot_take_the_places_of_another(places: Places[Client]) -> None:
    """It has its share, and the others have theirs."""
    assert len(enter(places, ALICE, 1000)) == LIMITS.clients_of_one
    assert len(enter(places, BOB, 1000)) == LIMITS.clients - LIMITS.clients_of_one


def test_places_are_kept_for_root_and_the_user_of_the_server(places: Places[Client]) -> None:
    """Also when others have taken all that there are, and none of them is idle."""
    for uid in range(2000, 2100):
        enter(places, uid, 10)
    assert not places.enter(Client(ALICE))
    assert len(enter(places, ROOT, 1000)) == LIMITS.clients_kept
    assert len(enter(places, OWN, 1000)) == LIMITS.clients_kept


def test_what_root_does_takes_no_place_of_others(places: Places[Client]) -> None:
    """Its share is limited like that of any user."""
    enter(places, ROOT, 1000)
    assert places.enter(Client(ALICE))
    assert places.enter(Client(OWN))


def test_an_idle_client_of_the_same_user_gives_way(places: Places[Client]) -> None:
    """It is the one that has been idle longest."""
    mine = enter(places, ALICE, LIMITS.clients_of_one, is_idle=True)
    others = enter(places, BOB, 10, is_idle=True)
    places.touch(mine[0])
    assert places.enter(Client(ALICE))
    assert [client.is_gone for client in mine[:3]] == [False, True, False]
    assert not any(client.is_gone for client in others)


def test_an_idle_client_of_the_user_with_the_most_gives_way(places: Places[Client]) -> None:
    """If all places are taken, and the new client's user has fewer."""
    most = enter(places, ALICE, LIMITS.clients_of_one, is_idle=True)
    fewer = enter(places, BOB, LIMITS.clients - LIMITS.clients_of_one, is_idle=True)
    assert places.enter(Client(2000))
    assert [most[0].is_gone, fewer[0].is_gone] == [True, False]


def test_no_client_of_a_user_that_has_fewer_places_gives_way(places: Places[Client]) -> None:
    """One that already has the most can only take the place of its own."""
    enter(places, ALICE, LIMITS.clients_of_one - 1)
    fewer = enter(places, BOB, LIMITS.clients - LIMITS.clients_of_one + 1, is_idle=True)
    assert not places.enter(Client(ALICE))
    assert not any(client.is_gone for client in fewer)


def test_clients_that_watch_have_places_of_their_own(places: Places[Client]) -> None:
    """A user's share of them is limited, and some are kept for root."""
    for _ in range(LIMITS.watchers_of_one):
        client = Client(ALICE)
        assert places.enter(client)
        assert places.watch(client)
        assert places.watch(client), "it does so already"
    late = Client(ALICE)
    assert places.enter(late)
    assert not places.watch(late)
    assert len(enter(places, ALICE, 1000)) == LIMITS.clients_of_one - 1
    for uid in range(2000, 2060):
        for client in enter(places, uid, 1, is_idle=False):
            places.watch(client)
    root = Client(ROOT)
    assert places.enter(root)
    assert places.watch(root)
    assert root in places.watchers


def test_a_user_that_connects_without_end_is_stopped_early() -> None:
    """Few of its clients that have sent nothing get a place; those that speak do, and others."""
    clock = Clock()
    places: Places[Client] = Places(frozenset((ROOT,)), clock.seconds)
    came = sum(places.may_come(ALICE, has_spoken=False) for _ in range(1000))
    assert came == SILENT_AT_ONCE
    assert places.may_come(ALICE, has_spoken=True)
    assert places.may_come(BOB, has_spoken=False)
    clock.advance(0.1)
    assert sum(places.may_come(ALICE, has_spoken=False) for _ in range(1000)) == SILENT_RATE / 10


def test_refused_clients_are_counted(places: Places[Client]) -> None:
    """Of each user, and in all."""
    assert [places.may_linger(ALICE) for _ in range(LIMITS.refused_of_one + 1)][-2:] == [
        True,
        False,
    ]
    assert sum(places.may_linger(uid) for uid in range(2000, 2100)) == (
        LIMITS.refused - LIMITS.refused_of_one
    )
    places.let_go(ALICE)
    assert places.may_linger(ALICE)


@given(st.integers(0, 1000))
def test_limits_that_were_lowered_leave_a_place_of_each_kind(connections: int) -> None:
    """And are not above what was asked for, down to one place of each kind."""
    limits = LIMITS.within(connections)
    assert limits.most <= max(connections, LEAST.most)
    assert min(limits.clients, limits.clients_of_one, limits.watchers, limits.refused) >= 1
    assert (limits == LIMITS) == (connections >= LIMITS.most)


def test_with_lowered_limits_root_still_finds_a_place() -> None:
    """And an idle client of a user gives way to the next."""
    places: Places[Client] = Places(frozenset((ROOT,)), lambda: 0.0)
    places.limit(10)
    assert len(enter(places, ALICE, 400, is_idle=True)) == 400
    assert places.report()["clients"] <= 10
    assert places.enter(Client(ROOT))


def test_an_idle_client_can_be_disconnected_to_make_room(places: Places[Client]) -> None:
    """For a descriptor that something else needs more."""
    enter(places, BOB, 1)
    assert not places.make_room()
    mine = enter(places, ALICE, 5, is_idle=True)
    assert places.make_room()
    assert [client.is_gone for client in mine] == [True, False, False, False, False]
