"""Texts that every answering process keeps for a control process that comes after this one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from failoverdns.workers.calling import call_later
from failoverdns.workers.calls import Call
from failoverdns.workers.filling import FILLING
from failoverdns.workers.worker_process import Worker

KEPT_AT_ONCE: Final = 100
"""Texts that are sent to a new process in one call."""


class KeptTexts:
    """Texts with their numbers."""

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}

    def keep(self, workers: Iterable[Worker], number: int, text: str) -> None:
        """Have processes keep one more text."""
        self._texts[number] = text
        for worker in workers:
            call_later(worker, Call.KEEP, {"steps": [[number, text]]})

    def forget(self, workers: Iterable[Worker]) -> None:
        """Have processes forget all of them."""
        if self._texts:
            self._texts.clear()
            for worker in workers:
                call_later(worker, Call.KEEP, {})

    async def send_all(self, worker: Worker) -> None:
        """Send them to a process that is new; raises Gone if it ends."""
        for steps in self._pieces():
            await worker.call(Call.KEEP, {"steps": steps}, bound=FILLING)

    def _pieces(self) -> Iterator[list[list[int | str]]]:
        """Yield texts with their numbers in pieces that fit into a call."""
        steps = iter(sorted(self._texts.items()))
        while piece := list(islice(steps, KEPT_AT_ONCE)):
            yield [[number, text] for number, text in piece]
