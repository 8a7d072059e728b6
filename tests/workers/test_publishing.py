"""Deltas reach every answering process, and are visible when each has applied them or has ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from driving import run

from failoverdns.model.change import Delta, StaticDifference
from failoverdns.model.errors import Rejected
from failoverdns.workers.called_process import Gone, Stuck
from failoverdns.workers.calls import Call
from failoverdns.workers.frames import FrameReader, Kind
from failoverdns.workers.publishing import forget_next, publish, visible
from failoverdns.workers.worker_process import Worker

STATIC = StaticDifference((), (), frozenset(), 0, frozenset())


class Answering(Worker):
    """An answering process that keeps the kinds of frames that it gets."""

    def __init__(self, *, serves: bool = True, fault: Exception | None = None) -> None:
        super().__init__(None, 0, lambda _: None)
        self.is_serving = serves
        self.kinds: list[Kind] = []
        self.asked: list[str] = []
        self._fault = fault

    def send_delta(self, frame: bytes) -> None:
        """Take a frame."""
        self.kinds += [one.kind for one in FrameReader().feed(frame)]

    async def call(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        descriptors: Iterable[int] = (),
        bound: float = 0,
        most: int = 0,
    ) -> Any:
        """Answer a call."""
        self.asked.append(name)
        if self._fault is not None:
            raise self._fault


def test_a_delta_is_sent_to_all_also_to_those_that_are_being_filled() -> None:
    """They would miss it otherwise."""
    workers = [Answering(), Answering(serves=False)]
    publish(workers, Delta())
    assert [worker.kinds for worker in workers] == [[Kind.DELTA], [Kind.DELTA]]


def test_new_static_records_come_with_the_next_table_where_there_is_one() -> None:
    """A process that was started meanwhile has no next table: it gets all of the difference."""
    workers = [Answering(), Answering()]
    workers[0].has_next = True
    publish(workers, Delta())
    publish(workers, Delta(static=STATIC))
    publish(workers, Delta())
    assert workers[0].kinds == [Kind.DELTA, Kind.SWAP, Kind.DELTA]
    assert Kind.SWAP not in workers[1].kinds


def test_a_next_table_is_forgotten_once() -> None:
    workers = [Answering(), Answering()]
    workers[0].has_next = True
    forget_next(workers)
    forget_next(workers)
    assert [worker.kinds for worker in workers] == [[Kind.FORGET], []]


def test_what_was_sent_is_visible_when_all_that_answer_have_applied_it() -> None:
    """One that has ended answers no query with old records."""
    workers = [Answering(), Answering(fault=Gone()), Answering(serves=False)]
    run(visible(workers))
    assert [worker.asked for worker in workers] == [[Call.APPLIED], [Call.APPLIED], []]


def test_a_process_that_cannot_be_killed_makes_the_outcome_unknown() -> None:
    with pytest.raises(Rejected, match="old answers may be given: it hangs") as caught:
        run(visible([Answering(), Answering(fault=Stuck("it hangs"))]))
    assert caught.value.code == "unknown-outcome"
