"""Long requests: how many may be in memory at a time, of one user and in all.

A client that sends a long request needs leave to do so; until it has it, the server reads nothing
from it.  The leave ends when the request is answered.  So the memory for requests is bounded,
however many clients there are and however long a hook makes them wait.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Final, Protocol

OF_ONE: Final = 4
"""Long requests of one user at a time."""

IN_ALL: Final = 16
"""Long requests at a time of users other than root and our own."""


class Sender(Protocol):
    """A client that sends a long request."""

    uid: int
    """The user that it runs as."""

    def look(self) -> None:
        """Go on, now that it has leave."""


class LongRequests:
    """The clients that have leave to send a long request, and those that wait for it."""

    def __init__(self, trusted: frozenset[int]) -> None:
        """Have a share for each of the users `trusted` that others cannot take."""
        self._trusted = trusted
        self._having: set[Sender] = set()
        self._of_uid: Counter[int] = Counter()
        self._waiting: deque[Sender] = deque()

    def may_send(self, client: Sender) -> bool:
        """Return whether a client has leave; if not it waits in line, and `look` is called."""
        if client in self._having:
            return True
        if client not in self._waiting:
            if self._is_free(client.uid):
                self._admit(client)
                return True
            self._waiting.append(client)
        return False

    def end(self, client: Sender) -> None:
        """End the leave of a client, or its wait; the next one in line gets the leave."""
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

    def _admit(self, client: Sender) -> None:
        self._having.add(client)
        self._of_uid[client.uid] += 1

    def _is_free(self, uid: int) -> bool:
        if self._of_uid[uid] >= OF_ONE:
            return False
        others = sum(count for one, count in self._of_uid.items() if one not in self._trusted)
        return uid in self._trusted or others < IN_ALL
