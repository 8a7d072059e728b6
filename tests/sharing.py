"""Which process runs which tests: those that share a server of their module stay together.

pytest-xdist gives the next test to whichever process is free.  A server that a module starts once
for all its tests would then start once in each process, three times as often as needed.  So the
tests of a module that has such a fixture go to one process, one after the other; all other tests
go to whoever is free.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScheduling
from xdist.workermanage import WorkerController

PROJECT = Path(__file__).parents[1]


@cache
def shares(module: str) -> bool:
    """Whether a module, named by its path in the project, has a fixture for all its tests."""
    return 'scope="module"' in (PROJECT / module).read_text("utf-8")


def share(one: str, other: str) -> bool:
    """Whether two tests, named by their ids, should run in the same process."""
    module = one.partition("::")[0]
    return module == other.partition("::")[0] and shares(module)


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
        while 0 < num < len(self.pending) and share(
            ids[self.pending[num - 1]], ids[self.pending[num]]
        ):
            num += 1
        super()._send_tests(node, num)
