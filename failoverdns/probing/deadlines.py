"""Until when each of many things may last; most of them end long before.

Refuses to know clocks: times are seconds of whichever clock the caller has.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush


class Deadlines:
    """Deadlines by number; numbers are never used twice.

    Noting and dropping one takes O(log n).  A deadline that was dropped leaves two numbers behind
    until it would have come, so that dropping needs no search.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self._waiting: set[int] = set()

    def note(self, number: int, at: float) -> None:
        """Note that a thing may last until `at`."""
        self._waiting.add(number)
        heappush(self._heap, (at, number))

    def drop(self, number: int) -> None:
        """Forget a thing: it has ended."""
        self._waiting.discard(number)

    def next(self) -> float | None:
        """Return when the next deadline comes; None if there is none."""
        heap, waiting = self._heap, self._waiting
        while heap and heap[0][1] not in waiting:
            heappop(heap)
        return heap[0][0] if heap else None

    def passed(self, now: float) -> list[int]:
        """Return the things whose deadlines have come, in their order, and forget them."""
        found = []
        while (at := self.next()) is not None and at <= now:
            number = heappop(self._heap)[1]
            self._waiting.discard(number)
            found.append(number)
        return found

    def postpone(self, seconds: float) -> None:
        """Give everything that much longer."""
        self._heap = [(at + seconds, n) for at, n in self._heap if n in self._waiting]
        heapify(self._heap)
