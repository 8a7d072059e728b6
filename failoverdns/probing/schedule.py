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
from dataclasses import dataclass
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
    def extra_rate(self) -> float:
        """What fast probing adds to the probes per second of the key, times `cost`; 0 for none."""
        if self.fast_interval is None or self.fast_interval >= self.interval:
            return 0.0
        return self.cost * (1.0 / self.fast_interval - 1.0 / self.interval)

    def next_regular(self, nominal: float, now: float) -> float:
        """Return the first of the regular times from `nominal` on that is after `now`."""
        if nominal <= now:
            nominal += (floor((now - nominal) / self.interval) + 1) * self.interval
        return nominal

    def jittered(self, nominal: float, dice: Random) -> float:
        """Return a regular time, a little sooner or later by chance."""
        return nominal + self.interval * self.jitter * dice.uniform(-1, 1)

    def next_fast(self, began: float, now: float) -> float:
        """Return when the key is due fast, after a probe that began at `began` and has ended."""
        return max(now, began + (self.fast_interval or 0.0))


@dataclass(slots=True)
class _Slot:
    timing: ProbeTiming
    nominal: float
    """The next regular time at which no probe has begun yet, without jitter."""
    due: float
    """When the next probe is due, be it a regular or a fast one."""
    is_regular: bool = True
    began: float | None = None
    """When the last probe began; None before the first one."""
    entry: int = 0
    """The number of the slot's entry in the heap: older entries do not count."""


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
            self._slots[key] = _Slot(timings[key], nominal, nominal)
            self._places.ask(key, timings[key].extra_rate)
        self._heap = []
        for key, slot in self._slots.items():
            if key not in self._running:
                self._pushed += 1
                slot.entry = self._pushed
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
            slot = self._slots[key]
            slot.began = now
            if slot.is_regular:
                slot.nominal += slot.timing.interval
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
        slot.nominal = slot.timing.next_regular(slot.nominal, now)
        if settled:
            self._places.leave([key])
        else:
            self._places.ask(key, slot.timing.extra_rate)
        admitted = self._places.admit()
        began = slot.began if slot.began is not None else now
        regular, latest = slot.timing.jittered(slot.nominal, dice), began + slot.timing.interval
        if key in self._places:
            self._push(key, slot.timing.next_fast(began, now), is_regular=False)
        elif not slot.is_regular and latest < regular:
            # A regular time passed while a fast probe ran.
            self._push(key, latest, is_regular=False)
        else:
            self._push(key, regular, is_regular=True)
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
        """Make keys that got a place due soon, unless their probe runs or is due before that."""
        for key in keys:
            slot = self._slots[key]
            if key in self._running:
                continue
            if slot.began is None:
                due = now + (slot.timing.fast_interval or 0.0) * dice.random()
            else:
                due = slot.timing.next_fast(slot.began, now)
            if due < slot.due:
                self._push(key, due, is_regular=False)

    def _push(self, key: Key, due: float, *, is_regular: bool) -> None:
        slot = self._slots[key]
        self._pushed += 1
        slot.due, slot.is_regular, slot.entry = due, is_regular, self._pushed
        heappush(self._heap, (due, self._pushed, key))

    def _drop_old_entries(self) -> None:
        """Remove entries from the top of the heap that another time has replaced."""
        while self._heap:
            slot = self._slots.get(self._heap[0][2])
            if slot is not None and slot.entry == self._heap[0][1]:
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
