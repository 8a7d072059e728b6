"""A queue in which owners take turns."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from failoverdns.web.fair_queue import FairQueue, Full


@dataclass(frozen=True)
class One:
    owner: str
    number: int = 0


def filled(*owners: str) -> FairQueue[One]:
    queue: FairQueue[One] = FairQueue(100, 50)
    for number, owner in enumerate(owners):
        queue.add(One(owner, number))
    return queue


def order(queue: FairQueue[One]) -> str:
    found = []
    while (one := queue.next(lambda owner: True)) is not None:
        found.append(one.owner)
    return "".join(found)


def test_owners_take_turns_however_much_each_has() -> None:
    assert order(filled(*"aaaaabbc")) == "abcabaaa"


def test_what_one_owner_asked_keeps_its_order() -> None:
    queue = filled(*"aaa")
    assert [queue.next(lambda owner: True) for _ in range(4)] == [
        One("a", 0), One("a", 1), One("a", 2), None,
    ]  # fmt: skip


def test_an_owner_that_may_not_is_passed_over_and_keeps_its_turn() -> None:
    queue = filled(*"aab")
    assert queue.next(lambda owner: owner != "a") == One("b", 2)
    assert queue.next(lambda owner: owner != "a") is None
    assert queue.next(lambda owner: True) == One("a", 0)


def test_what_is_removed_does_not_come() -> None:
    queue = filled(*"ab")
    queue.remove(One("a", 0))
    queue.remove(One("a", 0))
    queue.remove(One("c", 0))
    assert len(queue) == 1
    assert order(queue) == "b"


@pytest.mark.parametrize(
    ("most", "of_one", "by_owner"), [(3, 2, True), (2, 2, True), (1, 2, False)]
)
def test_a_full_queue_says_whose_share_is_used_up(most: int, of_one: int, by_owner: bool) -> None:
    queue: FairQueue[One] = FairQueue(most, of_one)
    for number in range(min(most, of_one)):
        queue.add(One("a", number))
    with pytest.raises(Full) as caught:
        queue.add(One("a"))
    assert caught.value.by_owner is by_owner


def test_all_that_wait_can_be_listed() -> None:
    assert [one.number for one in filled(*"aba")] == [0, 2, 1]
