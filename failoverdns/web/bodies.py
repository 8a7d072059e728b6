"""Bodies of responses in memory: clients that read the same share one, and all are bounded.

    pieces come      from a lane, at the speed of the control process
    pieces go        to each client at its own speed, and are forgotten when all have them

If clients that read slowly hold more than `MOST` bytes together, one of them is disconnected: of
the token that holds the most, the one that has read nothing for the longest time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Protocol

MOST: Final = 48 << 20
"""Bytes of all bodies in memory."""


class Reader(Protocol):
    """Who gets a body."""

    def look(self) -> None:
        """Note that there may be a further piece, or the end."""

    def cut(self) -> None:
        """Note that the rest of the body will never come: the client is disconnected."""


class BodyMemory:
    """The memory of all bodies together; it is bounded, so slow clients may be disconnected."""

    def __init__(self, seconds: Callable[[], float], most: int = MOST) -> None:
        """Hold nothing yet; `seconds` is a clock."""
        self.seconds = seconds
        self.total = 0
        self.dropped = 0
        """Clients that were disconnected, because they read too slowly."""
        self._most = most
        self._bodies: set[Body] = set()

    def note(self, body: Body, change: int) -> None:
        """Note that a body holds more bytes, or fewer; disconnect a client if it is too much."""
        self.total += change
        if body.size:
            self._bodies.add(body)
        else:
            self._bodies.discard(body)
        while self.total > self._most and self._drop_one():
            pass

    def _drop_one(self) -> bool:
        """Disconnect the slowest reader of the owner with the most bytes; return False for none."""
        by_owner: dict[str, int] = {}
        for body in self._bodies:
            if body.has_readers:
                by_owner[body.owner] = by_owner.get(body.owner, 0) + body.size
        if not by_owner:
            return False
        owner = max(by_owner, key=lambda one: by_owner[one])
        theirs = (one for one in self._bodies if one.owner == owner and one.has_readers)
        self.dropped += min(theirs, key=lambda one: one.progress_at).cut_slowest()
        return True


class Body:
    """The body of a response, which several clients may read; `owner` is the token behind it."""

    def __init__(self, held: BodyMemory, owner: str, pieces: Iterable[bytes] = ()) -> None:
        """Begin with some pieces."""
        self.owner = owner
        self.size = 0
        """Bytes that are held now."""
        self.is_ended = False
        self.progress_at = held.seconds()
        """When a reader last took a piece."""
        self._held = held
        self._pieces: deque[bytes] = deque()
        self._first = 0
        """The number of the first piece that is held."""
        self._is_abandoned = False
        """Whether all readers have gone, so that nothing is kept."""
        self._readers: dict[Reader, int] = {}
        """The number of the piece that each reader takes next."""
        for piece in pieces:
            self.add(piece)

    @property
    def has_readers(self) -> bool:
        """Whether anybody reads it."""
        return bool(self._readers)

    def join(self, reader: Reader) -> None:
        """Let a client read the body from its beginning; all pieces must still be there."""
        self._readers[reader] = self._first

    def leave(self, reader: Reader) -> None:
        """Let a client read no more."""
        if self._readers.pop(reader, None) is not None:
            self._is_abandoned = not self._readers
            self._forget()

    def add(self, piece: bytes) -> None:
        """Add a piece; it is dropped if all readers have gone."""
        if self._is_abandoned:
            return
        self._pieces.append(piece)
        self.size += len(piece)
        self._held.note(self, len(piece))
        for reader in list(self._readers):
            reader.look()

    def end(self) -> None:
        """Note that the last piece has come."""
        self.is_ended = True
        for reader in list(self._readers):
            reader.look()

    def break_off(self) -> None:
        """Note that the rest will never come."""
        for reader in list(self._readers):
            self.leave(reader)
            reader.cut()

    def take(self, reader: Reader) -> bytes | None:
        """Return the next piece for a reader; None if it is not there yet, or at the end."""
        at = self._readers[reader] - self._first
        if at >= len(self._pieces):
            return None
        piece = self._pieces[at]
        self._readers[reader] += 1
        self.progress_at = self._held.seconds()
        self._forget()
        return piece

    def cut_slowest(self) -> int:
        """Disconnect the readers that have read the least; return how many they were."""
        least = min(self._readers.values())
        slowest = [reader for reader, at in self._readers.items() if at == least]
        for reader in slowest:
            self.leave(reader)
            reader.cut()
        return len(slowest)

    def _forget(self) -> None:
        """Forget the pieces that every reader has taken."""
        until = min(self._readers.values(), default=self._first + len(self._pieces))
        freed = 0
        while self._first < until:
            freed += len(self._pieces.popleft())
            self._first += 1
        if freed:
            self.size -= freed
            self._held.note(self, -freed)
