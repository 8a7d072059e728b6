"""How tests are shared out to processes, so that two cores are busy and no server starts twice.

pytest-xdist gives the next test to whichever process is free.  A server that a module starts once
for all its tests would then start once in each process, three times as often as needed.  So the
tests of a module with such a fixture go to one process, one after the other.

Tests of real servers mostly wait, and the others compute all the time.  So the two kinds are mixed:
while some processes wait, another computes.  The longest tests come first, so that the other
processes do not idle while the last one ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path

import pytest
from xdist.scheduler import LoadScheduling
from xdist.workermanage import WorkerController

PROJECT = Path(__file__).parents[1]


@cache
def shares(module: str) -> bool:
    """Whether a module, named by its path in the project, has a fixture for all its tests."""
    return 'scope="module"' in (PROJECT / module).read_text("utf-8")


def unit_of(test: str) -> str:
    """Return what a test, named by its id, is run with: a module, or the test alone."""
    module = test.partition("::")[0]
    return module if shares(module) else test


def mixed(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return tests in the order in which to share them out."""
    long = [item for item in items if item.get_closest_marker("long")]
    rest = [item for item in items if not item.get_closest_marker("long")]
    waiting = [item for item in rest if item.nodeid.startswith("tests/system/")]
    computing = [item for item in rest if not item.nodeid.startswith("tests/system/")]
    placed = [*_placed(waiting), *_placed(computing)]
    return long + [item for _, unit in sorted(placed, key=lambda pair: pair[0]) for item in unit]


def _placed(items: Iterable[pytest.Item]) -> list[tuple[float, list[pytest.Item]]]:
    """Return units of tests and where each belongs, from 0 for the begin to 1 for the end."""
    units = [list(unit) for _, unit in groupby(items, lambda item: unit_of(item.nodeid))]
    return [((number + 0.5) / len(units), unit) for number, unit in enumerate(units)]


class SharingScheduling(LoadScheduling):
    """Give each process the next test when it has only one, with those that share a fixture."""

    def check_schedule(self, node: WorkerController, duration: float = 0) -> None:
        """Give a process its next tests, if it has not enough."""
        if not self.pending or len(self.node2pending[node]) < 2:
            super().check_schedule(node, duration)

    def _send_tests(self, node: WorkerController, num: int) -> None:
        """Send the next `num` tests, and those after them that share a fixture with the last."""
        ids = self.collection
        assert ids is not None
        while 0 < num < len(self.pending) and unit_of(ids[self.pending[num - 1]]) == unit_of(
            ids[self.pending[num]]
        ):
            num += 1
        super()._send_tests(node, num)
