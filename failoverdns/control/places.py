"""Places of clients: how many connections each user of the machine may have, and all together.

    a user has too many        -> its client that has been idle longest gives way
    all together have too many -> the same, of the user that has the most
    none of these is idle      -> the new client is refused
    a user is root or our own  -> some places are kept for it, whatever the others do

Clients that watch have places of their own, so they never take those of commands.
Clients that were refused, and may finish what they write, are counted too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final, Generic, Protocol, TypeVar

from failoverdns.net.token_bucket import TokenBuckets


class Occupant(Protocol):
    """A client, as far as its place is concerned."""

    uid: int
    """The user that it runs as."""

    @property
    def is_idle(self) -> bool:
        """Whether it can be disconnected without harm, because nothing is due to it."""

    def give_way(self) -> None:
        """Disconnect it, with the reason."""


OccupantT = TypeVar("OccupantT", bound=Occupant)


@dataclass(frozen=True, slots=True)
class PlaceLimits:
    """The number of connections in all, of one user, and more that are kept for each trusted user.

    The same for clients that watch; and for those that were refused and may finish writing.
    """

    clients: int = 100
    clients_of_one: int = 60
    clients_kept: int = 10
    watchers: int = 100
    watchers_of_one: int = 50
    watchers_kept: int = 10
    refused: int = 20
    refused_of_one: int = 5

    @property
    def most(self) -> int:
        """The largest number of connections, with two trusted users: root and our own."""
        kept = 2 * (self.clients_kept + self.watchers_kept)
        return self.clients + self.watchers + kept + self.refused

    def within(self, connections: int) -> PlaceLimits:
        """Return limits in the same proportion, with at most N `connections`.

        At least one place of each kind is left.
        """
        if connections >= self.most:
            return self
        rest, all_rest = max(0, connections - LEAST.most), self.most - LEAST.most
        shares = ((getattr(self, one.name) - 1) * rest // all_rest for one in fields(self))
        return PlaceLimits(*(1 + share for share in shares))


SILENT_RATE: Final = 50.0
SILENT_AT_ONCE: Final = 200.0
"""Clients of a user a second, and at once, that are given a place before they send anything."""

LEAST: Final = PlaceLimits(1, 1, 1, 1, 1, 1, 1, 1)
LIMITS: Final = PlaceLimits()


class Places(Generic[OccupantT]):
    """The places of all clients."""

    def __init__(self, trusted: frozenset[int], now: Callable[[], float]) -> None:
        """Keep some places for the users `trusted`; `now` returns seconds of any clock."""
        self.limits = LIMITS
        self._now = now
        self._silent: TokenBuckets[int] = TokenBuckets(SILENT_RATE, SILENT_AT_ONCE)
        self._trusted = trusted
        self._clients = _Room[OccupantT](trusted)
        self._watchers = _Room[OccupantT](trusted)
        self._refused: Counter[int] = Counter()
        self._adopt()

    def limit(self, connections: int) -> None:
        """Allow at most N `connections` from now on; those that are open stay."""
        self.limits = LIMITS.within(connections)
        self._adopt()

    def may_come(self, uid: int, *, has_spoken: bool) -> bool:
        """Return whether a client of a user may come, before it is given a place.

        It is a cheap guard against a user that connects without end and asks for nothing: few
        of its clients may come before they have sent anything.
        """
        return has_spoken or self._silent.take(uid, self._now())

    def enter(self, client: OccupantT) -> bool:
        """Give a client a place, which another may have to leave; return False if there is none."""
        return self._clients.enter(client)

    def watch(self, client: OccupantT) -> bool:
        """Give a client a place for watching instead; return False, and change nothing, if none."""
        if client not in self._watchers:
            if not self._watchers.enter(client):
                return False
            self._clients.leave(client)
        return True

    def touch(self, client: OccupantT) -> None:
        """Note that a client is used."""
        self._clients.touch(client)

    def leave(self, client: OccupantT) -> None:
        """Forget a client."""
        self._clients.leave(client)
        self._watchers.leave(client)

    def may_linger(self, uid: int) -> bool:
        """Count a client that was refused, until `let_go`; return False if there are too many."""
        if self._refused[uid] >= self.limits.refused_of_one:
            return False
        if self._refused.total() >= self.limits.refused:
            return False
        self._refused[uid] += 1
        return True

    def let_go(self, uid: int) -> None:
        """Note that a client that was refused is gone."""
        self._refused[uid] -= 1
        self._refused += Counter()  # without users that have none

    def make_room(self) -> bool:
        """Disconnect an idle client of the user that has the most; return False if none is idle."""
        return self._clients.make_room() or self._watchers.make_room()

    @property
    def all(self) -> list[OccupantT]:
        """All clients that have a place, the longest idle of each user first."""
        return [*self._clients.all(), *self._watchers.all()]

    @property
    def watchers(self) -> list[OccupantT]:
        """The clients that watch."""
        return list(self._watchers.all())

    def report(self) -> dict[str, int]:
        """Return how many clients there are, and how many there may be."""
        return {
            "clients": len(self._clients),
            "watching": len(self._watchers),
            "max_clients": self.limits.clients,
            "max_watching": self.limits.watchers,
        }

    def _adopt(self) -> None:
        limits = self.limits
        self._clients.limit(limits.clients, limits.clients_of_one, limits.clients_kept)
        self._watchers.limit(limits.watchers, limits.watchers_of_one, limits.watchers_kept)


class _Room(Generic[OccupantT]):
    """Places of one kind, the longest idle of each user first."""

    def __init__(self, trusted: frozenset[int]) -> None:
        self._trusted = trusted
        self._by_uid: dict[int, dict[OccupantT, None]] = {}
        self._most = self._of_one = self._kept = 0

    def limit(self, most: int, of_one: int, kept: int) -> None:
        self._most, self._of_one, self._kept = most, of_one, kept

    def __len__(self) -> int:
        return sum(map(len, self._by_uid.values()))

    def __contains__(self, client: OccupantT) -> bool:
        return client in self._by_uid.get(client.uid, ())

    def all(self) -> list[OccupantT]:
        return [client for clients in self._by_uid.values() for client in clients]

    def enter(self, client: OccupantT) -> bool:
        if not self._make_place(client.uid):
            return False
        self._by_uid.setdefault(client.uid, {})[client] = None
        return True

    def touch(self, client: OccupantT) -> None:
        if client in self:
            clients = self._by_uid[client.uid]
            clients[client] = clients.pop(client)

    def leave(self, client: OccupantT) -> None:
        clients = self._by_uid.get(client.uid, {})
        clients.pop(client, None)
        if not clients:
            self._by_uid.pop(client.uid, None)

    def make_room(self) -> bool:
        return self._evict(sorted(self._by_uid, key=self._ordinary, reverse=True))

    def is_free(self, uid: int) -> bool:
        """Return whether a user can have one more place without taking that of another."""
        kept = self._kept if uid in self._trusted else 0
        mine = len(self._by_uid.get(uid, ()))
        if mine < kept:
            return True
        return mine < self._of_one + kept and sum(map(self._ordinary, self._by_uid)) < self._most

    def _make_place(self, uid: int) -> bool:
        """Return whether a user can have one more place, after another client has left if need be.

        Only its own clients have to leave it, and those of users that have more than it has.
        """
        kept = self._kept if uid in self._trusted else 0
        mine = len(self._by_uid.get(uid, ()))
        if self.is_free(uid):
            return True
        if mine >= self._of_one + kept:
            return self._evict([uid])
        having = sorted(self._by_uid, key=self._ordinary, reverse=True)
        return self._evict(
            [one for one in having if one == uid or self._ordinary(one) > mine - kept]
        )

    def _ordinary(self, uid: int) -> int:
        """Return the number of places that a user has beside those that are kept for it."""
        kept = self._kept if uid in self._trusted else 0
        return max(0, len(self._by_uid[uid]) - kept)

    def _evict(self, uids: list[int]) -> bool:
        """Disconnect a client of the first of these users that has an idle one."""
        for uid in uids:
            idle = next((one for one in self._by_uid.get(uid, ()) if one.is_idle), None)
            if idle is not None:
                self.leave(idle)
                idle.give_way()
                return True
        return False
