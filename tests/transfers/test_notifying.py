"""A secondary is notified at once, with one message at a time, and again until it follows."""

from __future__ import annotations

import itertools

from failoverdns.transfers.notifying import LONGEST, Notifying


def test_a_change_is_notified_at_once() -> None:
    notifying = Notifying()
    assert not notifying.wake(5.0)
    notifying.want(5.0)
    assert notifying.due == 5.0
    assert notifying.wake(5.0)
    assert not notifying.wake(5.0)


def test_many_changes_during_one_message_cost_one_more() -> None:
    notifying = Notifying()
    notifying.want(0.0)
    assert notifying.wake(0.0)
    for change in range(1000):
        notifying.want(change / 1e6)
        assert not notifying.wake(change / 1e6)
    notifying.replied(0.02, accepted=True)
    assert notifying.wake(0.02)
    notifying.replied(0.03, accepted=True)
    assert not notifying.wake(0.04)


def test_an_older_message_that_is_accepted_does_not_count_for_the_present_serial() -> None:
    notifying = Notifying()
    notifying.want(0.0)
    notifying.wake(0.0)
    notifying.want(0.001)
    notifying.replied(0.02, accepted=True)
    assert notifying.accepted_at is None
    notifying.wake(0.02)
    notifying.replied(0.03, accepted=True)
    assert notifying.accepted_at == 0.03


def _sent(notifying: Notifying, until: float, *, accepted: bool | None) -> list[float]:
    """Return when messages are sent; each is replied to so after 10 ms, or never with None."""
    times = []
    while notifying.due is not None and (now := notifying.due) < until:
        if notifying.wake(now):
            times.append(now)
            if accepted is not None:
                notifying.replied(now + 0.01, accepted=accepted)
    return times


def test_without_a_reply_it_is_sent_again_with_growing_pauses_for_ever() -> None:
    notifying = Notifying()
    notifying.want(0.0)
    times = _sent(notifying, 1000.0, accepted=None)
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses[:8] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, LONGEST]
    assert set(pauses[8:]) == {LONGEST}
    assert len(pauses) > 20


def test_a_refused_message_is_sent_again_with_the_same_pauses() -> None:
    notifying = Notifying()
    notifying.want(0.0)
    times = _sent(notifying, 10.0, accepted=False)
    assert times == [0.0, 0.5, 1.5, 3.5, 7.5]


def test_a_secondary_that_accepts_and_does_not_follow_is_notified_again() -> None:
    notifying = Notifying()
    notifying.want(0.0)
    times = _sent(notifying, 40.0, accepted=True)
    assert [round(time) for time in times] == [0, 5, 15, 35]


def test_a_change_ends_a_pause_but_not_the_wait_for_a_reply() -> None:
    notifying = Notifying()
    notifying.want(0.0)
    _sent(notifying, 8.0, accepted=False)
    notifying.want(8.0)
    assert notifying.wake(8.0)
    notifying.want(8.1)
    assert not notifying.wake(8.1)


def test_a_secondary_that_answers_again_is_notified_at_once() -> None:
    notifying = Notifying()
    notifying.want(0.0)
    _sent(notifying, 100.0, accepted=None)
    notifying.wake(102.0)
    notifying.hurry(103.0)
    assert notifying.wake(103.0)


def test_nothing_is_sent_to_a_secondary_that_is_in_step() -> None:
    notifying = Notifying()
    notifying.want(0.0)
    notifying.wake(0.0)
    notifying.settle()
    assert notifying.due is None
    notifying.replied(0.1, accepted=False)
    assert notifying.due is None
