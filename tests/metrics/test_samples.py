"""Metrics are made of the reply to `stats` by the table of families alone."""

from __future__ import annotations

from typing import Any

import pytest
from metrics.collected import StatsCollector
from metrics.documents import STATS
from prometheus_client import CollectorRegistry

from failoverdns.control.language.results import RESULTS
from failoverdns.metrics.families import FAMILIES, Family, Kind
from failoverdns.metrics.samples import samples


def test_a_place_goes_through_objects_and_lists() -> None:
    stats = {
        "queries": {"udp": {"NOERROR": 2}, "tcp": {}},
        "rows": [{"a": 1, "b": "x", "n": 5}, {"a": 2, "b": "y", "n": None}],
        "nothing": None,
    }
    assert [*samples(stats, "queries/{transport}/{rcode}")] == [(("udp", "NOERROR"), 2)]
    assert [*samples(stats, "rows/[a,b]/n")] == [(("1", "x"), 5)]
    assert [*samples(stats, "nothing/inner")] == []
    assert [*samples(stats, "missing")] == []


def inner(schema: Any, step: str) -> Any:
    """Return the schema of what a step of a place leads to."""
    if step[0] == "{":
        return schema.get("additionalProperties") or next(iter(schema["properties"].values()))
    if step[0] == "[":
        assert set(step[1:-1].split(",")) <= schema["items"]["properties"].keys()
        return schema["items"]
    found = schema.get("properties", {}).get(step) or schema.get("additionalProperties")
    assert found, step
    return found


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_reply_to_stats_has_a_number_at_each_place(family: Family) -> None:
    """By the schema of the reply, which the tests of the server check."""
    schema: Any = RESULTS["stats"]
    for step in family.place.split("/"):
        schema = inner(schema, step)
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    expected = {"object"} if family.kind in (Kind.HISTOGRAM, Kind.INFO) else {"integer", "number"}
    assert expected & set(types)


def test_a_registry_can_collect_a_reply() -> None:
    """Nothing else is in the registry."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StatsCollector(STATS))
    labels = {"transport": "udp", "rcode": "NOERROR"}
    assert registry.get_sample_value("failoverdns_queries_total", labels) == 12
    assert (
        registry.get_sample_value("failoverdns_group_active", {"group": "g0", "side": "backup"})
        == 0
    )
    assert (
        registry.get_sample_value("failoverdns_group_health", {"group": "g0", "side": "primary"})
        == 1
    )
    assert (
        registry.get_sample_value("failoverdns_group_health", {"group": "g0", "side": "backup"})
        is None
    )
    name = "failoverdns_command_duration_seconds_bucket"
    assert registry.get_sample_value(name, {"command": "switch", "le": "+Inf"}) == 4
    assert registry.get_sample_value("failoverdns_build_info", STATS["build"]) == 1
    assert registry.get_sample_value("process_cpu_seconds_total") is None
