"""A probe that runs a program: exit status 0 is good; a program that cannot be run says nothing.

No shell, an environment of its own, and a process group of its own, which is killed as a whole
when the program has ended or its time is up, so that no process of it remains and no child that
holds its output can delay the probe.  A descriptor reports its end (pidfd_open, Linux 5.3), so
neither a thread nor SIGCHLD is needed; starting it (vfork) does not copy this process's memory.
Has no time limit of its own: the prober gives the probe up when its time is up.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import Final

from failoverdns.model.health import Cause, ProbeTarget
from failoverdns.model.printable import printable
from failoverdns.probing.polling import READABLE, Poller
from failoverdns.probing.verdict import PASSED, Ended, ProbeVerdict, check_room
from failoverdns.program_faults import cannot_run, was_not_run

MAX_OUTPUT: Final = 4096
"""Bytes that are kept of a program's output: its end."""

_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def environment(target: ProbeTarget) -> dict[str, str]:
    """Return the whole environment of the program, except PATH."""
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
        """Prepare; `ended` is called with the verdict, once and in a later turn."""
        self._target = target
        self._poller = poller
        self._ended = ended
        self._process: subprocess.Popen[bytes] | None = None
        self._descriptor = -1
        self._output = b""

    def begin(self) -> ProbeVerdict | None:
        """Start the program; return the verdict if it is known at once. Raises NoRoom."""
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
            return ProbeVerdict(Cause.LOCAL, cannot_run(argv[0], fault))
        self._poller.watch(process.stdout.fileno(), self._read, READABLE)
        self._poller.watch(self._descriptor, self._exited, READABLE)
        return None

    def give_up(self) -> ProbeVerdict:
        """End the probe, whose time is up, and return the verdict."""
        self._read(0)
        said = self._said()
        self.close()
        return ProbeVerdict(
            Cause.TIMEOUT, f"did not end within {self._target.check.timeout:g} s{said}"
        )

    def close(self) -> None:
        """Kill the program and all its children; `ended` is not called any more."""
        process = self._process
        if process is None:
            return
        assert process.stdout is not None
        self._poller.forget(process.stdout.fileno())
        process.stdout.close()
        # Before it is waited for, because until then its id cannot be reused.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        if process.poll() is None and self._descriptor >= 0:
            # It dies in a moment, or when the kernel ends a blocking call of it: not awaited here.
            self._poller.forget(self._descriptor)
            self._poller.watch(self._descriptor, self._reap, READABLE)
        else:
            self._reap(0)

    def _reap(self, events: int) -> None:
        """Reap a process that has ended."""
        process, self._process = self._process, None
        assert process is not None
        process.wait()
        if self._descriptor >= 0:
            self._poller.forget(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _read(self, events: int) -> None:
        """Read its output, and keep the end."""
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
        status, program = process.returncode, self._target.check.run[0]
        missing = was_not_run(program, status, environment(self._target)["PATH"])
        if missing is not None:
            self._ended(ProbeVerdict(Cause.LOCAL, missing))
        elif status == 0:
            self._ended(PASSED)
        elif status < 0:
            self._ended(ProbeVerdict(Cause.EXIT, f"was ended by signal {-status}{said}"))
        else:
            self._ended(ProbeVerdict(Cause.EXIT, f"exit status {status}{said}"))

    def _said(self) -> str:
        """Return the last line of its output, as the end of a sentence."""
        lines = self._output.decode("utf-8", "replace").strip().splitlines()
        return f": {printable(lines[-1].strip())}" if lines else ""
