"""CPU, memory and wake-ups of processes as the kernel counts them, and pinning to cores.

CPU comes from schedstat, in nanoseconds, if the kernel has it, otherwise from stat, in ticks.
A process that ends during the measurement counts as zero.
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
    """CPU seconds, seconds of waiting for the core while ready, and context switches."""

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
    """Return the usage of all threads of these processes so far."""
    return sum((_thread(task) for pid in pids for task in _tasks(pid)), Usage())


def memory_of(pids: Iterable[int]) -> dict[str, float]:
    """Return the resident and proportional memory of these processes together, in MiB."""
    rss = pss = 0
    for pid in pids:
        with suppress(*GONE):
            for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
                rss += int(line.split()[1]) if line.startswith("Rss:") else 0
                pss += int(line.split()[1]) if line.startswith("Pss:") else 0
    return {"rss_mib": round(rss / 1024, 1), "pss_mib": round(pss / 1024, 1)}


def descendants_of(pid: int) -> list[int]:
    """Return the child processes of a process, and their child processes."""
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
    """Restrict all threads of these processes to these cores."""
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
