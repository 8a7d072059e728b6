"""Calls to several answering processes, whose end is dealt with elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure

from failoverdns.model.errors import Rejected
from failoverdns.net.spawning import spawn
from failoverdns.workers.called_process import Gone, Stuck
from failoverdns.workers.calls import Call
from failoverdns.workers.worker_process import Worker


def call_later(
    worker: Worker, name: Call, arguments: Any = None, descriptors: Iterable[int] = ()
) -> None:
    """Call a process and do not wait; nothing happens if it has ended."""

    async def call() -> None:
        with suppress(Gone, Stuck):
            await worker.call(name, arguments, descriptors)

    spawn(call())


async def call_all(
    workers: Iterable[Worker], name: Call, arguments: dict[str, Any] | None = None
) -> list[Any]:
    """Call every process that answers; return the result or the exception of each, in order."""
    calls = [
        Deferred.fromCoroutine(worker.call(name, arguments)).addErrback(_value)
        for worker in workers
        if worker.is_serving
    ]
    return list(await gatherResults(calls))


def _value(failure: Failure) -> Gone | Stuck | Rejected | Failure:
    value = failure.value
    return value if isinstance(value, Gone | Stuck | Rejected) else failure
