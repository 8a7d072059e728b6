"""Of calls in a while one waits at most."""

from __future__ import annotations

from twisted.internet.task import Clock

from failoverdns.net.one_call import OneCall


def test_one_call_waits_at_most() -> None:
    """It comes when the first one was to come; after it there may be another."""
    clock, called = Clock(), list[str]()
    once = OneCall(clock)
    once.call(1.0, lambda: called.append("first"))
    clock.advance(0.5)
    once.call(1.0, lambda: called.append("second"))
    clock.advance(0.5)
    assert called == ["first"]
    clock.advance(5.0)
    assert called == ["first"]
    once.call(1.0, lambda: called.append("third"))
    clock.advance(1.0)
    assert called == ["first", "third"]


def test_a_call_that_was_cancelled_does_not_come() -> None:
    """Cancelling without a call that waits does nothing."""
    clock, called = Clock(), list[str]()
    once = OneCall(clock)
    once.cancel()
    once.call(1.0, lambda: called.append("first"))
    once.cancel()
    clock.advance(5.0)
    assert called == []
    once.cancel()
