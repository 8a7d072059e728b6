"""Settings of the whole suite."""

import pytest
from corridors import ZONE, Corridor
from driving import Gate
from hypothesis import settings

from failoverdns.model.commands.server import Configure
from failoverdns.store.memory import MemoryStore

# No test fails because a machine was slow.
settings.register_profile("failoverdns", deadline=None)
settings.load_profile("failoverdns")


@pytest.fixture
def corridor() -> Corridor:
    """A corridor held by a gate that is open, with the zone configured."""
    gate = Gate()
    corridor = Corridor(MemoryStore(gate), gate)
    corridor.do(Configure((ZONE,)))
    return corridor


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that the other cores are not idle while it ends."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
