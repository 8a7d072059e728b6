"""A secondary is asked for its serial soon after a change, and now and then while in step."""

from __future__ import annotations

import itertools

import pytest

from failoverdns.transfers.polling import IN_STEP, LONGEST, Polling


def _asked(polling: Polling, until: float, *, delay: float = 0.0) -> list[float]:
    """Return when queries are sent until a time; each is replied to with an old serial."""
    times = []
    while polling.due is not None and (now := polling.due) < until:
        if polling.wake(now):
            times.append(now)
            polling.replied(now + delay, in_step=False)
    return times


def test_nobody_is_asked_before_there_is_a_reason() -> None:
    assert Polling().due is None
    assert not Polling().wake(1.0)


def test_after_a_change_queries_become_ever_rarer() -> None:
    polling = Polling()
    polling.soon(0.0)
    times = _asked(polling, 40.0)
    pauses = [round(b - a, 3) for a, b in itertools.pairwise(times)]
    assert times[0] == 0.01
    assert pauses[:9] == [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56]
    assert set(pauses[9:]) == {LONGEST}


def test_a_secondary_in_step_is_asked_once_a_minute() -> None:
    polling = Polling()
    polling.soon(0.0)
    assert polling.wake(0.01)
    polling.replied(0.02, in_step=True)
    assert polling.due == 0.02 + IN_STEP


def test_another_change_begins_anew() -> None:
    polling = Polling()
    polling.soon(0.0)
    _asked(polling, 40.0)
    polling.soon(40.0)
    assert polling.due == 40.01
    assert polling.wake(40.01)
    polling.replied(40.01, in_step=False)
    assert polling.due == pytest.approx(40.02)


def test_one_query_waits_for_its_reply_at_a_time() -> None:
    polling = Polling()
    polling.soon(0.0)
    assert polling.wake(0.01)
    polling.soon(0.02)
    assert not polling.wake(0.03)
    assert polling.due == 0.51


def test_a_lost_reply_is_asked_for_again_and_does_not_count_as_silence() -> None:
    polling = Polling()
    polling.soon(0.0)
    assert polling.wake(0.01)
    assert polling.wake(0.51)
    assert polling.silent_since is None
    polling.replied(0.52, in_step=True)
    assert polling.silent_since is None


def test_a_secondary_that_never_answers_is_silent_since_the_first_query() -> None:
    polling = Polling()
    polling.soon(0.0)
    sent = []
    while polling.due is not None and (now := polling.due) < 60.0:
        if polling.wake(now):
            sent.append(now)
    assert polling.silent_since == 0.01
    assert 10 <= len(sent) <= 25
    assert max(b - a for a, b in itertools.pairwise(sent)) <= LONGEST + 2


def test_a_reply_ends_the_silence() -> None:
    polling = Polling()
    polling.soon(0.0)
    while polling.due is not None and (now := polling.due) < 60.0:
        polling.wake(now)
    while not polling.wake(polling.due or 0.0):
        pass
    polling.replied(70.0, in_step=False)
    assert polling.silent_since is None
    assert polling.due is not None
    assert polling.due < 70.1


def test_a_refusal_is_asked_about_less_often() -> None:
    polling = Polling()
    polling.soon(0.0)
    times = []
    while polling.due is not None and (now := polling.due) < 20.0:
        if polling.wake(now):
            times.append(now)
            polling.refused(now)
    pauses = [round(b - a, 3) for a, b in itertools.pairwise(times)]
    assert pauses == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
