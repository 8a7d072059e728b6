"""Who has a place among a limited number of connections, and who gives way when there are more.

The places are shared by origin, which has one or more steps: a network and an address in it, or
a certificate.  When all places are taken, the origin with the most connections gives one up, so
whoever opens many connections competes with itself only.  The connection is drawn from the older
half of that origin's: a client there has the time that half of the places give it, and nobody
can aim at it.

Origins that are known, because they showed a valid certificate lately, have some places that do
not count.  `KnownOrigins` remembers these.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

Origin = tuple[bytes, ...]
"""Where a connection comes from, from the large to the small: a network, an address in it."""

One = TypeVar("One", bound=Hashable)

KNOWN_FOR: Final = 7 * 86400.0
"""Seconds for which an origin is known after its last valid certificate."""

MAX_KNOWN: Final = 2000
"""Networks and addresses that are remembered; beyond it, the one seen longest ago is forgotten."""


class Places(Generic[One]):
    """The connections that have a place."""

    def __init__(
        self,
        most: int,
        choose: Callable[[int], int],
        free: Callable[[bytes], int] = lambda step: 0,
    ) -> None:
        """Keep at most `most` connections.

        `choose` returns a random number below its argument; `free` returns how many connections of
        a network or address do not count when the most numerous one is looked for.
        """
        self._most = most
        self._choose = choose
        self._origins: dict[One, Origin] = {}
        self._group: _Group[One] = _Group(free)

    def __len__(self) -> int:
        return len(self._origins)

    def enter(self, one: One, origin: Origin) -> One | None:
        """Give a place to a connection; return the one that has to give way, if there are more."""
        self._origins[one] = origin
        self._group.add(one, origin)
        if len(self._origins) <= self._most:
            return None
        gone = self._group.pick(self._choose)
        self.leave(gone)
        return gone

    def limit(self, most: int) -> list[One]:
        """Keep at most `most` connections from now on; return those that have to give way."""
        self._most = most
        gone = []
        while len(self._origins) > most:
            gone.append(self._group.pick(self._choose))
            self.leave(gone[-1])
        return gone

    def leave(self, one: One) -> None:
        """Take the place of a connection away, if it has one."""
        origin = self._origins.pop(one, None)
        if origin is not None:
            self._group.remove(one, origin)

    def all(self) -> list[One]:
        """Return all connections, the oldest first."""
        return list(self._origins)

    def count(self, origin: Origin) -> int:
        """Return the number of connections of an origin."""
        return self._group.count(origin)


class _Group(Generic[One]):
    """The connections of an origin: by the next step of their origin, or without a further one."""

    def __init__(self, free: Callable[[bytes], int]) -> None:
        self.size = 0
        self._free = free
        self._ones: dict[One, None] = {}
        self._groups: dict[bytes, _Group[One]] = {}
        self._ranks: dict[bytes, int] = {}
        self._by_rank: dict[int, dict[bytes, None]] = {}

    def add(self, one: One, origin: Origin) -> None:
        self.size += 1
        if not origin:
            self._ones[one] = None
            return
        step, further = origin[0], origin[1:]
        if step not in self._groups:
            self._groups[step] = _Group(self._free)
        self._groups[step].add(one, further)
        self._rank(step)

    def remove(self, one: One, origin: Origin) -> None:
        self.size -= 1
        if not origin:
            del self._ones[one]
            return
        self._groups[origin[0]].remove(one, origin[1:])
        self._rank(origin[0])

    def count(self, origin: Origin) -> int:
        if not origin:
            return self.size
        group = self._groups.get(origin[0])
        return group.count(origin[1:]) if group is not None else 0

    def pick(self, choose: Callable[[int], int]) -> One:
        """Return a connection of the largest group, of the older half."""
        if self._ones:
            ones = list(self._ones)
            return ones[choose((len(ones) + 1) // 2)]
        steps = list(self._by_rank[max(self._by_rank)])
        return self._groups[steps[choose((len(steps) + 1) // 2)]].pick(choose)

    def _rank(self, step: bytes) -> None:
        """Sort a group in by its size, as far as that counts; remove an empty one."""
        old = self._ranks.pop(step, None)
        if old is not None:
            del self._by_rank[old][step]
            if not self._by_rank[old]:
                del self._by_rank[old]
        size = self._groups[step].size
        if not size:
            del self._groups[step]
            return
        rank = self._ranks[step] = size - self._free(step)
        self._by_rank.setdefault(rank, {})[step] = None


class KnownOrigins:
    """The networks and addresses that showed a valid certificate lately."""

    def __init__(self, most: int = MAX_KNOWN) -> None:
        """Remember at most `most` networks and addresses."""
        self._most = most
        self._seen: OrderedDict[bytes, float] = OrderedDict()

    def remember(self, origin: Origin, now: float) -> None:
        """Note that a valid certificate came from `origin`; `now` in seconds of any clock."""
        for step in origin:
            self._seen[step] = max(now, self._seen.get(step, now))
            self._seen.move_to_end(step)
        while len(self._seen) > self._most:
            self._seen.popitem(last=False)

    def has(self, step: bytes, now: float) -> bool:
        """Return whether a valid certificate came from a network or address lately."""
        seen = self._seen.get(step)
        return seen is not None and now - seen < KNOWN_FOR
