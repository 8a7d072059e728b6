"""The start of every process of the server: its title, the log, and the reactor."""

from __future__ import annotations

import gc
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)

SWITCH: Final = 0.0005
"""Seconds after which a thread that waits gets its turn; Python's default is ten times as long."""

_ARGUMENTS = 45, 46
"""Where /proc/PID/stat has the addresses of the arguments' begin and end, after the name."""


def begin_logging() -> None:
    """Log to standard error: our messages from level info on, and Twisted's from warn on."""
    threshold = LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn)
    threshold.setLogLevelForNamespace("failoverdns", LogLevel.info)
    observer = FilteringLogObserver(textFileLogObserver(sys.stderr), (threshold,))
    globalLogBeginner.beginLoggingTo((observer,), redirectStandardIO=False)


def take_reactor() -> Any:
    """Return Twisted's reactor, with timers that use the monotonic clock.

    Twisted's default is the wall clock: if that is set back by an hour, all timers stop for an
    hour.  The reactor is installed when it is first imported (epoll on Linux).
    Threads get their turn within `SWITCH`: a commit, which is in a thread, asks for it many times,
    and would take ten times as long beside a reactor that never rests.
    """
    sys.setswitchinterval(SWITCH)
    from twisted.internet import reactor

    chosen: Any = reactor
    chosen.seconds = time.monotonic
    return chosen


def name_process(title: str, name: str) -> None:
    """Set what `ps` shows of this process, `title`, and what `ss` and `top` show, `name`.

    A title takes the place of the command line, and is cut to its length; a name has at most 15
    bytes.  Where /proc forbids it, nothing is changed.
    """
    with suppress(OSError, ValueError, IndexError):
        Path("/proc/self/comm").write_text(name)
        fields = Path("/proc/self/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        begin, end = (int(fields[index]) for index in _ARGUMENTS)
        if begin < end:
            room = end - begin
            with open("/proc/self/mem", "r+b", buffering=0) as memory:
                memory.seek(begin)
                memory.write(title.encode("utf-8", "replace")[: room - 1].ljust(room, b"\0"))


class Child(Protocol):
    """What a process does that the control process has started."""

    def start(self) -> None:
        """Begin; the reactor runs."""

    def end(self, *_: object) -> None:
        """Stop the reactor, after SIGTERM."""


def run_child(title: str, name: str, make: Callable[[Any], Child]) -> int:
    """Run what `make` returns for the reactor until that stops; return the exit status.

    `title` and `name` are those of `name_process`.  Signals of a terminal are for the control
    process.  Garbage is collected when the child enables that, after its start.
    """
    name_process(title, name)
    begin_logging()
    reactor = take_reactor()
    child = make(reactor)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    reactor.callWhenRunning(child.start)
    reactor.callWhenRunning(signal.signal, signal.SIGTERM, child.end)
    gc.disable()
    reactor.run()
    return 0


def title_of(pid: int) -> str:
    """Return the title or command line of a process; empty if it does not exist."""
    try:
        text = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return text.rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")
