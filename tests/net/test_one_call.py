"""At most one delayed call is pending."""

from __future__ import annotations

from twisted.internet.task import Clock

from failoverdns.net.one_call import OneCall


def test_at_most_one_call_is_pending() -> None:
    """It happens when the first one was due; after it there may be another."""
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


def test_a_cancelled_call_does_not_happen() -> None:
    """Cancelling without a pending call does nothing."""
    clock, called = Clock(), list[str]()
    once = OneCall(clock)
    once.cancel()
    once.call(1.0, lambda: called.append("first"))
    once.cancel()
    clock.advance(5.0)
    assert called == []
    once.cancel()
