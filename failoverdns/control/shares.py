"""Shares: what few clients may do at a time, of one user and in all; the others wait in line.

a long request  from its first 64 KiB until it is answered: the memory for requests is bounded,
                however many clients there are and however long a hook makes them wait
a reading       from its beginning to its result: many at once would take whole turns of the
                reactor, which a switch needs several of
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Final, Protocol

LONG_OF_ONE: Final = 4
LONG_IN_ALL: Final = 16
"""Long requests at a time, of one user, and of all but root and our own."""

READS_OF_ONE: Final = 4
READS_IN_ALL: Final = 8
"""Reading commands at a time, of one user, and of all but root and our own."""


class Sharer(Protocol):
    """A client that waits for its share."""

    uid: int
    """The user that it runs as."""

    def look(self) -> None:
        """Go on, now that it has its share."""


class Shares:
    """The clients that have a share, and those that wait for one."""

    def __init__(self, trusted: frozenset[int], of_one: int, in_all: int) -> None:
        """Have at most `in_all` shares, of one user `of_one`.

        Those of the users `trusted` are beside the others, which cannot take them.
        """
        self._trusted = trusted
        self._of_one = of_one
        self._in_all = in_all
        self._having: set[Sharer] = set()
        self._of_uid: Counter[int] = Counter()
        self._waiting: deque[Sharer] = deque()

    def has(self, client: Sharer) -> bool:
        """Return whether a client has a share; if not it waits in line, and `look` is called."""
        if client in self._having:
            return True
        if client not in self._waiting:
            if self._is_free(client.uid):
                self._admit(client)
                return True
            self._waiting.append(client)
        return False

    def end(self, client: Sharer) -> None:
        """End the share of a client, or its wait; the next one in line gets the share."""
        if client in self._waiting:
            self._waiting.remove(client)
        if client in self._having:
            self._having.discard(client)
            self._of_uid[client.uid] -= 1
            following = next((one for one in self._waiting if self._is_free(one.uid)), None)
            if following is not None:
                self._waiting.remove(following)
                self._admit(following)
                following.look()

    def _admit(self, client: Sharer) -> None:
        self._having.add(client)
        self._of_uid[client.uid] += 1

    def _is_free(self, uid: int) -> bool:
        if self._of_uid[uid] >= self._of_one:
            return False
        others = sum(count for one, count in self._of_uid.items() if one not in self._trusted)
        return uid in self._trusted or others < self._in_all
