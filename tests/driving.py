"""Drive coroutines without a reactor: those that never wait, and those that a test holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never has to wait, and return what it returns."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("it waits for something that nobody will do")


async def at_once(call: Callable[[], T]) -> T:
    """Make a blocking call here and now: what a store's `run` is in tests."""
    return call()


class Gate:
    """Holds coroutines until it is opened."""

    def __init__(self) -> None:
        self.held: list[Coroutine[Any, Any, Any]] = []
        self.closed = False

    def __call__(self) -> Awaitable[None]:
        """Return what a coroutine awaits: nothing if the gate is open."""
        return _Wait(self)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Run a coroutine until it is held or ends."""
        try:
            coroutine.send(None)
        except StopIteration:
            return
        self.held.append(coroutine)

    def open(self) -> None:
        """Let everything that is held go on."""
        self.closed = False
        held, self.held = self.held, []
        for coroutine in held:
            self.spawn(coroutine)


class _Wait:
    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def __await__(self) -> Generator[None, None, None]:
        if self._gate.closed:
            yield
