"""When one secondary is asked for the serial that it has of one zone (an SOA query).

A finished zone transfer does not show that a secondary serves a zone: some servers load it a second
later.  So they are asked: soon after a change and then ever less often, and now and then while they
have the present serial.  At most one query waits for its reply.

Times are seconds of a clock that is never set.  Does not know messages, sockets or timers: the
caller asks `wake` at the time `due`, and sends a query when that is wanted.
"""

from __future__ import annotations

from typing import Final

FIRST: Final = 0.01
LONGEST: Final = 5.0
"""Seconds from one reply to the next query while a secondary is behind; they double."""

IN_STEP: Final = 60.0
"""Seconds from one reply to the next query while a secondary has the present serial."""

REFUSED: Final = 0.5
"""Seconds at least to the next query after a reply that has no serial."""

WAIT: Final = 0.5
LONGEST_WAIT: Final = 2.0
"""Seconds that a reply may take: at first, and after some that did not come."""

SILENT: Final = 2
"""Replies that must be missing in a row before a secondary counts as one that does not answer."""


class Polling:
    """The SOA queries about one zone to one secondary."""

    __slots__ = ("_first_missed", "_is_waiting", "_missed", "_pause", "_sent_at", "due")

    def __init__(self) -> None:
        self.due: float | None = None
        """When to call `wake`; None before the first `soon`."""
        self._is_waiting = False
        self._pause = FIRST
        self._missed = 0
        self._first_missed: float | None = None
        self._sent_at = 0.0

    @property
    def silent_since(self) -> float | None:
        """When the first query was sent that was not answered; None while there are replies."""
        return self._first_missed if self._missed >= SILENT else None

    def soon(self, now: float) -> None:
        """Ask soon, and often: the secondary is behind, or fetches the zone just now."""
        self._pause = FIRST
        if not self._is_waiting:
            self.due = min(self.due if self.due is not None else now + FIRST, now + FIRST)

    def wake(self, now: float) -> bool:
        """Return whether to send a query now; call it at the time `due`."""
        if self.due is None or now < self.due:
            return False
        if self._is_waiting:
            self._is_waiting = False
            self._missed += 1
            if self._first_missed is None:
                self._first_missed = self._sent_at
            if self._missed > 1:
                self.due = now + min(WAIT * 2.0 ** min(self._missed - 2, 10), LONGEST)
                return False
        self._is_waiting, self._sent_at = True, now
        self.due = now + min(WAIT * 2.0 ** min(self._missed, 10), LONGEST_WAIT)
        return True

    def replied(self, now: float, *, in_step: bool) -> None:
        """Note a reply that has a serial, which is the present one if `in_step`."""
        if not in_step:
            self._next(now, self._pause)
            self._pause = min(2 * self._pause, LONGEST)
        else:
            self._pause = FIRST
            self._next(now, IN_STEP)

    def refused(self, now: float) -> None:
        """Note a reply that has no serial."""
        self._pause = max(self._pause, REFUSED)
        self._next(now, self._pause)
        self._pause = min(2 * self._pause, LONGEST)

    def _next(self, now: float, pause: float) -> None:
        self._is_waiting = False
        self._missed, self._first_missed = 0, None
        self.due = now + pause
