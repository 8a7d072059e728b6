"""Settings and fixtures of the whole test suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from corridors import ZONE, Corridor
from driving import Gate
from hypothesis import settings

from failoverdns.model.commands.server import Configure
from failoverdns.store.memory import MemoryStore

if TYPE_CHECKING:
    from sharing import SharingScheduling
    from xdist.remote import Producer

# A slow machine must not make a test fail.  Every run draws other examples.
settings.register_profile("failoverdns", deadline=None, max_examples=60)
settings.load_profile("failoverdns")


@pytest.fixture
def corridor() -> Corridor:
    """Return a corridor with an open gate, in which the zone is configured."""
    gate = Gate()
    corridor = Corridor(MemoryStore(gate), gate)
    corridor.do(Configure((ZONE,)))
    return corridor


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests into the order in which processes share them, if there are several."""
    if hasattr(config, "workerinput"):
        from sharing import mixed

        items[:] = mixed(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SharingScheduling | None:
    """Let the tests that share a fixture of their module run in one process."""
    from sharing import SharingScheduling

    return SharingScheduling(config, log) if config.getvalue("dist") == "load" else None
