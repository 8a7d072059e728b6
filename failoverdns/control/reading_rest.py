"""The pauses that lanes make in their reading, so that commands that change something go on.

A switch takes several turns of the reactor, and waits in each for the step that is under way.  So
after each step of a reading command all lanes pause their reading, and the many who read over HTTP
have a bounded part of the time of this process.
"""

from __future__ import annotations

from typing import Final, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

REST: Final = 2.0
"""The pause after a step of a reading command, as a multiple of the time that it took."""


class Reader(Protocol):
    """A lane, as far as it waits for its turn to read."""

    def look(self) -> None:
        """Go on."""


class ReadingRest:
    """The pause in which no lane reads, and the lanes that wait for its end."""

    def __init__(self, clock: IReactorTime) -> None:
        """Begin without a pause."""
        self._clock = clock
        self._ends = 0.0
        self._waiting: dict[Reader, None] = {}
        """Lanes whose next step would read, in their order."""
        self._waking: IDelayedCall | None = None

    def may_read(self, lane: Reader) -> bool:
        """Return whether a lane may do a step that reads; if not, its `look` is called later."""
        if self._ends <= self._clock.seconds():
            return True
        self._waiting[lane] = None
        self._wake_later()
        return False

    def note(self, took: float) -> None:
        """Begin a pause: a step that reads took this many seconds."""
        self._ends = self._clock.seconds() + REST * took

    def _wake_later(self) -> None:
        if self._waking is None or not self._waking.active():
            delay = max(0.0, self._ends - self._clock.seconds())
            self._waking = self._clock.callLater(delay, self._wake)

    def _wake(self) -> None:
        """Let the lanes read that waited, the one first that has waited longest."""
        while self._waiting and self._ends <= self._clock.seconds():
            lane = next(iter(self._waiting))
            del self._waiting[lane]
            lane.look()
        if self._waiting:
            self._wake_later()
