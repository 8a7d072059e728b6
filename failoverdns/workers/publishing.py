"""Deltas on their way to all answering processes, and the next table beside the present one.

A delta is sent to every process, and is visible when each of them has applied it, or has ended.
While a new set of static records is adopted, each process fills a next table, which takes the place
of the present one with the delta that belongs to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from failoverdns.model.change import Delta
from failoverdns.model.errors import Rejected
from failoverdns.protocol.table.deltas import write_parts, write_swap
from failoverdns.workers import filling
from failoverdns.workers.called_process import Stuck
from failoverdns.workers.calling import call_all
from failoverdns.workers.calls import Call
from failoverdns.workers.frames import write_delta_frame, write_forget_frame, write_swap_frame
from failoverdns.workers.interface import Parts
from failoverdns.workers.worker_process import Worker


def publish(workers: Iterable[Worker], delta: Delta) -> None:
    """Send a delta to every process, including those that are being filled."""
    frame = b""
    for worker in workers:
        if delta.static is not None and worker.has_next:
            worker.has_next = False
            worker.send_delta(write_swap_frame(write_swap(delta)))
            continue
        frame = frame or write_delta_frame(write_parts(delta))
        worker.send_delta(frame)


async def visible(workers: Iterable[Worker]) -> None:
    """Wait until every process that answers has applied the published deltas, or has ended.

    Raises Rejected `unknown-outcome` if a process neither answers nor can be killed.
    """
    found = await call_all(workers, Call.APPLIED)
    faults = [fault for fault in found if isinstance(fault, Stuck)]
    if faults:
        text = "; ".join(str(fault) for fault in faults)
        raise Rejected("unknown-outcome", f"committed, but old answers may be given: {text}")


async def fill_next(workers: Iterable[Worker], parts: Parts, reactor: Any) -> None:
    """Fill a next table in every process that answers, while the present one answers.

    A process that ends meanwhile is replaced, and its successor is filled like any other.
    """
    chosen = [worker for worker in workers if worker.is_serving]
    for worker in chosen:
        worker.has_next = True
    if chosen:
        await filling.fill_next(chosen, parts, reactor)


def forget_next(workers: Iterable[Worker]) -> None:
    """Give up the next table."""
    for worker in workers:
        if worker.has_next:
            worker.has_next = False
            worker.send_delta(write_forget_frame())
