"""Turns: which client is served next, so that none of them holds up the others.

A client is served in steps: it takes one request, and sends one piece of a reply.  The next step is
that of the client that was served least, so a short request comes before the long ones of others.
After a long request was read there is a pause in which only short ones are.

    virtual time of a client = the time that its steps took, times the clients of its user that wait
"""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush
from typing import Final, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

TURN: Final = 0.001
"""Seconds of steps in one turn of the reactor, after which everything else has its turn."""

LONG: Final = 4096
"""Bytes of a request from which on it is long."""

PAUSE: Final = 2.0
"""The pause after a long request, as a multiple of the time that it took."""

_A_BYTE: Final = 2e-8
"""Seconds that a byte of a request is expected to take."""

_LITTLE: Final = 0.0005
"""Seconds of steps that need not be counted to the turn in which they are done."""


class Served(Protocol):
    """A client that is served in steps."""

    uid: int
    """The user that it runs as."""

    virtual_time: float
    """Its virtual time, 0 at first."""

    @property
    def next_size(self) -> int:
        """The bytes of the request that its next step takes; 0 if it takes none."""

    def step(self) -> bool:
        """Do one step; return whether there may be more to do."""


class Turns:
    """The clients that wait for a step."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._short: list[tuple[float, int, float, Served]] = []
        self._long: list[tuple[float, int, float, Served]] = []
        self._waiting: set[Served] = set()
        self._of_uid: Counter[int] = Counter()
        self._count = 0
        self._time = 0.0
        """The virtual time at which the last step began; a client that was idle begins there."""
        self._spent = 0.0
        self._pause_ends = 0.0
        self._current: Served | None = None
        self._again = False
        self._later: IDelayedCall | None = None

    def ready(self, client: Served) -> None:
        """Serve a client, at once if it is its turn; call it whenever there may be work."""
        if client is self._current:
            self._again = True
        elif client not in self._waiting:
            self._wait(client)
        if self._current is None and self._spent < TURN:
            self._serve()

    def leave(self, client: Served) -> None:
        """Forget a client."""
        if client in self._waiting:
            self._forget(client)

    def _wait(self, client: Served) -> None:
        self._waiting.add(client)
        self._of_uid[client.uid] += 1
        self._count += 1
        size = client.next_size
        begin = max(client.virtual_time, self._time)
        end = begin + size * _A_BYTE * self._of_uid[client.uid]
        heappush(self._long if size > LONG else self._short, (end, self._count, begin, client))

    def _forget(self, client: Served) -> None:
        self._waiting.discard(client)
        self._of_uid[client.uid] -= 1
        if not self._of_uid[client.uid]:
            del self._of_uid[client.uid]

    def _serve(self) -> None:
        """Do steps until the turn is over, or no client waits."""
        while self._spent < TURN and (chosen := self._choose()) is not None:
            client, begin, is_long = chosen
            weight = self._of_uid[client.uid]
            self._forget(client)
            self._time = max(self._time, begin)
            self._current, self._again = client, False
            began = self._clock.seconds()
            try:
                has_more = client.step()
            finally:
                self._current = None
                took = self._clock.seconds() - began
                self._spent += took
                client.virtual_time = begin + took * weight
            if is_long:
                self._pause_ends = self._clock.seconds() + PAUSE * took
            if (has_more or self._again) and client not in self._waiting:
                self._wait(client)
        self._continue_later()

    def _choose(self) -> tuple[Served, float, bool] | None:
        """Return the client whose step is next, its begin, and whether its request is long."""
        heaps = [self._short]
        if self._pause_ends <= self._clock.seconds():
            heaps.append(self._long)
        for heap in heaps:
            while heap and heap[0][3] not in self._waiting:
                heappop(heap)  # it has left
        found = min((heap for heap in heaps if heap), key=lambda heap: heap[0], default=None)
        if found is None:
            return None
        _, _, begin, client = heappop(found)
        return client, begin, found is self._long

    def _continue_later(self) -> None:
        """Begin another turn when the reactor has done everything else, or the pause is over."""
        if self._short or self._spent > _LITTLE:
            delay = 0.0
        elif self._long:
            delay = max(0.0, self._pause_ends - self._clock.seconds())
        else:
            return
        if self._later is not None and self._later.active():
            if self._later.getTime() <= self._clock.seconds() + delay:
                return
            self._later.cancel()
        self._later = self._clock.callLater(delay, self._next_turn)

    def _next_turn(self) -> None:
        self._spent = 0.0
        self._serve()
