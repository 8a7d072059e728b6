"""A server to attack, whose processes are found and killed together or one by one."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dns.message
import dns.query
import dns.rdatatype
from system.server import DEADLINE, EXECUTABLE, Server

CONFIG = """\
zones:
  failover.test:
    nameservers: {{ns1: [127.0.0.1]}}
    ttl: 60
    negative_ttl: 60
listen: ["{listen}"]
workers: {workers}
control: {{socket: control.sock}}
state: {{sqlite: {state}}}
"""


class Target(Server):
    """A `failoverdns serve` process, in a session of its own, with its answering processes."""

    def __init__(
        self,
        folder: Path,
        *,
        workers: int = 2,
        state: Path = Path("state.db"),
        listen: str = "127.0.0.1:0",
    ) -> None:
        text = CONFIG.format(listen=listen, workers=workers, state=state)
        super().__init__(folder, text)
        self._sessions: set[int] = set()
        self.precedes = False
        """Whether its processes run before unrelated processes of a busy machine."""

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the process without waiting."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [EXECUTABLE, "serve", "--config", self.config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        self._sessions.add(self.process.pid)
        if self.precedes:
            with suppress(OSError):  # not root, or a kernel without autogroups
                Path(f"/proc/{self.process.pid}/autogroup").write_text("-15")
        return self.process

    def processes(self) -> list[int]:
        """Return the process ids of the control process and of all answering processes."""
        return [
            pid
            for pid, session in _running()
            if session in self._sessions or _folder_of(pid) == self.folder
        ]

    def workers(self) -> list[int]:
        """Return the process ids of the answering processes, old ones included."""
        control = self.process.pid if self.process is not None else 0
        return [pid for pid in self.processes() if pid != control]

    def kill_control(self) -> None:
        """Kill the control process alone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(DEADLINE)

    def kill_all(self) -> None:
        """Kill every process of the server at once, and wait until all are gone."""
        until = time.monotonic() + DEADLINE
        while found := self.processes():
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if self.process is not None:
                self.process.poll()
            assert time.monotonic() < until, f"processes cannot be killed: {found}"
            time.sleep(0.002)
        if self.process is not None:
            self.process.wait(DEADLINE)

    @contextmanager
    def restarting(self) -> Iterator[None]:
        """Let the server restart within this context; the command's outcome does not matter."""
        command = [str(EXECUTABLE), "--socket", str(self.socket), "restart"]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as restart:
            try:
                yield
            finally:
                restart.kill()

    def kill(self) -> None:
        """Kill every process, and remove what they left in the folder."""
        self.kill_all()
        super().kill()

    def resolve(self, name: str) -> list[str]:
        """Query for addresses from a new port; return them in order."""
        query = dns.message.make_query(name, "A", use_edns=-1)
        reply = dns.query.udp(query, "127.0.0.1", timeout=DEADLINE, port=self.port)
        return sorted(
            str(data) for rrset in reply.answer if rrset.rdtype == dns.rdatatype.A for data in rrset
        )


def _folder_of(pid: int) -> Path | None:
    """Return the working directory of a process, if it can be known."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cwd").readlink()
    return None


def _running() -> list[tuple[int, int]]:
    """Return each process that has not ended, and its session."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if fields[0] not in "ZX":
                    found.append((int(entry.name), int(fields[3])))
    return found
