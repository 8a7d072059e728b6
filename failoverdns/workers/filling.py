"""Filling the tables of workers that have just started, part by part.

A few parts are under way at a time, so that the control process neither waits for each part nor
holds the whole table in memory as bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from failoverdns.workers.called_process import CalledProcess, Gone, Stuck
from failoverdns.workers.calls import Call
from failoverdns.workers.frames import write_delta_frame, write_next_frame
from failoverdns.workers.interface import Parts

FILLING: Final = 60.0
"""Seconds that a starting worker may take to apply a part of the table."""

AHEAD: Final = 4
"""Parts of the table that are under way at a time."""


async def fill(workers: Sequence[CalledProcess], parts: Parts, reactor: Any) -> None:
    """Send all `parts` of the table to every worker, and wait until they are applied.

    Raises Gone or Stuck if a worker ends.
    """
    under_way: deque[Deferred[Any]] = deque()
    try:
        await _send_parts(workers, parts, under_way, reactor)
    finally:
        for rest in under_way:
            rest.addErrback(lambda _: None)  # only the first fault is raised


async def fill_next(workers: Sequence[CalledProcess], parts: Parts, reactor: Any) -> None:
    """Send all `parts` of a next table to every worker; one that ends meanwhile is left out.

    One part is under way while the next is made: what else is sent does not wait for many.
    """
    under_way: deque[Deferred[Any]] = deque()
    for part in parts():
        frame = write_next_frame(part)
        for worker in workers:
            worker.send_delta(frame)
        under_way.append(_together(workers, Call.APPLIED).addErrback(_ended))
        await deferLater(reactor, 0)
        if len(under_way) > 1:
            await under_way.popleft()
    while under_way:
        await under_way.popleft()


def _ended(failure: Failure) -> None:
    """Leave it to whoever watches a worker that it has ended."""
    if not isinstance(failure.value, Gone | Stuck):
        failure.raiseException()


async def _send_parts(
    workers: Sequence[CalledProcess], parts: Parts, under_way: deque[Deferred[Any]], reactor: Any
) -> None:
    for part in parts():
        frame = write_delta_frame([part])
        for worker in workers:
            worker.send_delta(frame)
        under_way.append(_together(workers, Call.APPLIED))
        await deferLater(reactor, 0)
        if len(under_way) > AHEAD:
            await under_way.popleft()
    while under_way:
        await under_way.popleft()


def _together(workers: Sequence[CalledProcess], name: Call) -> Deferred[Any]:
    calls = [Deferred.fromCoroutine(worker.call(name, bound=FILLING)) for worker in workers]
    return gatherResults(calls, consumeErrors=True).addErrback(_first)


def _first(failure: Failure) -> Failure:
    """Return the failure of the first of several calls that failed."""
    return failure.value.subFailure if isinstance(failure.value, FirstError) else failure
