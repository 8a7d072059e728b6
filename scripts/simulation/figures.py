"""Quantiles and means for the studies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some seconds, and the 95th percentile."""

    median: float
    p95: float

    def __str__(self) -> str:
        return f"{self.median:.0f} / {self.p95:.0f}" if self.median == self.median else "-"


def spread(values: Sequence[float]) -> Spread:
    """Return the spread of values; NaN without values."""
    return Spread(quantile(values, 0.5), quantile(values, 0.95))


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least the share `share` of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else nan


def mean(values: Sequence[float]) -> float:
    """Return the mean; NaN without values."""
    return sum(values) / len(values) if values else nan
