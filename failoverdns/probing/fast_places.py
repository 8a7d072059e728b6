"""The budget of fast probes: which keys may be probed fast, and which wait until others have done.

Fast probes add at most as many probes a second as there are regular ones, or `FAST_RATE` if there
are fewer: 2,000 heads that die at once cause at most twice the load.  A key keeps its place until
its state is settled, so that a head that went down by fast probes can come up by fast ones too;
others wait in the order in which they asked.

A probe that runs into its timeout is followed by the next one only then, and takes less of the
budget than one that fails at once.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Final, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

FAST_RATE: Final = 200.0
"""Additional probes a second that are always permitted."""


class FastPlaces(Generic[Key]):
    """The keys that are probed fast, and those that wait for a place; operations take O(1)."""

    def __init__(self) -> None:
        self._admitted: dict[Key, float] = {}
        self._waiting: dict[Key, float] = {}
        self._most = FAST_RATE
        self.taken = 0.0
        """Additional probes a second of the admitted keys."""

    def __len__(self) -> int:
        return len(self._admitted)

    def __contains__(self, key: object) -> bool:
        return key in self._admitted

    def resize(self, regular_rate: float) -> None:
        """Take the budget for this number of regular probes a second; nobody loses a place."""
        self._most = max(FAST_RATE, regular_rate)

    def ask(self, key: Key, rate: float) -> None:
        """Let a key wait for a place that takes `rate` additional probes a second.

        A key that has a place keeps it, and takes this rate from now on.
        """
        before = self._admitted.get(key)
        if before is None:
            self._waiting[key] = rate
        elif before != rate:
            self._admitted[key] = rate
            self.taken += rate - before

    def admit(self) -> list[Key]:
        """Give places to the keys that have waited longest, while there are any; return these keys.

        A key that takes more than the whole budget gets a place when it is alone.
        """
        admitted: list[Key] = []
        for key, rate in self._waiting.items():
            if self._admitted and self.taken + rate > self._most:
                break
            self._admitted[key] = rate
            self.taken += rate
            admitted.append(key)
        for key in admitted:
            del self._waiting[key]
        return admitted

    def leave(self, keys: Iterable[Key]) -> None:
        """Take their places from keys, or let them wait no longer."""
        for key in keys:
            self._waiting.pop(key, None)
            rate = self._admitted.pop(key, None)
            if rate is not None:
                self.taken = self.taken - rate if self._admitted else 0.0
