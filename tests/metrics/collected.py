"""All metrics of a reply to `stats` at once, as a registry of `prometheus_client` collects them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import Metric

from failoverdns.metrics.families import FAMILIES
from failoverdns.metrics.samples import add, empty_metric, samples


class StatsCollector:
    """A collector, as `prometheus_client` calls one, of one reply to `stats`."""

    def __init__(self, stats: Mapping[str, Any]) -> None:
        """Make metrics of a result of `stats`, as it comes from JSON."""
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        """Yield every metric that has a sample."""
        for family in FAMILIES:
            metric, is_empty = empty_metric(family), True
            for sample in samples(self._stats, family.place):
                add(metric, family, sample)
                is_empty = False
            if not is_empty:
                yield metric
