"""What a process uses, as the kernel counts it: CPU time, memory, open files, and since when."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_USER_TIME, _SYSTEM_TIME, _STARTED = 11, 12, 19
"""Fields of /proc/PID/stat after the name of the program (proc(5)), counted from zero."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process uses; `open_files` is None if we may not see them.

    `cpu` is in seconds, `memory` in bytes (resident), `started` in seconds since 1970.
    """

    cpu: float
    memory: int
    started: float
    open_files: int | None


def usage(pid: int) -> Usage | None:
    """Return what a process uses; None if it is gone, or /proc is not there."""
    folder = f"/proc/{pid}"
    try:
        with open(f"{folder}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        with open(f"{folder}/statm", "rb") as file:
            pages = int(file.read().split()[1])
        ticks = int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME])
        started = _booted() + int(fields[_STARTED]) / _TICKS
    except (OSError, ValueError, IndexError):
        return None
    count = None
    with suppress(OSError):
        count = len(os.listdir(f"{folder}/fd"))
    return Usage(ticks / _TICKS, pages * _PAGE, started, count)


@cache
def _booted() -> float:
    """Return when the kernel was started, in seconds since 1970."""
    with open("/proc/stat", "rb") as file:
        for line in file:
            if line.startswith(b"btime "):
                return float(line.split()[1])
    raise OSError("no btime in /proc/stat")
