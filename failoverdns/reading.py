"""Read a configuration in a process of its own, so that the server goes on meanwhile.

A thread would not do: it shares the interpreter, and each of its turns takes 5 ms from the event
loop.  The process reads every file once, and what it has read is what is used.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from failoverdns.config import ConfigErrors
from failoverdns.config.sending import CannotTake, ConfigReader
from failoverdns.model.settings import Config
from failoverdns.net.own_process import command, environment

READING: Final = 300.0
"""Seconds that the process may take."""

READ: Final = "failoverdns.config.reading_child:read"
"""The function that reads it."""

MAX_OUTPUT: Final = 1 << 12
"""Bytes of its standard error that are kept."""


class CannotRead(Exception):
    """The configuration was not read, for a reason that is not in its text."""


class ReadingProcess(ProcessProtocol):
    """A process that reads one configuration."""

    def __init__(
        self,
        reactor: Any,
        file: Path,
        seconds: float = READING,
        program: Sequence[str] | None = None,
    ) -> None:
        """Start to read a file, with another `program` if given; it is killed after `seconds`."""
        self._ended: Deferred[None] = Deferred()
        self._reader = ConfigReader()
        self._errors = bytearray()
        self._why = ""
        """Why it was killed."""
        self._late = reactor.callLater(
            seconds, self.kill, f"the configuration was not read within {seconds:g} s"
        )
        try:
            reactor.spawnProcess(
                self,
                sys.executable,
                program or command(READ, [str(file)], sys.path),
                env=environment(os.environ),
                path=None,
            )
        except OSError as fault:
            self._late.cancel()
            raise CannotRead(f"no process can be started to read it: {fault.strerror}") from None

    async def config(self) -> Config:
        """Return the configuration when it was read; raises ConfigErrors or CannotRead."""
        await self._ended
        if self._why:
            raise CannotRead(self._why)
        if self._reader.errors:
            raise ConfigErrors(self._reader.errors)
        assert self._reader.config is not None
        return self._reader.config

    def kill(self, why: str) -> None:
        """End the process; `why` is for the log."""
        self._why = self._why or why
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")  # type: ignore[union-attr]

    def outReceived(self, data: bytes) -> None:  # noqa: N802
        """Take a part of the configuration."""
        if not self._why:
            try:
                self._reader.feed(data)
            except CannotTake as fault:
                self.kill(str(fault))

    def errReceived(self, data: bytes) -> None:  # noqa: N802
        """Keep what it says when it fails."""
        self._errors += data[: MAX_OUTPUT - len(self._errors)]

    def processEnded(self, reason: Failure) -> None:  # noqa: N802
        """Note how it ended."""
        if self._late.active():
            self._late.cancel()
        done = isinstance(reason.value, ProcessDone)
        complete = self._reader.config is not None or self._reader.errors
        if not self._why and not (done and complete):
            self._why = _reason(reason.value, self._errors.decode("utf-8", "replace"))
        self._ended.callback(None)


def _reason(ended: Any, errors: str) -> str:
    """Say why a process ended before it had read the configuration, in one line."""
    number = getattr(ended, "signal", None)
    if number is not None:
        name = signal.Signals(number).name
        hint = "; is there enough memory?" if number == signal.SIGKILL else ""
        return f"the process that reads the configuration was ended by {name}{hint}"
    last = (errors.strip().splitlines() or ["it gave no reason"])[-1]
    return f"the process that reads the configuration failed: {last}"
