"""Long work in slices, between which the process does everything else that is due."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any, Final, TypeVar

from twisted.internet.task import deferLater

SLICE: Final = 0.003
"""Seconds of a slice: what comes meanwhile waits no longer."""

T = TypeVar("T")


async def in_slices(
    steps: Generator[None, None, T], reactor: Any, go_on: Callable[[], None] = lambda: None
) -> T:
    """Carry out a generator in slices, and return what it returns.

    `go_on` is called before each slice, and raises to give up.
    """
    while True:
        go_on()
        until = time.perf_counter() + SLICE
        while time.perf_counter() < until:
            try:
                next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
        await deferLater(reactor, 0)
