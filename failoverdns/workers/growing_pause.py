"""The pause before a process that has ended is replaced: short at first, longer if it goes on.

A process that ends once, because it was killed, is replaced at once for all that clients notice.
One that cannot work at all would otherwise be started again and again, and take the time of the
others.
"""

from __future__ import annotations

from typing import Final

PAUSE: Final = 0.5
"""Seconds of the first pause; each one is twice as long as the one before."""

MOST_PAUSE: Final = 30.0
"""Seconds of the longest pause."""


class GrowingPause:
    """Pauses that grow until the replaced process works."""

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next = PAUSE

    def take(self) -> float:
        """Return the seconds of this pause; the next one is longer."""
        pause = self._next
        self._next = min(MOST_PAUSE, pause * 2)
        return pause

    def reset(self) -> None:
        """Begin again with the shortest pause: the process has worked."""
        self._next = PAUSE
