"""A delayed call that is pending at most once at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall


class OneCall:
    """A delayed call on the reactor; at most one is pending at a time."""

    def __init__(self, reactor: Any) -> None:
        """Begin without a pending call."""
        self._reactor = reactor
        self._waiting: IDelayedCall | None = None

    def call(self, delay: float, function: Callable[[], object]) -> None:
        """Call `function` in `delay` seconds, unless a call is pending already."""
        if self._waiting is None or not self._waiting.active():
            self._waiting = self._reactor.callLater(delay, function)

    def cancel(self) -> None:
        """Cancel the pending call, if there is one."""
        if self._waiting is not None and self._waiting.active():
            self._waiting.cancel()
