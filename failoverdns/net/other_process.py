"""A process that this one did not start, by a descriptor of it (pidfd_open, Linux 5.3).

The descriptor always means the same process, even if its id is given to another one.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer


@implementer(IReadDescriptor)
class OtherProcess:
    """A running process that is not a child of this one: reports its end, and kills it."""

    def __init__(self, reactor: Any, pid: int, ended: Callable[[], None]) -> None:
        """Watch process `pid`, and call `ended` when it has ended; raises OSError if it has."""
        self._reactor = reactor
        self._descriptor = os.pidfd_open(pid)
        self._ended = ended
        reactor.addReader(self)

    def kill(self) -> None:
        """Kill the process; this cannot hit another one that got its id."""
        if self._descriptor >= 0:
            with suppress(ProcessLookupError, PermissionError):
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    def fileno(self) -> int:
        """Return the descriptor of the process."""
        return self._descriptor

    def logPrefix(self) -> str:  # noqa: N802
        """Return the name of this reader in log lines of Twisted."""
        return "process"

    def doRead(self) -> None:  # noqa: N802
        """Note that the process has ended."""
        self.close()
        self._ended()

    def close(self) -> None:
        """Stop watching the process."""
        if self._descriptor >= 0:
            self._reactor.removeReader(self)
            os.close(self._descriptor)
            self._descriptor = -1

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802
        """Do nothing: the reactor stops."""
