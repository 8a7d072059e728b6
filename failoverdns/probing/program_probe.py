"""A probe that is a program: exit status 0 is good.

No shell, an environment of its own, a process group of its own, which is killed as a whole when
the program has ended or its time is up, so that nothing of it stays behind and no child of it that
holds its output can hold up the probe.  Its end is told by a descriptor (pidfd_open, Linux 5.3), so
neither a thread nor SIGCHLD is needed; starting it (vfork) does not copy our memory.
Refuses to know time limits: whoever began it gives it up.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import Final

from failoverdns.model.health import Cause, ProbeTarget
from failoverdns.probing.polling import READABLE, Poller
from failoverdns.probing.verdict import PASSED, Ended, ProbeVerdict, check_room, printable

MAX_OUTPUT: Final = 4096
"""Bytes kept of what a program prints: the end."""

_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def environment(target: ProbeTarget) -> dict[str, str]:
    """Return all that a program is told, besides PATH."""
    return {
        "PATH": os.environ.get("PATH", _PATH),
        "FAILOVERDNS_APPLICATION": target.application,
        "FAILOVERDNS_HEAD": target.head,
        "FAILOVERDNS_ADDRESS": str(target.address),
        "FAILOVERDNS_NAMES": " ".join(target.names),
    }


class ProgramProbe:
    """One run of a program."""

    def __init__(self, target: ProbeTarget, poller: Poller, ended: Ended) -> None:
        """Prepare; `ended` is told the verdict, in a later turn and once."""
        self._target = target
        self._poller = poller
        self._ended = ended
        self._process: subprocess.Popen[bytes] | None = None
        self._descriptor = -1
        self._output = b""

    def begin(self) -> ProbeVerdict | None:
        """Start the program; return the verdict if there is one at once. Raises NoRoom."""
        argv = self._target.check.run
        try:
            self._process = process = subprocess.Popen(
                argv,
                env=environment(self._target),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            assert process.stdout is not None
            os.set_blocking(process.stdout.fileno(), False)
            self._descriptor = os.pidfd_open(process.pid)
        except OSError as fault:
            self.close()
            check_room(fault)
            return ProbeVerdict(Cause.EXIT, f"{argv[0]} cannot be run: {fault.strerror}")
        self._poller.watch(process.stdout.fileno(), self._read, READABLE)
        self._poller.watch(self._descriptor, self._exited, READABLE)
        return None

    def give_up(self) -> ProbeVerdict:
        """End before there is a verdict: its time is up."""
        self._read(0)
        said = self._said()
        self.close()
        return ProbeVerdict(
            Cause.TIMEOUT, f"did not end within {self._target.check.timeout:g} s{said}"
        )

    def close(self) -> None:
        """Kill the program and all that it has started; nobody is told any more."""
        process = self._process
        if process is None:
            return
        assert process.stdout is not None
        self._poller.forget(process.stdout.fileno())
        process.stdout.close()
        # Before it is waited for, because until then its number is nobody else's.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        if process.poll() is None and self._descriptor >= 0:
            # It dies in a moment, or when the kernel lets go of it: not to be waited for here.
            self._poller.forget(self._descriptor)
            self._poller.watch(self._descriptor, self._reap, READABLE)
        else:
            self._reap(0)

    def _reap(self, events: int) -> None:
        """Forget a process that has ended."""
        process, self._process = self._process, None
        assert process is not None
        process.wait()
        if self._descriptor >= 0:
            self._poller.forget(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _read(self, events: int) -> None:
        """Keep the end of what it has printed."""
        assert self._process is not None
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        try:
            data = os.read(descriptor, 65536)
        except BlockingIOError:
            return
        if not data:
            self._poller.forget(descriptor)
        self._output = (self._output + data)[-MAX_OUTPUT:]

    def _exited(self, events: int) -> None:
        process = self._process
        assert process is not None
        self._read(0)
        said = self._said()
        self.close()
        status = process.returncode
        if status == 0:
            self._ended(PASSED)
        elif status < 0:
            self._ended(ProbeVerdict(Cause.EXIT, f"was ended by signal {-status}{said}"))
        else:
            self._ended(ProbeVerdict(Cause.EXIT, f"exit status {status}{said}"))

    def _said(self) -> str:
        """Return the last line that it has printed, as the end of a sentence."""
        lines = self._output.decode("utf-8", "replace").strip().splitlines()
        return f": {printable(lines[-1].strip())}" if lines else ""
