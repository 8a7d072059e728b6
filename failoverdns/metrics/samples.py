"""From the reply to `stats` to the samples of a metric, by its row in the table of families.

`prometheus_client` only writes the text: it counts nothing, and its registry is not used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from failoverdns.metrics.families import Family, Kind

Sample = tuple[tuple[str, ...], Any]
"""The values of the labels, and what `stats` has there."""

_TOTAL: Final = "_total"


def empty_metric(family: Family) -> Metric:
    """Return a metric without samples."""
    name, labels = family.full_name, family.labels
    match family.kind:
        case Kind.COUNTER:
            return CounterMetricFamily(name.removesuffix(_TOTAL), family.help, labels=labels)
        case Kind.GAUGE:
            return GaugeMetricFamily(name, family.help, labels=labels)
        case Kind.HISTOGRAM:
            return HistogramMetricFamily(name, family.help, labels=labels)
        case Kind.INFO:
            return InfoMetricFamily(name, family.help)


def add(metric: Metric, family: Family, sample: Sample) -> None:
    """Add a sample to a metric of a family."""
    labels, value = sample
    if isinstance(metric, HistogramMetricFamily):
        buckets = [*value["buckets"].items(), ("+Inf", value["count"])]
        metric.add_metric(labels, buckets, value["sum"])
    elif isinstance(metric, InfoMetricFamily):
        metric.add_metric((), {name: str(text) for name, text in value.items()})
    elif isinstance(metric, CounterMetricFamily | GaugeMetricFamily):
        metric.add_metric(labels, float(value))


def samples(stats: Mapping[str, Any], place: str) -> Iterator[Sample]:
    """Yield what a reply has at a place, with the values of the labels on the way."""
    return _walk(stats, tuple(place.split("/")), ())


def _walk(value: Any, path: tuple[str, ...], labels: tuple[str, ...]) -> Iterator[Sample]:
    if value is None:
        return
    if not path:
        yield labels, value
        return
    step, rest = path[0], path[1:]
    if step[0] == "{":
        for name, inner in value.items():
            yield from _walk(inner, rest, (*labels, name))
    elif step[0] == "[":
        names = step[1:-1].split(",")
        for item in value:
            yield from _walk(item, rest, (*labels, *(str(item[name]) for name in names)))
    else:
        yield from _walk(value.get(step), rest, labels)
