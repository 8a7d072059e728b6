"""Deadlines of many things, most of which end long before.

Reads no clock: times are seconds of any clock that the caller chooses.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush


class Deadlines:
    """Deadlines by number; numbers are never used twice.

    Adding and removing one takes O(log n).  A deadline that was removed leaves two numbers behind
    until its time, so that removing needs no search.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self._waiting: set[int] = set()

    def note(self, number: int, at: float) -> None:
        """Set the deadline of a thing: the time `at`."""
        self._waiting.add(number)
        heappush(self._heap, (at, number))

    def drop(self, number: int) -> None:
        """Forget the deadline of a thing that has ended."""
        self._waiting.discard(number)

    def next(self) -> float | None:
        """Return the time of the next deadline; None if there is none."""
        heap, waiting = self._heap, self._waiting
        while heap and heap[0][1] not in waiting:
            heappop(heap)
        return heap[0][0] if heap else None

    def passed(self, now: float) -> list[int]:
        """Return the things whose deadlines have passed, in order, and forget them."""
        found = []
        while (at := self.next()) is not None and at <= now:
            number = heappop(self._heap)[1]
            self._waiting.discard(number)
            found.append(number)
        return found

    def postpone(self, seconds: float) -> None:
        """Move every deadline back by a number of seconds."""
        self._heap = [(at + seconds, n) for at, n in self._heap if n in self._waiting]
        heapify(self._heap)
