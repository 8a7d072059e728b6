"""Long requests: few at a time are in memory, and nobody waits for ever."""

from __future__ import annotations

from failoverdns.control.long_requests import IN_ALL, OF_ONE, LongRequests

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
    requests = LongRequests(frozenset({ROOT}))
    clients = [Client(ALICE) for _ in range(OF_ONE + 2)]
    assert [requests.may_send(one) for one in clients] == [True] * OF_ONE + [False, False]
    assert requests.may_send(clients[0]), "it has leave already"
    assert requests.may_send(Client(BOB))
    requests.end(clients[0])
    assert [one.looked for one in clients[OF_ONE:]] == [1, 0]
    assert requests.may_send(clients[OF_ONE])
    requests.end(clients[OF_ONE + 1])  # it has gone
    requests.end(clients[1])
    assert clients[OF_ONE + 1].looked == 0


def test_there_is_a_limit_for_all_users_together_but_not_for_root() -> None:
    """A user that waits for it is not passed over when a place is free for it."""
    requests = LongRequests(frozenset({ROOT}))
    others = [Client(ALICE + number) for number in range(IN_ALL)]
    assert all(requests.may_send(one) for one in others)
    late = Client(BOB + IN_ALL)
    assert not requests.may_send(late)
    assert requests.may_send(Client(ROOT))
    requests.end(others[0])
    assert late.looked == 1
