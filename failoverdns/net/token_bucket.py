"""Token buckets: how often something may be done, in one piece and a second.

A bucket counts with the time that it is given, in seconds of any clock.  `TokenBuckets` has one for
each network, or each user, and forgets those that were not used for the longest time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)

MAX_BUCKETS: Final = 4096
"""Buckets that are remembered; beyond it, the one used longest ago is forgotten."""


class TokenBucket:
    """A budget that fills at a rate up to a depth; it may be overdrawn by one charge."""

    def __init__(self, rate: float, depth: float) -> None:
        """Fill by `rate` a second, up to `depth`; the bucket is full at first."""
        self._rate = rate
        self._depth = depth
        self._level = depth
        self._at: float | None = None

    def level(self, now: float) -> float:
        """Return what is left, less than 0 if the budget is overdrawn."""
        if self._at is not None and now > self._at:
            self._level = min(self._depth, self._level + (now - self._at) * self._rate)
        self._at = now if self._at is None else max(now, self._at)
        return self._level

    def take(self, now: float) -> bool:
        """Take 1 if there is as much; return whether there was."""
        if self.level(now) < 1:
            return False
        self._level -= 1
        return True

    def charge(self, now: float, amount: float) -> None:
        """Take an amount, whether or not there is as much."""
        self._level = self.level(now) - amount

    def wait(self, now: float) -> float:
        """Return the seconds until something is left; 0 if something is."""
        level = self.level(now)
        return 0.0 if level > 0 else -level / self._rate + 1e-6


class TokenBuckets(Generic[KeyT]):
    """Buckets of the same rate and depth, one for each key."""

    def __init__(self, rate: float, depth: float) -> None:
        """Fill each by `rate` a second, up to `depth`; each is full at first."""
        self._rate = rate
        self._depth = depth
        self._buckets: OrderedDict[KeyT, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: KeyT, now: float) -> bool:
        """Take 1 from the bucket of a key if there is as much; return whether there was."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(self._rate, self._depth)
            if len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket.take(now)
