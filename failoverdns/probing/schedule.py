"""When each probe is due: spread evenly, without drift, and never in a burst.

Each key has a phase in its interval; its regular probes are due at phase + n * interval, a little
sooner or later by chance (jitter), however long they take.  Probes missed in a stall are not made
up for: each overdue key is probed once, and these probes begin at twice their usual rate at most.

A key whose state is not settled is probed *fast*: again `fast_interval` after its last probe began,
and not at its next regular time.  New keys are not settled.  Fast probes have a budget
(`probing.fast_places`), so that thousands of heads that die at once do not multiply the load: a key
for which there is no place waits for one, and keeps its regular times.

Reads no clock and no source of randomness (both are arguments), and does not know what is probed.
Times are seconds of a monotonic clock.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from math import floor
from random import Random
from typing import Final, Generic, TypeVar

from failoverdns.probing.fast_places import FastPlaces

Key = TypeVar("Key", bound=Hashable)

BURST: Final = 16
"""Probes that may always begin at once."""

RATE_FACTOR: Final = 2.0
"""The rate at which overdue probes begin, at most, in multiples of their usual rate."""

WINDOW: Final = 0.25
"""Seconds of that rate that may be saved up, so that a slow tick makes no probe late."""


@dataclass(frozen=True, slots=True)
class ProbeTiming:
    """Seconds between the probes of a key, and the fraction of them by which one may be off.

    `fast_interval` are the seconds between its fast probes; it has none if that is None or not
    below `interval`.  `cost` is what a fast probe takes of the budget; 1 is a connection.
    """

    interval: float
    jitter: float = 0.0
    fast_interval: float | None = None
    cost: float = 1.0

    @property
    def has_fast_probes(self) -> bool:
        """True if the fast interval is shorter than the other one."""
        return self.fast_interval is not None and self.fast_interval < self.interval

    def extra_rate(self, takes: float = 0.0) -> float:
        """Return what fast probes add to the probes per second of the key, times `cost`.

        `takes` is how many seconds a probe takes: the next one does not begin before its end.
        """
        if self.fast_interval is None or not self.has_fast_probes:
            return 0.0
        apart = min(max(self.fast_interval, takes), self.interval)
        return self.cost * (1.0 / apart - 1.0 / self.interval)


@dataclass(frozen=True, slots=True)
class Due:
    """When the next probe of a key is due.

    `nominal` is the next regular time at which no probe has begun yet, without jitter; `due` is the
    time of the next probe, be it a regular or a fast one; `began` is when the last one began, None
    before the first.
    """

    timing: ProbeTiming
    nominal: float
    due: float
    is_regular: bool = True
    began: float | None = None

    def begun(self, now: float) -> Due:
        """Return this after the probe has begun."""
        nominal = self.nominal + (self.timing.interval if self.is_regular else 0.0)
        return Due(self.timing, nominal, self.due, self.is_regular, now)

    def ended(self, now: float, dice: Random, *, fast: bool) -> Due:
        """Return this after the probe has ended: the next one is a fast or a regular one."""
        timing, nominal = self.timing, self.nominal
        if nominal <= now:
            nominal += (floor((now - nominal) / timing.interval) + 1) * timing.interval
        began = self.began if self.began is not None else now
        if fast:
            due = max(now, began + (timing.fast_interval or timing.interval))
            return Due(timing, nominal, due, False, began)
        due = nominal + timing.interval * timing.jitter * dice.uniform(-1, 1)
        if not self.is_regular and began + timing.interval < due:
            # A regular time passed while a fast probe ran.
            return Due(timing, nominal, began + timing.interval, False, began)
        return Due(timing, nominal, due, True, began)

    def hurried(self, now: float, dice: Random) -> Due:
        """Return this with a fast probe as the next one, if the next one is not due before that."""
        wait = self.timing.fast_interval or self.timing.interval
        due = now + (wait * dice.random() if self.began is None else wait)
        return replace(self, due=due, is_regular=False) if due < self.due else self


class Schedule(Generic[Key]):
    """The keys that are probed, and when each is due next; each operation takes O(log n)."""

    def __init__(self) -> None:
        self._slots: dict[Key, Due] = {}
        self._entries: dict[Key, int] = {}
        """The number of each key's entry in the heap: older entries do not count."""
        self._running: set[Key] = set()
        self._heap: list[tuple[float, int, Key]] = []
        self._pushed = 0
        self._rate = 0.0
        self._allowance = float(BURST)
        self._looked: float | None = None
        self._places: FastPlaces[Key] = FastPlaces()

    def __len__(self) -> int:
        return len(self._slots)

    def replace(self, timings: Mapping[Key, ProbeTiming], now: float, dice: Random) -> None:
        """Probe these keys from now on.

        Keys that stay with the same timing keep their phases; those of new ones are spread evenly
        over their intervals, and their first probes are fast ones, as far as there are places.
        """
        kept = {
            key: slot
            for key, timing in timings.items()
            if (slot := self._slots.get(key)) is not None and slot.timing == timing
        }
        gone = [key for key in self._slots if key not in kept]
        self._slots = kept
        self._places.leave(gone)
        self._rate = sum(1 / timing.interval for timing in timings.values())
        self._places.resize(self._rate)
        for key, nominal in _phases(timings, kept, now, dice).items():
            self._slots[key] = Due(timings[key], nominal, nominal)
            if timings[key].has_fast_probes:
                self._places.ask(key, timings[key].extra_rate())
        self._heap, self._entries = [], {}
        for key, slot in self._slots.items():
            if key not in self._running:
                self._pushed += 1
                self._entries[key] = self._pushed
                self._heap.append((slot.due, self._pushed, key))
        heapify(self._heap)
        self._hurry(self._places.admit(), now, dice)

    def take_due(self, now: float) -> list[tuple[Key, float]]:
        """Return the keys whose probes have to begin, and since when each is due.

        They count as running until `ended`.
        """
        most = RATE_FACTOR * (self._rate + self._places.taken)
        if self._looked is not None:
            saved = self._allowance + most * (now - self._looked)
            self._allowance = min(saved, BURST + most * WINDOW)
        self._looked = now
        found: list[tuple[Key, float]] = []
        while self._allowance >= 1:
            self._drop_old_entries()
            if not self._heap or self._heap[0][0] > now:
                break
            due, _, key = heappop(self._heap)
            self._allowance -= 1
            self._running.add(key)
            self._slots[key] = self._slots[key].begun(now)
            found.append((key, due))
        return found

    def ended(self, key: Key, now: float, dice: Random, *, settled: bool = True) -> None:
        """Note that the probe of a key has ended; if its state is not settled, hurry.

        Otherwise the next probe comes at the key's next regular time.
        """
        self._running.discard(key)
        slot = self._slots.get(key)
        if slot is None:
            return
        if settled or not slot.timing.has_fast_probes:
            self._places.leave([key])
        else:
            takes = now - slot.began if slot.began is not None else 0.0
            self._places.ask(key, slot.timing.extra_rate(takes))
        admitted = self._places.admit()
        self._push(key, slot.ended(now, dice, fast=key in self._places))
        self._hurry((other for other in admitted if other != key), now, dice)

    def is_fast(self, key: Key) -> bool:
        """Return whether a key is probed at its `fast_interval` now."""
        return key in self._places

    @property
    def fast(self) -> int:
        """How many keys are probed at their `fast_interval` now."""
        return len(self._places)

    def behind(self, now: float) -> float:
        """Return how many seconds the most overdue key has been due."""
        self._drop_old_entries()
        return max(0.0, now - self._heap[0][0]) if self._heap else 0.0

    def _hurry(self, keys: Iterable[Key], now: float, dice: Random) -> None:
        """Make keys that got a place due soon; one whose probe runs hurries when that has ended."""
        for key in keys:
            if key not in self._running:
                slot = self._slots[key]
                hurried = slot.hurried(now, dice)
                if hurried is not slot:
                    self._push(key, hurried)

    def _push(self, key: Key, slot: Due) -> None:
        self._pushed += 1
        self._slots[key], self._entries[key] = slot, self._pushed
        heappush(self._heap, (slot.due, self._pushed, key))

    def _drop_old_entries(self) -> None:
        """Remove entries from the top of the heap that another time has replaced."""
        while self._heap:
            _, number, key = self._heap[0]
            if self._entries.get(key) == number:
                return
            heappop(self._heap)


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
