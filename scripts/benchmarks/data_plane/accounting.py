"""What processes took, as the kernel counts it: CPU, memory, wake-ups; and on which cores they run.

CPU is taken from schedstat, in nanoseconds, where the kernel has it, else from stat in ticks.
A process may end while it is looked at: then it counts as nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICK = 1.0 / os.sysconf("SC_CLK_TCK")
GONE = (OSError, IndexError, ValueError)


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds, seconds that it was ready but another had the core, and switches of context."""

    cpu: float = 0.0
    waited: float = 0.0
    voluntary: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.cpu + other.cpu, self.waited + other.waited, self.voluntary + other.voluntary
        )

    def __sub__(self, other: Usage) -> Usage:
        return Usage(
            self.cpu - other.cpu, self.waited - other.waited, self.voluntary - other.voluntary
        )


def usage_of(pids: Iterable[int]) -> Usage:
    """Return what all threads of these processes have taken up to now."""
    return sum((_thread(task) for pid in pids for task in _tasks(pid)), Usage())


def memory_of(pids: Iterable[int]) -> dict[str, float]:
    """Return resident and proportional memory of these processes together, in MiB."""
    rss = pss = 0
    for pid in pids:
        with suppress(*GONE):
            for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
                rss += int(line.split()[1]) if line.startswith("Rss:") else 0
                pss += int(line.split()[1]) if line.startswith("Pss:") else 0
    return {"rss_mib": round(rss / 1024, 1), "pss_mib": round(pss / 1024, 1)}


def descendants_of(pid: int) -> list[int]:
    """Return the processes that this one has started, and those that they have."""
    parents: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with suppress(*GONE):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        children = parents.get(todo.pop(), [])
        found += children
        todo += children
    return sorted(found)


def pin(pids: Iterable[int], cores: Iterable[int]) -> None:
    """Let all threads of these processes run on these cores only."""
    allowed = set(cores)
    for pid in pids:
        for task in _tasks(pid):
            with suppress(*GONE):
                os.sched_setaffinity(int(task.name), allowed)


def _tasks(pid: int) -> list[Path]:
    with suppress(*GONE):
        return list((PROC / str(pid) / "task").iterdir())
    return []


def _thread(task: Path) -> Usage:
    with suppress(*GONE):
        status = (task / "status").read_text()
        voluntary = int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
        with suppress(*GONE):
            cpu, waited, _ = (task / "schedstat").read_text().split()
            return Usage(int(cpu) / 1e9, int(waited) / 1e9, voluntary)
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        return Usage((int(fields[11]) + int(fields[12])) * TICK, 0.0, voluntary)
    return Usage()
