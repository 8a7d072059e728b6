"""When each probe is due: spread evenly, without drift, and never in a burst.

Each key has a phase in its interval; its probes are due at phase + n * interval, a little sooner
or later by chance (jitter), however long they take.  Probes missed in a stall are not made up for:
each overdue key is probed once, and these probes begin at twice their usual rate at most.

Reads no clock and no source of randomness (both are arguments), and does not know what is probed.
Times are seconds of a monotonic clock.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from math import floor
from random import Random
from typing import Final, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

BURST: Final = 16
"""Probes that may always begin at once."""

RATE_FACTOR: Final = 2.0
"""The rate at which overdue probes begin, at most, in multiples of their usual rate."""

WINDOW: Final = 0.25
"""Seconds of that rate that may be saved up, so that a slow tick makes no probe late."""


@dataclass(frozen=True, slots=True)
class ProbeTiming:
    """Seconds between the probes of a key, and the fraction of them by which one may be off."""

    interval: float
    jitter: float = 0.0


@dataclass(slots=True)
class _Slot:
    timing: ProbeTiming
    nominal: float
    """When the next probe is due, without jitter."""


class Schedule(Generic[Key]):
    """The keys that are probed, and when each is due next; each operation takes O(log n)."""

    def __init__(self) -> None:
        self._slots: dict[Key, _Slot] = {}
        self._running: set[Key] = set()
        self._heap: list[tuple[float, int, Key]] = []
        self._pushed = 0
        self._rate = 0.0
        self._allowance = float(BURST)
        self._looked: float | None = None

    def __len__(self) -> int:
        return len(self._slots)

    def replace(self, timings: Mapping[Key, ProbeTiming], now: float, dice: Random) -> None:
        """Probe these keys from now on.

        Keys that stay with the same timing keep their phases; those of new ones are spread evenly
        over their intervals.
        """
        due = {key: at for at, _, key in self._heap}
        kept = {
            key: slot
            for key, timing in timings.items()
            if (slot := self._slots.get(key)) is not None and slot.timing == timing
        }
        self._slots = kept
        for key, nominal in _phases(timings, kept, now, dice).items():
            # When the running probe has ended, the next is one interval on.
            earlier = timings[key].interval if key in self._running else 0.0
            self._slots[key] = _Slot(timings[key], nominal - earlier)
            due[key] = nominal
        self._heap = []
        for key in self._slots:
            if key not in self._running:
                self._pushed += 1
                self._heap.append((due[key], self._pushed, key))
        heapify(self._heap)
        self._rate = sum(1 / timing.interval for timing in timings.values())

    def take_due(self, now: float) -> list[tuple[Key, float]]:
        """Return the keys whose probes have to begin, and since when each is due.

        They count as running until `ended`.
        """
        if self._looked is not None:
            saved = self._allowance + RATE_FACTOR * self._rate * (now - self._looked)
            self._allowance = min(saved, BURST + RATE_FACTOR * self._rate * WINDOW)
        self._looked = now
        found: list[tuple[Key, float]] = []
        while self._heap and self._heap[0][0] <= now and self._allowance >= 1:
            due, _, key = heappop(self._heap)
            self._allowance -= 1
            self._running.add(key)
            found.append((key, due))
        return found

    def ended(self, key: Key, now: float, dice: Random) -> None:
        """Note that the probe of a key has ended: the next one comes at its next time."""
        self._running.discard(key)
        slot = self._slots.get(key)
        if slot is None:
            return
        interval, jitter = slot.timing.interval, slot.timing.jitter
        slot.nominal += interval
        if slot.nominal <= now:
            slot.nominal += (floor((now - slot.nominal) / interval) + 1) * interval
        self._pushed += 1
        due = slot.nominal + interval * jitter * dice.uniform(-1, 1)
        heappush(self._heap, (due, self._pushed, key))

    def behind(self, now: float) -> float:
        """Return how many seconds the most overdue key has been due."""
        return max(0.0, now - self._heap[0][0]) if self._heap else 0.0


def _phases(
    timings: Mapping[Key, ProbeTiming], kept: Mapping[Key, object], now: float, dice: Random
) -> dict[Key, float]:
    """Return when each new key is due first: in random order, evenly over its interval."""
    by_interval: dict[float, list[Key]] = {}
    for key, timing in timings.items():
        if key not in kept:
            by_interval.setdefault(timing.interval, []).append(key)
    phases: dict[Key, float] = {}
    for interval, keys in by_interval.items():
        dice.shuffle(keys)
        for index, key in enumerate(keys):
            phases[key] = now + interval * (index + dice.random()) / len(keys)
    return phases
