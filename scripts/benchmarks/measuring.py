"""What the benchmarks share: servers as processes, questions over UDP, figures as tables."""

from __future__ import annotations

import atexit
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dns.message

EXECUTABLE = Path(sys.executable).with_name("failoverdns")
DEADLINE = 120.0


class Process:
    """A server as a child process, ended by its own id."""

    def __init__(
        self,
        command: Sequence[str | Path],
        folder: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        with (folder / "log").open("ab") as log:
            self.child = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
            )
        atexit.register(self.stop)

    def stop(self) -> None:
        """End it, at the latest with SIGKILL."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()

    def memory(self) -> float:
        """Return its resident memory in MiB."""
        for line in Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("no VmRSS")


class Asker:
    """Asks one server one question over UDP, again and again."""

    def __init__(self, port: int, name: str, rtype: str = "A", source: int = 0) -> None:
        self._question = dns.message.make_query(name, rtype, use_edns=-1).to_wire()
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.settimeout(0.5)
        self._sock.bind(("127.0.0.1", source))
        self._sock.connect(("127.0.0.1", port))
        self.port: int = self._sock.getsockname()[1]
        """The port that it asks from."""

    def close(self) -> None:
        """Ask no more."""
        self._sock.close()

    def ask(self) -> bytes | None:
        """Return the reply without its id, or None if there is none."""
        try:
            self._sock.send(self._question)
            return self._sock.recv(4096)[2:]
        except OSError:
            return None

    def wait_for_answer(self) -> bytes:
        """Ask until there is an answer with a record in it."""
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            reply = self.ask()
            if reply is not None and reply[4:6] != b"\0\0":
                return reply
            time.sleep(0.02)
        raise RuntimeError("the server does not answer")

    def time_of_change(self, old: bytes) -> float:
        """Ask until the reply is another one; return when it came."""
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            reply = self.ask()
            if reply is not None and reply != old:
                return time.monotonic()
        raise RuntimeError("the answer does not change")


def connect(path: Path) -> socket.socket:
    """Connect to a control socket as soon as somebody listens."""
    until = time.monotonic() + DEADLINE
    sock = socket.socket(socket.AF_UNIX)
    while sock.connect_ex(str(path)):
        if time.monotonic() > until:
            raise RuntimeError(f"nobody listens on {path}")
        time.sleep(0.01)
    return sock


def free_port() -> int:
    """Return a port that is free now, for UDP and TCP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return median and 99th percentile in milliseconds, and how many there are."""
    ordered = sorted(seconds)
    return {
        "runs": len(ordered),
        "median_ms": round(statistics.median(ordered) * 1000, 3),
        "p99_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000, 3),
    }


def machine() -> dict[str, Any]:
    """Tell what it was measured on."""
    processor = Path("/proc/cpuinfo").read_text().partition("model name")[2].split("\n")[0]
    return {
        "cores": os.cpu_count(),
        "processor": processor.lstrip("\t: "),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def version_of(program: str, *words: str) -> str:
    """Return the line in which a program tells its version; empty if it is not there."""
    path = shutil.which(program)
    if path is None:
        return ""
    done = subprocess.run([path, *words], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    return next((line for line in lines if any(c.isdigit() for c in line)), path)


def print_table(rows: Sequence[Sequence[object]]) -> None:
    """Print rows in columns, the first of them as a heading."""
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)))
        if number == 0:
            print("  ".join("-" * width for width in widths))


def write_json(path: str | None, figures: dict[str, Any]) -> None:
    """Write the figures to a file, if one was named."""
    if path is not None:
        Path(path).write_text(json.dumps(figures, indent=2) + "\n")
