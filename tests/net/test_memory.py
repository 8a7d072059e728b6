"""Memory is given back after large work, and not too often."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.task import Clock

from failoverdns.net import memory
from failoverdns.net.memory import LARGE, PAUSE, SOON, Memory, give_back


class Counted:
    """A memory that counts how often it gives back, which may take some time."""

    def __init__(self, takes: float = 0.0) -> None:
        self.clock = Clock()
        self.times: list[float] = []
        self._takes = takes
        self.memory = Memory(self.clock, self._give_back)

    def _give_back(self) -> None:
        self.times.append(self.clock.seconds())
        self.clock.rightNow += self._takes


def test_memory_is_given_back_soon_after_large_work() -> None:
    """Not after little work, and not before the rest of the work is done."""
    counted = Counted()
    counted.memory.note(LARGE - 1)
    counted.clock.advance(100)
    assert counted.times == []
    counted.memory.note(1)
    counted.memory.note(LARGE)
    counted.clock.advance(SOON)
    assert counted.times == [100 + SOON]
    assert counted.clock.getDelayedCalls() == []


def test_memory_is_given_back_once_in_a_while_at_most() -> None:
    """However much work there is; the last of it counts, too."""
    counted = Counted()
    for _ in range(250):
        counted.memory.note(LARGE)
        counted.clock.advance(0.1)
    counted.clock.pump([0.1] * int(10 * PAUSE))
    assert counted.times == pytest.approx([1, 11, 21, 31], abs=0.5)


def test_it_is_done_rarely_if_it_takes_long() -> None:
    """It holds up everything else."""
    counted = Counted(takes=0.05)
    for _ in range(1000):
        counted.memory.note(LARGE)
        counted.clock.advance(0.1)
    assert len(counted.times) == 2


@pytest.mark.skipif(memory._trim is None, reason="the C library has no malloc_trim")
def test_free_memory_goes_back_to_the_system() -> None:
    """Blocks of a size that the heap keeps, with some that stay in between."""

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    blocks = [bytearray(60_000) for _ in range(2000)]
    stays = blocks[::100]
    blocks.clear()
    before = resident()
    give_back()
    assert len(stays) == 20
    assert resident() < before - 20_000_000
