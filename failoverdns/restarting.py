"""The first step of a restart: the version on disk runs as a child, and checks that it can serve.

    trial -> the commands under way are finished -> the version on disk takes this process's place

Until the trial has passed, nothing is touched.  `net.replacing` has the last step.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from failoverdns.confinement.capabilities import passed_on
from failoverdns.model.errors import Rejected
from failoverdns.trial import InUse, write_in_use

TRIAL: Final = 300.0
"""Seconds that a trial may take: it reads the whole state."""

TRIAL_VARIABLE: Final = "FAILOVERDNS_TRIAL"
"""The environment variable with what the running server uses (`trial.read_in_use`)."""

MAX_OUTPUT: Final = 1 << 16
"""Bytes of the output of a trial that are kept."""

_USAGE = 2
"""The exit status of a program that does not know an option."""


def program(config: Path) -> list[str]:
    """Return the command line that has the version on disk serve the configuration `config`.

    It is the same interpreter; nothing is imported from the current folder.
    """
    return [sys.executable, "-P", "-m", "failoverdns", "serve", "--config", str(config)]


async def try_version(
    reactor: Any, command: Sequence[str], used: InUse, environment: Mapping[str, str]
) -> str:
    """Let the version on disk check that it can serve; return its report.

    `command` starts the server; `used` is what the running server uses.  Raises Rejected.
    """
    child = _Trial(reactor)
    try:
        with passed_on():  # it binds new addresses for a moment
            reactor.spawnProcess(
                child,
                command[0],
                [*command, "--trial"],
                env={**environment, TRIAL_VARIABLE: write_in_use(used)},
                path=None,
            )
    except OSError as fault:
        raise _refused(f"{command[0]}: {fault.strerror}") from None
    status, output, errors = await child.ended
    if status == _USAGE and "--trial" in errors:
        raise _refused("it is older than the version that runs, and cannot replace it")
    if status != 0:
        raise _refused(errors.strip() or f"its trial ended with status {status}")
    return output.strip()


def _refused(why: str) -> Rejected:
    text = f"nothing was changed: the version on disk cannot serve: {why}"
    return Rejected("refused", text)


class _Trial(ProcessProtocol):
    """A trial that runs; `ended` has its exit status, output and errors."""

    def __init__(self, reactor: Any) -> None:
        self.ended: Deferred[tuple[int | None, str, str]] = Deferred()
        self._output, self._errors = bytearray(), bytearray()
        self._late = reactor.callLater(TRIAL, self._kill)

    def outReceived(self, data: bytes) -> None:  # noqa: N802
        """Keep output."""
        self._output += data[: MAX_OUTPUT - len(self._output)]

    def errReceived(self, data: bytes) -> None:  # noqa: N802
        """Keep errors."""
        self._errors += data[: MAX_OUTPUT - len(self._errors)]

    def processEnded(self, reason: Failure) -> None:  # noqa: N802
        """Report the end."""
        if self._late.active():
            self._late.cancel()
        ended: Any = reason.value
        status = 0 if isinstance(ended, ProcessDone) else ended.exitCode
        texts = (bytes(part).decode("utf-8", "replace") for part in (self._output, self._errors))
        output, errors = texts
        self.ended.callback((status, output, errors))

    def _kill(self) -> None:
        self._errors += f"it did not end within {TRIAL:g} s".encode()
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")  # type: ignore[union-attr]


def be_gentle() -> None:
    """Leave the processor to the running server."""
    with suppress(OSError):
        os.nice(5)
