"""When one secondary is notified that one zone has changed (RFC 1996).

At most one NOTIFY message waits for its reply.  A zone that changes meanwhile is notified again
after the reply, or after the time in which it should have come, so that a thousand changes cost a
few messages.  As long as the secondary is behind, the message is repeated with growing pauses,
for ever.

Times are seconds of a clock that is never set.  Does not know messages, sockets or timers: the
caller asks `wake` at the time `due`, and sends a message when that is wanted.
"""

from __future__ import annotations

from typing import Final

FIRST: Final = 0.5
LONGEST: Final = 60.0
"""Seconds between two messages that are not accepted: at first, and at most; they double."""

ACCEPTED: Final = 5.0
"""The same at first, after a message that was accepted: the zone transfer may take a while."""

WAIT: Final = 2.0
"""Seconds that a reply may take at most; before the first pauses are that long, it is less."""


class Notifying:
    """The NOTIFY messages about one zone to one secondary."""

    __slots__ = ("_again", "_failures", "_is_waiting", "_repeats", "_sent_at", "accepted_at", "due")

    def __init__(self) -> None:
        self.due: float | None = None
        """When to call `wake`; None if nothing is to be done."""
        self.accepted_at: float | None = None
        """When the secondary accepted the message about the present serial; None if not yet."""
        self._is_waiting = False
        self._again = False
        self._failures = 0
        self._repeats = 0
        self._sent_at = 0.0

    def want(self, now: float) -> None:
        """Notify the secondary of another serial: now, or after the message that waits."""
        self.accepted_at = None
        self._repeats = 0
        if self._is_waiting:
            self._again = True
        else:
            self.due = now

    def hurry(self, now: float) -> None:
        """Note that the secondary answers, and is behind: end a pause that failures caused."""
        if self._failures and not self._is_waiting:
            self._failures = 0
            self.due = now

    def settle(self) -> None:
        """Note that the secondary has the present serial: there is nothing to notify it of."""
        self.due = None
        self._is_waiting = self._again = False
        self._failures = self._repeats = 0

    def wake(self, now: float) -> bool:
        """Return whether to send a message now; call it at the time `due`."""
        if self.due is None or now < self.due:
            return False
        if self._is_waiting:
            self._end(now, accepted=False)
            if self.due > now:
                return False
        self._is_waiting, self._sent_at = True, now
        self.due = now + min(_doubled(FIRST, self._failures), WAIT)
        return True

    def replied(self, now: float, *, accepted: bool) -> None:
        """Note the reply to the message that waits; a reply that comes later is ignored."""
        if self._is_waiting:
            self._end(now, accepted=accepted)

    def _end(self, now: float, *, accepted: bool) -> None:
        self._is_waiting = False
        if accepted:
            self._failures = 0
        if self._again:
            self._again, self.due = False, now
        elif accepted:
            self.accepted_at = now
            self.due = now + _doubled(ACCEPTED, self._repeats)
            self._repeats += 1
        else:
            self.due = max(now, self._sent_at + _doubled(FIRST, self._failures))
            self._failures += 1


def _doubled(first: float, times: int) -> float:
    return min(first * 2.0 ** min(times, 10), LONGEST)
