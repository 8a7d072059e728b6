"""Counts and histograms as plain numbers, for whoever counts something while the server runs.

A tally has one number for each label; a histogram has numbers of durations up to each bound.  Both
only grow.  They are read for the command `stats`, and nothing here knows who reads them: metrics
for Prometheus are made from `stats` in another process.

Labels must be bounded, because each takes memory for ever: a tally has at most `MAX_LABELS` of
them, and counts what comes with others under `OTHER`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Any, Final

MAX_LABELS: Final = 2000
"""Labels of a tally."""

OTHER: Final = "other"
"""The label of what came after `MAX_LABELS` others."""

BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)
"""The upper bounds of a histogram, in seconds."""

Nested = dict[str, Any]
"""Counts by labels, one level of objects for each part of a label; it can be written as JSON."""


class Tally:
    """Counts by one label, or by several."""

    __slots__ = ("_counts", "_depth")

    def __init__(self, depth: int, known: Iterable[tuple[str, ...]] = ()) -> None:
        """Begin with zero for each of the `known` labels; a label has `depth` parts."""
        self._depth = depth
        self._counts: dict[tuple[str, ...], int] = dict.fromkeys(known, 0)

    def add(self, *label: str, count: int = 1) -> None:
        """Add to the count of a label."""
        counts = self._counts
        if label in counts:
            counts[label] += count
            return
        if len(counts) >= MAX_LABELS:
            label = (OTHER,) * self._depth
        counts[label] = counts.get(label, 0) + count

    def __getitem__(self, label: tuple[str, ...]) -> int:
        return self._counts.get(label, 0)

    def nested(self) -> Nested:
        """Return the counts, one level of objects for each part of a label."""
        found: Nested = {}
        for label, count in self._counts.items():
            level = found
            for part in label[:-1]:
                level = level.setdefault(part, {})
            level[label[-1]] = count
        return found


class Histogram:
    """Numbers of durations, by how long they were."""

    __slots__ = ("_buckets", "_sum")

    def __init__(self) -> None:
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        """Count a duration; one below zero, after a clock was set, counts as zero."""
        seconds = max(0.0, seconds)
        self._buckets[bisect_left(BOUNDS, seconds)] += 1
        self._sum += seconds

    def report(self) -> Nested:
        """Return how many durations were at most each bound, and their number and sum."""
        total, buckets = 0, {}
        for bound, count in zip(BOUNDS, self._buckets, strict=False):
            total += count
            buckets[f"{bound:g}"] = total
        count = total + self._buckets[-1]
        return {"buckets": buckets, "count": count, "sum": round(self._sum, 6)}


class Histograms:
    """A histogram for each of a bounded number of labels."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[str, Histogram] = {}

    def add(self, label: str, seconds: float) -> None:
        """Count a duration."""
        found = self._found.get(label)
        if found is None:
            label = label if len(self._found) < MAX_LABELS else OTHER
            found = self._found.setdefault(label, Histogram())
        found.add(seconds)

    def report(self) -> Nested:
        """Return the histograms by their labels."""
        return {label: found.report() for label, found in self._found.items()}


class Kept:
    """Sums of counts of several sources that come and go; what a source has counted stays.

    A source reports its counts since it began.  When it has ended, its last report is kept in the
    sum, so that the sum never goes back; counts of one that reports less than before do not either.
    """

    __slots__ = ("_ended", "_last")

    def __init__(self) -> None:
        self._ended: dict[str, int] = {}
        self._last: dict[object, dict[str, int]] = {}

    def note(self, source: object, counts: Mapping[str, int]) -> None:
        """Take the present counts of a source."""
        last = self._last.setdefault(source, {})
        for name, count in counts.items():
            if count > last.get(name, -1):
                last[name] = count

    def end(self, source: object) -> None:
        """Keep the counts of a source that has ended."""
        for name, count in self._last.pop(source, {}).items():
            self._ended[name] = self._ended.get(name, 0) + count

    def total(self) -> dict[str, int]:
        """Return the sums of all sources, those that have ended too."""
        found = dict(self._ended)
        for last in self._last.values():
            for name, count in last.items():
                found[name] = found.get(name, 0) + count
        return found
