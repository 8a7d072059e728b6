"""A wait ends when every secondary has the awaited serial, or a newer one (RFC 1982)."""

from __future__ import annotations

import samples

from failoverdns.following.waiting import Served, Wait

A, B = samples.name("a.test"), samples.name("b.test")


def _wait(serial: int = 17) -> Wait:
    return Wait({A: serial, B: serial}, {("ns2", A), ("ns3", A), ("ns2", B)}, lambda: None)


def test_it_is_over_when_each_secondary_serves_each_zone() -> None:
    wait = _wait()
    wait.note(("ns2", A), 17, 1.0)
    wait.note(("ns3", A), 16, 1.5)
    wait.note(("ns2", B), 18, 2.0)
    assert not wait.is_over
    assert list(wait.left()) == [("ns3", A)]
    wait.note(("ns3", A), 17, 3.0)
    assert wait.is_over
    assert wait.served[-1] == Served(("ns3", A), 17, 3.0)


def test_a_secondary_counts_from_when_it_was_first_seen_with_the_serial() -> None:
    wait = _wait()
    wait.note(("ns2", A), 17, 1.0)
    wait.note(("ns2", A), 17, 9.0)
    assert wait.served == [Served(("ns2", A), 17, 1.0)]


def test_a_serial_that_has_wrapped_is_newer() -> None:
    wait = _wait(0xFFFFFFF0)
    wait.note(("ns2", A), 5, 1.0)
    wait.note(("ns2", B), 0xFFFFFF00, 1.0)
    assert list(wait.left()) == [("ns3", A), ("ns2", B)]


def test_unknown_serials_and_other_secondaries_are_ignored() -> None:
    wait = _wait()
    wait.note(("ns2", A), None, 1.0)
    wait.note(("ns9", A), 17, 1.0)
    assert wait.served == []
