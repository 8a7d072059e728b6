"""One zone at one secondary, as a sequence of what happens and what is sent."""

from __future__ import annotations

from failoverdns.transfers.standing import GRACE, Known, Send, Standing

NOTIFY, QUERY = Send.NOTIFY, Send.QUERY


def _sent(standing: Standing, now: float) -> list[Send]:
    return list(standing.wake(now))


def _in_step(serial: int = 17) -> Standing:
    """Return a standing that is in step at the time 1, and was reported so."""
    standing = Standing(serial, 0.0)
    assert _sent(standing, 0.01) == [QUERY]
    standing.has(1.0, serial)
    assert standing.news(1.0) is not None
    return standing


def test_after_a_start_the_secondary_is_asked_and_not_notified() -> None:
    standing = Standing(17, 0.0)
    assert standing.news(0.0) is None
    assert standing.due == 0.01
    assert _sent(standing, 0.01) == [QUERY]
    standing.has(0.02, 17)
    assert _sent(standing, 0.02) == []
    assert standing.news(0.02) == Known(17, 17, 0.02)


def test_after_a_start_a_secondary_that_is_behind_is_notified() -> None:
    standing = Standing(19, 0.0)
    _sent(standing, 0.01)
    standing.has(0.02, 17)
    assert standing.news(0.02) == Known(19, 17, 0.02)
    assert _sent(standing, 0.02) == [NOTIFY]
    standing.accepted(0.03)
    assert _sent(standing, 0.031) == [QUERY]
    standing.has(0.05, 19)
    assert standing.news(0.05) == Known(19, 19, 0.05)
    assert standing.due == 60.05


def test_a_change_is_notified_at_once_and_asked_about_soon() -> None:
    standing = _in_step(17)
    standing.changed(5.0, 18)
    assert _sent(standing, 5.0) == [NOTIFY]
    assert _sent(standing, 5.01) == [QUERY]
    standing.accepted(5.011)
    standing.has(5.012, 18)
    known = standing.news(5.012)
    assert known is not None
    assert known.in_step
    assert standing.due == 65.012


def test_a_secondary_that_follows_at_once_is_reported_once_for_a_change() -> None:
    standing = _in_step(17)
    standing.changed(5.0, 18)
    _sent(standing, 5.0)
    standing.accepted(5.005)
    _sent(standing, 5.01)
    standing.has(5.011, 17)
    assert standing.news(5.011) is None
    _sent(standing, 5.021)
    standing.has(5.022, 18)
    assert standing.news(5.022) is not None
    assert standing.news(5.022) is None


def test_a_secondary_that_does_not_follow_is_reported_after_a_second() -> None:
    standing = _in_step(17)
    standing.changed(5.0, 18)
    _sent(standing, 5.0)
    standing.accepted(5.005)
    for now in (5.01, 5.5):
        _sent(standing, now)
        standing.has(now, 17)
        assert standing.news(now) is None
    assert standing.news(5.0 + GRACE) == Known(18, 17, 5.5, notified_at=5.005)
    assert standing.news(5.0 + GRACE) is None


def test_a_query_is_lost_while_in_step_and_nothing_is_reported() -> None:
    standing = _in_step()
    assert _sent(standing, 61.0) == [QUERY]
    assert _sent(standing, 61.5) == [QUERY]
    assert standing.news(61.5) is None
    standing.has(61.6, 17)
    assert standing.news(61.6) is None


def test_a_secondary_that_hangs_is_reported_with_the_time_since_when() -> None:
    standing = _in_step()
    while standing.due is not None and (now := standing.due) < 70.0:
        _sent(standing, now)
    known = standing.news(70.0)
    assert known is not None
    assert known.silent_since == 61.0
    assert not known.in_step


def test_a_secondary_that_comes_back_is_notified_at_once() -> None:
    standing = _in_step(17)
    standing.changed(5.0, 18)
    while standing.due is not None and (now := standing.due) < 100.0:
        _sent(standing, now)
    assert standing.known().silent_since is not None
    while QUERY not in _sent(standing, standing.due or 0.0):
        pass
    now = (standing.due or 0.0) - 0.1
    standing.has(now, 17)
    assert NOTIFY in _sent(standing, now + 2)
    standing.accepted(now + 2)
    standing.has(now + 2, 18)
    known = standing.news(now + 2)
    assert known is not None
    assert known.in_step


def test_a_refusal_is_reported_at_once_with_its_reason() -> None:
    standing = Standing(17, 0.0)
    _sent(standing, 0.01)
    standing.refused(0.02, "answers NOTAUTH")
    assert standing.news(0.02) == Known(17, problem="answers NOTAUTH")
    assert _sent(standing, 0.02) == [NOTIFY]
    assert standing.news(0.03) is None


def test_a_refused_notify_is_the_reason_as_long_as_the_secondary_is_behind() -> None:
    standing = _in_step(17)
    standing.changed(5.0, 18)
    _sent(standing, 5.0)
    standing.not_accepted(5.01, "answers REFUSED to NOTIFY")
    assert standing.known().problem == "answers REFUSED to NOTIFY"
    _sent(standing, 5.011)
    standing.has(5.02, 18)
    assert standing.known().problem is None


def test_a_serial_that_is_newer_than_ours_is_a_problem() -> None:
    standing = Standing(17, 0.0)
    _sent(standing, 0.01)
    standing.has(0.02, 20)
    problem = standing.known().problem
    assert problem is not None
    assert "newer than ours" in problem


def test_what_a_secondary_fetched_is_asked_about_at_once() -> None:
    standing = _in_step(17)
    standing.changed(5.0, 18)
    while standing.due is not None and (now := standing.due) < 30.0:
        if QUERY in _sent(standing, now):
            standing.has(now, 17)
    standing.heard(30.0)
    assert standing.due == 30.01


def test_a_catalog_zone_is_notified_at_a_start_and_never_asked_about() -> None:
    standing = Standing(17, 0.0, asks=False)
    assert _sent(standing, 0.0) == [NOTIFY]
    standing.accepted(0.01)
    known = standing.news(0.01)
    assert known == Known(17, 17, 0.01)
    assert standing.due is None
    standing.heard(1.0)
    assert standing.due is None
    standing.changed(2.0, 18)
    assert _sent(standing, 2.0) == [NOTIFY]
    standing.changed(2.001, 19)
    standing.accepted(2.01)
    assert standing.serial == 17  # the one that it accepted was about another serial
    assert _sent(standing, 2.01) == [NOTIFY]
    standing.accepted(2.02)
    assert standing.serial == 19


def test_a_secondary_that_loses_the_zone_is_notified_again() -> None:
    """It may have started again with an older copy."""
    standing = _in_step(17)
    assert _sent(standing, 61.0) == [QUERY]
    standing.has(61.01, 16)
    assert _sent(standing, 61.01) == [NOTIFY]


def test_a_refusal_is_forgotten_with_the_first_serial() -> None:
    standing = Standing(17, 0.0)
    _sent(standing, 0.01)
    standing.refused(0.02, "answers SERVFAIL")
    assert QUERY in _sent(standing, 1.0)
    standing.has(1.01, 17)
    assert standing.known() == Known(17, 17, 1.01)
