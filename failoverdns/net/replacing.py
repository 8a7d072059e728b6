"""The replacement of the running program by another one under the same process id (execve(2)).

Nothing but what is handed over survives: threads end, other descriptors are closed, and signals
get their default actions.  Signals that the server handles are blocked until the next program
handles them too (`unblock_signals`), so that none of them ends it in between.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn

from twisted.internet.task import LoopingCall

HANDLED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)
"""The signals that the server handles."""

REAP_INTERVAL: Final = 1.0
"""Seconds between two checks whether children of the program before have ended."""

_FIRST = 3
"""The first descriptor that is not standard input, output or error."""


def replace_program(
    arguments: Sequence[str], environment: Mapping[str, str], descriptors: Iterable[int]
) -> NoReturn:
    """Run another program in place of this one; it gets the standard streams and `descriptors`.

    Raises OSError if it cannot be run; then nothing was changed.
    """
    kept = frozenset(descriptors)
    _close_on_exec(kept)
    ignored = [number for number in signal.valid_signals() if _is_ignored(number)]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, HANDLED)
    try:
        os.execve(arguments[0], list(arguments), dict(environment))
    finally:  # it could not be run
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
        for descriptor in kept:
            os.set_inheritable(descriptor, False)
    raise AssertionError("unreachable")


def unblock_signals() -> None:
    """Let signals arrive that the program before has blocked, or a parent process."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def children_of(pid: int) -> tuple[int, ...]:
    """Return the process ids of the children of a process, ended ones that nobody waits for too."""
    try:
        lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        lists = []
    if lists:  # it has those that /proc hides, too, but needs a kernel with CONFIG_PROC_CHILDREN
        return tuple(sorted({int(word) for text in lists for word in text.split()}))
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            if int(path.read_text("utf-8", "replace").rpartition(")")[2].split()[1]) == pid:
                found.append(int(path.parent.name))
    return tuple(found)


class Reaper:
    """Waits for the children of the program before, so that none of them stays as a zombie."""

    def __init__(self, children: Iterable[int], clock: Any) -> None:
        """Wait for `children`, given by process id; other children are left alone."""
        self.children = set(children)
        self._waiting = LoopingCall(self._reap)
        self._waiting.clock = clock

    def start(self) -> None:
        """Begin to wait; it ends by itself with the last child."""
        if self.children:
            self._waiting.start(REAP_INTERVAL)

    def _reap(self) -> None:
        for child in list(self.children):
            try:
                ended = os.waitpid(child, os.WNOHANG)[0] == child
            except ChildProcessError:
                ended = True
            if ended:
                self.children.discard(child)
        if not self.children and self._waiting.running:
            self._waiting.stop()


def _close_on_exec(kept: frozenset[int]) -> None:
    """Have every descriptor closed in the next program but the standard streams and `kept`."""
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        if number >= _FIRST and number not in kept:
            with suppress(OSError):  # that of the folder itself is closed already
                os.set_inheritable(number, False)


def _is_ignored(number: int) -> bool:
    return signal.getsignal(number) == signal.SIG_IGN
