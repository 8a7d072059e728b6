"""Run coroutines without a reactor: those that never wait, and those that a test holds back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never has to wait; return its result."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("the coroutine waits, and nothing will ever resume it")


async def at_once(call: Callable[[], T]) -> T:
    """Call a blocking function in this thread; tests use it as the `run` of a store."""
    return call()


class Gate:
    """A gate that holds coroutines while it is closed."""

    def __init__(self) -> None:
        self.held: list[Coroutine[Any, Any, Any]] = []
        self.closed = False

    def __call__(self) -> Awaitable[None]:
        """Return an awaitable that does not wait if the gate is open."""
        return _Wait(self)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Run a coroutine until it ends or the gate holds it."""
        try:
            coroutine.send(None)
        except StopIteration:
            return
        self.held.append(coroutine)

    def open(self) -> None:
        """Open the gate and resume every coroutine that it holds."""
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
