"""Which answers count as wrong while groups are switched, and which queries as lost or late."""

from __future__ import annotations

from socket import inet_aton

import pytest
from attacks.judging import ADDRESSES, LATE, NEVER, Judge, Tally

PRIMARY, BACKUP = 0, 1
SERVFAIL = b"\0\0\x84\2\0\1\0\0\0\0\0\0"


def answer(side: int) -> bytes:
    """Return a reply that ends with the address of a side."""
    return b"\0\0\x84\0\0\1\0\1\0\0\0\0" + inet_aton(ADDRESSES[side])


def wrong(judge: Judge, reply: bytes, *, switched_after: bool = False) -> int:
    """Query for a group, get a reply, and return the number of wrong replies so far."""
    query = judge.draw(0.0)
    if switched_after:
        judge.sides[query.group].append(BACKUP)
    judge.check(query, reply, 0.001)
    return judge.wrong


def switched(judge: Judge, side: int, *, acknowledged: bool) -> None:
    """Note that every group is switched."""
    for group, sides in enumerate(judge.sides):
        sides.append(side)
        if acknowledged:
            judge.acknowledged[group] = len(sides) - 1


def test_after_an_acknowledged_switch_only_the_new_answer_is_right() -> None:
    judge = Judge()
    assert wrong(judge, answer(PRIMARY)) == 0
    assert wrong(judge, answer(BACKUP)) == 1
    switched(judge, BACKUP, acknowledged=True)
    assert wrong(judge, answer(BACKUP)) == 1
    assert wrong(judge, answer(PRIMARY)) == 2


def test_during_a_switch_both_answers_are_right() -> None:
    judge = Judge()
    switched(judge, BACKUP, acknowledged=False)
    assert wrong(judge, answer(PRIMARY)) == wrong(judge, answer(BACKUP)) == 0


def test_a_query_that_a_switch_overtakes_may_get_either_answer() -> None:
    judge = Judge()
    assert wrong(judge, answer(PRIMARY), switched_after=True) == 0
    assert wrong(judge, answer(BACKUP), switched_after=True) == 0


def test_after_a_refused_switch_the_new_answer_is_wrong() -> None:
    judge = Judge()
    switched(judge, NEVER, acknowledged=False)
    assert wrong(judge, answer(PRIMARY)) == 0
    assert wrong(judge, answer(BACKUP)) == 1


@pytest.mark.parametrize("reply", [SERVFAIL, SERVFAIL[:3] + b"\0" + SERVFAIL[4:]])
def test_an_error_and_a_reply_without_an_answer_are_wrong(reply: bytes) -> None:
    judge = Judge()
    assert wrong(judge, reply) == 1
    assert judge.examples


def test_a_query_is_answered_late_or_lost() -> None:
    judge, tally = Judge(), Tally("udp")
    queries = [judge.draw(float(number)) for number in range(4)]
    for query in queries:
        tally.add(query)
    tally.answer(queries[0], 0.01)
    tally.answer(queries[1], 1.0 + LATE + 0.01)
    tally.lose(queries[2], with_connection=True)
    tally.expire(3.5)
    assert (tally.sent, tally.answered, tally.late) == (4, 2, 1)
    assert (tally.lost, tally.lost_with_connection) == (2, 1)
    tally.lose(queries[0])
    assert tally.lost == 2, "an answered query is not lost"
