"""How the tests are shared out: what shares a server stays together, and nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sharing import mixed, unit_of


@dataclass(frozen=True)
class Item:
    """What the order of a test depends on."""

    nodeid: str
    is_long: bool = False

    def get_closest_marker(self, name: str) -> bool:
        return self.is_long and name == "long"


SHARING = "tests/system/test_cookies.py"
ALONE = "tests/system/test_starting.py"
UNIT = "tests/test_sharing.py"


def test_the_tests_of_a_module_with_a_shared_server_are_one_unit() -> None:
    assert unit_of(f"{SHARING}::test_a") == unit_of(f"{SHARING}::test_b[1]")
    assert unit_of(f"{ALONE}::test_a") != unit_of(f"{ALONE}::test_b")


def test_long_tests_come_first_and_those_that_wait_are_spread_among_those_that_compute() -> None:
    long = Item(f"{ALONE}::test_long", is_long=True)
    shared = [Item(f"{SHARING}::test_{n}") for n in range(3)]
    waiting = [Item(f"{ALONE}::test_{n}") for n in range(5)]
    computing = [Item(f"{UNIT}::test_{n}") for n in range(60)]
    items: list[Any] = [*computing, *shared, *waiting, long]
    found: list[Any] = mixed(items)
    assert found[0] == long
    assert sorted(item.nodeid for item in found) == sorted(item.nodeid for item in items)
    first = found.index(shared[0])
    assert found[first : first + 3] == shared
    places = [found.index(item) for item in (shared[0], *waiting)]
    assert all(5 < after - before < 15 for before, after in pairwise(places))
