"""The places for connections of clients that zones are transferred to.

    an address of a configured secondary  has places that nobody else can take
    any other address                     shares the rest, at most `MOST_OF_ONE` of its network

A connection gets its place after its first message was verified, so only who has a key can take
one.  Where there is none, a connection that waits for its client is closed for it, and else the new
one is.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Protocol

from failoverdns.net.prefixes import address_of, prefix_of

MOST: Final = 256
"""Connections at a time."""

KEPT: Final = 128
"""Of these, places that only configured secondaries can take."""

MOST_OF_ONE: Final = 32
"""Connections at a time of one network without a configured secondary."""


class Placed(Protocol):
    """A connection that has a place."""

    host: str
    is_idle: bool

    def let_go(self) -> None:
        """Close the connection at once."""


class Places:
    """The connections that have a place, the longest idle first."""

    def __init__(self) -> None:
        self.most = MOST
        """The number of places; fewer if open files are short."""
        self._secondaries: frozenset[bytes] = frozenset()
        self._placed: dict[Placed, None] = {}

    def __len__(self) -> int:
        return len(self._placed)

    def configure(self, secondaries: Collection[str]) -> None:
        """Keep places for clients with these addresses from now on."""
        self._secondaries = frozenset(map(address_of, secondaries))

    def limit(self, most: int) -> None:
        """Have at most this number of places from now on."""
        self.most = most

    def enter(self, connection: Placed) -> bool:
        """Give a connection a place, or return False: it must be closed."""
        others = [one for one in self._placed if not self._is_kept(one.host)]
        if not self._is_kept(connection.host):
            network = prefix_of(connection.host)
            neighbours = [one for one in others if prefix_of(one.host) == network]
            if len(neighbours) >= MOST_OF_ONE and not self._make_room(neighbours):
                return False
            most = max(1, self.most - min(KEPT, self.most // 2))
            if len(others) >= most and not self._make_room(others):
                return False
        if len(self._placed) >= self.most:
            kept = [one for one in self._placed if self._is_kept(one.host)]
            if not self._make_room([*others, *kept]):
                return False
        self._placed[connection] = None
        return True

    def touch(self, connection: Placed) -> None:
        """Note that a connection is in use."""
        if connection in self._placed:
            self._placed[connection] = self._placed.pop(connection)

    def leave(self, connection: Placed) -> None:
        """Give up the place of a connection, if it has one."""
        self._placed.pop(connection, None)

    def _is_kept(self, host: str) -> bool:
        return address_of(host) in self._secondaries

    def _make_room(self, connections: Collection[Placed]) -> bool:
        """Close the connection that has been idle longest, and return whether there is one."""
        for one in connections:
            if one.is_idle:
                self.leave(one)
                one.let_go()
                return True
        return False
