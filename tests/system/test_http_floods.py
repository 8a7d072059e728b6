"""Floods of HTTP clients leave switches, answers and memory alone, as in `scripts/attack http`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from attacks.floods import FLOODS, Stage
from system.server import tool

SECONDS = 1.0
GROUPS = 200


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Start a server with 200 groups and two tokens."""
    tool("cc")
    made = Stage(tmp_path_factory.mktemp("http"), groups=GROUPS)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def alone(stage: Stage) -> dict[str, Any]:
    """Measure without a flood: the machine may be slow."""
    return stage.measure(FLOODS["nothing else"], SECONDS)


@pytest.mark.parametrize(
    "name", [name for name, flood in FLOODS.items() if flood.rate and not flood.is_secure]
)
def test_a_flood_of_http_clients_leaves_switches_answers_and_memory_alone(
    stage: Stage, alone: dict[str, Any], name: str
) -> None:
    """Every switch is done and every query gets the answer of the last switch; nothing is kept."""
    found = stage.measure(FLOODS[name], SECONDS)
    assert found["broken"] == []
    assert found["clients"]["opened"] > 0
    assert found["switch_ms"]["number"] >= alone["switch_ms"]["number"] / 4
    assert found["switch_ms"]["median"] < 5 * alone["switch_ms"]["median"] + 50
    for process, (_, most) in found["memory_mib"].items():
        assert most < alone["memory_mib"][process][0] + 40, process
    assert "Traceback" not in stage.target.log.read_text()
