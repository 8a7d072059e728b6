"""Shares: few clients at a time have one, and nobody waits for ever."""

from __future__ import annotations

from failoverdns.control.shares import Shares

OF_ONE, IN_ALL = 4, 16

ROOT, ALICE, BOB = 0, 1000, 1001


class Client:
    """A client that may get leave."""

    def __init__(self, uid: int) -> None:
        self.uid = uid
        self.looked = 0

    def look(self) -> None:
        """Note that there may be leave."""
        self.looked += 1


def test_a_user_has_its_share() -> None:
    """A further client waits in line until one of the others is done."""
    shares = Shares(frozenset({ROOT}), OF_ONE, IN_ALL)
    clients = [Client(ALICE) for _ in range(OF_ONE + 2)]
    assert [shares.has(one) for one in clients] == [True] * OF_ONE + [False, False]
    assert shares.has(clients[0]), "it has leave already"
    assert shares.has(Client(BOB))
    shares.end(clients[0])
    assert [one.looked for one in clients[OF_ONE:]] == [1, 0]
    assert shares.has(clients[OF_ONE])
    shares.end(clients[OF_ONE + 1])  # it has gone
    shares.end(clients[1])
    assert clients[OF_ONE + 1].looked == 0


def test_there_is_a_limit_for_all_users_together_but_not_for_root() -> None:
    """A user that waits for it is not passed over when a place is free for it."""
    shares = Shares(frozenset({ROOT}), OF_ONE, IN_ALL)
    others = [Client(ALICE + number) for number in range(IN_ALL)]
    assert all(shares.has(one) for one in others)
    late = Client(BOB + IN_ALL)
    assert not shares.has(late)
    assert shares.has(Client(ROOT))
    shares.end(others[0])
    assert late.looked == 1
