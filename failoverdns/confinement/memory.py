"""The memory of a process with secrets: not written into core dumps, not readable by its own user.

A process that is not dumpable (prctl(2)) leaves no core, whatever limits and programs for cores the
system has, and only root can trace it or read its memory.  Files below /proc/PID belong to root
then; the process itself still opens its own, but for a few such as /proc/self/mem and `comm`.
"""

from __future__ import annotations

import resource
from contextlib import suppress
from typing import Final

from failoverdns.confinement.system_calls import prctl

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4
_NO: Final = 0


def hide_memory() -> None:
    """Make this process not dumpable; a program that it runs is dumpable, but leaves no core."""
    prctl(_PR_SET_DUMPABLE, _NO)
    forbid_cores()


def forbid_cores() -> None:
    """Have this process, and programs that it runs, leave no core files."""
    with suppress(OSError, ValueError):  # a system call filter forbids it
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def is_dumpable() -> bool:
    """Return whether this process is dumpable."""
    return prctl(_PR_GET_DUMPABLE) != _NO
