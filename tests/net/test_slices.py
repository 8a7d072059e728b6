"""Long work in slices: other work comes in between, and it can be given up."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from failoverdns.net.slices import SLICE, in_slices


def steps(count: int, done: list[int], seconds: float = SLICE / 2) -> Generator[None, None, str]:
    """Work in steps that take a while each."""
    for number in range(count):
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            pass
        done.append(number)
        yield
    return "all"


def test_other_work_comes_between_two_slices() -> None:
    clock, done, between = Clock(), list[int](), list[int]()
    found: list[Any] = []

    def other_work() -> None:
        between.append(len(done))
        if not found:
            clock.callLater(0, other_work)

    Deferred.fromCoroutine(in_slices(steps(9, done), clock)).addBoth(found.append)
    other_work()
    clock.advance(0)
    assert found == ["all"]
    assert done == list(range(9))
    assert len(between) >= 3
    assert 0 < between[0] < 9


def test_steps_that_are_short_share_a_slice() -> None:
    done: list[int] = []
    found: list[Any] = []
    Deferred.fromCoroutine(in_slices(steps(3, done, 0.0), Clock())).addBoth(found.append)
    assert done
    assert len(done) > 1 or not found


def test_work_can_be_given_up_between_two_slices() -> None:
    clock, done, allowed = Clock(), list[int](), [2]

    def go_on() -> None:
        allowed[0] -= 1
        if allowed[0] < 0:
            raise TimeoutError

    failed: Deferred[Any] = Deferred.fromCoroutine(in_slices(steps(99, done), clock, go_on))
    for _ in range(5):
        clock.advance(0)
    assert len(done) < 99
    faults: list[Any] = []
    failed.addErrback(faults.append)
    assert faults[0].check(TimeoutError)


def test_an_exception_of_a_step_is_raised() -> None:
    def broken() -> Generator[None, None, None]:
        yield
        raise ValueError("broken")

    faults: list[Any] = []
    Deferred.fromCoroutine(in_slices(broken(), Clock())).addErrback(faults.append)
    assert faults[0].check(ValueError)
    with pytest.raises(ValueError, match="broken"):
        faults[0].raiseException()
