"""A queue in which those who wait take turns, however much each of them asks for.

Each owner has a line of its own, which is bounded, as are all lines together.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Generic, Protocol, TypeVar


class Owned(Protocol):
    """What waits."""

    owner: str
    """Who waits: the id of a token."""


One = TypeVar("One", bound=Owned)


class Full(Exception):
    """There is no room; `by_owner` is whether the owner has taken all that one may have."""

    def __init__(self, *, by_owner: bool) -> None:
        super().__init__("the queue is full")
        self.by_owner = by_owner


class FairQueue(Generic[One]):
    """What waits, in one line for each owner."""

    def __init__(self, most: int, most_of_one: int) -> None:
        """Hold at most `most`, and of one owner at most `most_of_one`."""
        self._most = most
        self._most_of_one = most_of_one
        self._lines: OrderedDict[str, deque[One]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[One]:
        for line in list(self._lines.values()):
            yield from list(line)

    def add(self, one: One) -> None:
        """Let one wait; raises Full."""
        line = self._lines.get(one.owner)
        if line is not None and len(line) >= self._most_of_one:
            raise Full(by_owner=True)
        if self._size >= self._most:
            raise Full(by_owner=False)
        if line is None:
            line = self._lines[one.owner] = deque()
        line.append(one)
        self._size += 1

    def remove(self, one: One) -> None:
        """Let one wait no longer, if it does."""
        line = self._lines.get(one.owner)
        with suppress(ValueError):
            if line is not None:
                line.remove(one)
                self._size -= 1
                if not line:
                    del self._lines[one.owner]

    def next(self, may: Callable[[str], bool]) -> One | None:
        """Return the first of the owner whose turn it is, among those that `may`; it leaves."""
        for owner, line in self._lines.items():
            if may(owner):
                one = line.popleft()
                self._size -= 1
                del self._lines[owner]
                if line:
                    self._lines[owner] = line
                return one
        return None
