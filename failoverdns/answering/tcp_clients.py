"""Who is connected over TCP, who has to go, and whose turn it is.

    too many in all, or of one prefix   -> the one of them that has been idle longest goes
    too many bytes kept for all         -> the same
    too many messages in one turn       -> the connection waits for the next turn, in line

Shared by all addresses that are listened on, so that limits hold for the process.
Refuses to know sockets and messages: a connection is what can `let_go` and `resume`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Final, Protocol

from twisted.internet.interfaces import IReactorTime

from failoverdns.model.settings import TCPSettings

IPV4_PREFIX, IPV6_PREFIX = 24, 56
"""Bits of an address that one client is known by: what one customer of a provider has."""

MESSAGES_A_TURN: Final = 64
"""Messages of all connections answered in one reactor turn; UDP reads as many."""

MESSAGES_IN_A_ROW: Final = 16
"""Messages of one connection answered in one reactor turn."""


class Connection(Protocol):
    """A connection as its place in line sees it."""

    def let_go(self) -> None:
        """Close at once."""

    def resume(self) -> None:
        """Go on answering: it is this connection's turn."""


@dataclass(slots=True)
class _Place:
    prefix: bytes
    bytes_kept: int = 0


class TCPClients:
    """All connections of the process, the longest idle first."""

    def __init__(self, clock: IReactorTime, limits: TCPSettings) -> None:
        """Hold connections to `limits`, which may be replaced while they are open."""
        self.limits = limits
        self.evicted = 0
        """Connections that had to go because there were too many, or too much was kept."""
        self._clock = clock
        self._places: dict[Connection, _Place] = {}
        self._by_prefix: dict[bytes, dict[Connection, None]] = {}
        self._kept = 0
        self._answered = 0
        self._waiting: deque[Connection] = deque()
        self._turn_ends = False

    def __len__(self) -> int:
        return len(self._places)

    def enter(self, connection: Connection, host: str) -> None:
        """Take a connection from the address `host` in; whoever is one too many goes."""
        place = self._places[connection] = _Place(prefix_of(host))
        neighbours = self._by_prefix.setdefault(place.prefix, {})
        neighbours[connection] = None
        if len(neighbours) > self.limits.max_connections_per_prefix:
            self._let_go(next(iter(neighbours)))
        if len(self._places) > self.limits.max_connections:
            self._let_go(next(iter(self._places)))

    def touch(self, connection: Connection) -> None:
        """Note that a connection is not idle."""
        place = self._places.get(connection)
        if place is not None:
            self._places[connection] = self._places.pop(connection)
            neighbours = self._by_prefix[place.prefix]
            neighbours[connection] = neighbours.pop(connection)

    def keep(self, connection: Connection, size: int) -> None:
        """Note that `size` bytes are kept for a connection; if that is too much, somebody goes."""
        place = self._places.get(connection)
        if place is None:
            return
        self._kept += size - place.bytes_kept
        place.bytes_kept = size
        while self._kept > self.limits.max_buffered:
            self._let_go(next(one for one, place in self._places.items() if place.bytes_kept))

    def leave(self, connection: Connection) -> None:
        """Forget a connection."""
        place = self._places.pop(connection, None)
        if place is None:
            return
        self._kept -= place.bytes_kept
        neighbours = self._by_prefix[place.prefix]
        del neighbours[connection]
        if not neighbours:
            del self._by_prefix[place.prefix]

    def may_answer(self, connection: Connection, *, in_a_row: int) -> bool:
        """Tell whether one more message may be answered in this turn, after `in_a_row` others.

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
        """Begin another turn with those that wait, the first of them first."""
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


def prefix_of(host: str) -> bytes:
    """Return what a client is known by, of its address as text: its /24 or /56."""
    address = ip_address(host.partition("%")[0])
    bits = IPV4_PREFIX if address.version == 4 else IPV6_PREFIX
    return ip_network((address, bits), strict=False).network_address.packed
