"""The TCP connections of a process: their limits, and their turns.

    too many in all, or of one prefix   -> the one of them that has been idle longest is closed
    too many bytes buffered for all     -> the same, among those with buffered bytes
    too many messages in one turn       -> the connection waits in line for the next turn

All addresses that are listened on share one list, so the limits apply to the process.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol

from twisted.internet.interfaces import IReactorTime

from failoverdns.model.settings import TCPSettings
from failoverdns.net.memory import Memory
from failoverdns.net.prefixes import prefix_of

MESSAGES_A_TURN: Final = 64
"""Messages of all connections that are answered in one reactor turn; UDP reads as many."""

ACCEPTED_AT_ONCE: Final = 64
"""Connections that are accepted at an address in one reactor turn, if there are open files."""

MESSAGES_IN_A_ROW: Final = 16
"""Messages of one connection that are answered in one reactor turn."""


class Connection(Protocol):
    """A connection that can be closed, and resumed when its turn comes."""

    def let_go(self) -> None:
        """Close the connection at once."""

    def resume(self) -> None:
        """Continue to answer: it is this connection's turn."""


@dataclass(slots=True)
class _Place:
    prefix: bytes
    bytes_kept: int = 0


class TCPClients:
    """All connections of the process, the longest idle first."""

    def __init__(self, clock: IReactorTime, limits: TCPSettings) -> None:
        """Apply `limits` to all connections; the limits can be replaced later."""
        self.limits = limits
        self.allowed: int | None = None
        """The number of connections for which there are open files; None if there are enough."""
        self.entered = self.evicted = 0
        """Numbers of connections that came, and that were closed because of a limit."""
        self._clock = clock
        self._memory = Memory(clock)
        self._places: dict[Connection, _Place] = {}
        self._by_prefix: dict[bytes, dict[Connection, None]] = {}
        self._kept = 0
        self._answered = 0
        self._waiting: deque[Connection] = deque()
        self._turn_ends = False

    def __len__(self) -> int:
        return len(self._places)

    @property
    def most(self) -> int:
        """The number of connections that may be open."""
        most = self.limits.max_connections
        return most if self.allowed is None else min(most, self.allowed)

    @property
    def accepts_at_once(self) -> int:
        """The number of connections to accept in one turn, before others are closed for them."""
        return max(1, min(ACCEPTED_AT_ONCE, self.most // 8))

    def enter(self, connection: Connection, host: str) -> None:
        """Add a connection from the address `host`, and close one if there are too many."""
        self.entered += 1
        place = self._places[connection] = _Place(prefix_of(host))
        neighbours = self._by_prefix.setdefault(place.prefix, {})
        neighbours[connection] = None
        if len(neighbours) > self.limits.max_connections_per_prefix:
            self._let_go(next(iter(neighbours)))
        if len(self._places) > self.most:
            self._let_go(next(iter(self._places)))

    def touch(self, connection: Connection) -> None:
        """Note that a connection has been used."""
        place = self._places.get(connection)
        if place is not None:
            self._places[connection] = self._places.pop(connection)
            neighbours = self._by_prefix[place.prefix]
            neighbours[connection] = neighbours.pop(connection)

    def keep(self, connection: Connection, size: int) -> None:
        """Note that `size` bytes are buffered for a connection; close some if over the limit."""
        place = self._places.get(connection)
        if place is None:
            return
        self._kept += size - place.bytes_kept
        self._memory.note(max(0, place.bytes_kept - size))
        place.bytes_kept = size
        while self._kept > self.limits.max_buffered:
            self._let_go(next(one for one, place in self._places.items() if place.bytes_kept))

    def leave(self, connection: Connection) -> None:
        """Remove a connection."""
        place = self._places.pop(connection, None)
        if place is None:
            return
        self._kept -= place.bytes_kept
        self._memory.note(place.bytes_kept)
        neighbours = self._by_prefix[place.prefix]
        del neighbours[connection]
        if not neighbours:
            del self._by_prefix[place.prefix]

    def may_answer(self, connection: Connection, *, in_a_row: int) -> bool:
        """Return whether one more message may be answered in this turn, after `in_a_row` others.

        If not, the connection is resumed when its turn comes.
        """
        self._end_turn_later()
        if in_a_row >= MESSAGES_IN_A_ROW or self._answered >= MESSAGES_A_TURN:
            self._waiting.append(connection)
            return False
        self._answered += 1
        return True

    def _end_turn_later(self) -> None:
        if not self._turn_ends:
            self._turn_ends = True
            self._clock.callLater(0, self._next_turn)

    def _next_turn(self) -> None:
        """Begin another turn, and resume waiting connections in order."""
        self._turn_ends = False
        self._answered = 0
        for _ in range(len(self._waiting)):
            if self._answered >= MESSAGES_A_TURN:
                break
            connection = self._waiting.popleft()
            if connection in self._places:
                connection.resume()
        if self._waiting:
            self._end_turn_later()

    def _let_go(self, connection: Connection) -> None:
        self.evicted += 1
        self.leave(connection)
        connection.let_go()
