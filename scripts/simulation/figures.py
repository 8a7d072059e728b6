"""Quantiles and means, as the studies tell them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some seconds, and the value that 95 % of them do not exceed."""

    median: float
    p95: float

    def __str__(self) -> str:
        return f"{self.median:.0f} / {self.p95:.0f}" if self.median == self.median else "-"


def spread(values: Sequence[float]) -> Spread:
    """Return the spread of values; NaN if there are none."""
    return Spread(quantile(values, 0.5), quantile(values, 0.95))


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that is not exceeded by at least `share` of them."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else nan


def mean(values: Sequence[float]) -> float:
    """Return the mean; NaN of nothing."""
    return sum(values) / len(values) if values else nan
