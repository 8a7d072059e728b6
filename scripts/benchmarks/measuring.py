"""Servers as processes, queries over UDP, and tables of figures, for all benchmarks."""

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
from contextlib import suppress
from pathlib import Path
from typing import Any

import dns.message

EXECUTABLE = Path(sys.executable).with_name("failoverdns")
DEADLINE = 120.0


class Process:
    """A server as a child process."""

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
        """Stop it, with SIGKILL if it does not stop in time."""
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
    """A DNS client that repeats one question to one server over UDP."""

    def __init__(self, port: int, name: str, rtype: str = "A", source: int = 0) -> None:
        self._question = dns.message.make_query(name, rtype, use_edns=-1).to_wire()
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.settimeout(0.5)
        self._sock.bind(("127.0.0.1", source))
        self._sock.connect(("127.0.0.1", port))
        self.port: int = self._sock.getsockname()[1]
        """The source port of its queries."""

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def ask(self) -> bytes | None:
        """Return the reply without its ID, or None without a reply in time."""
        try:
            self._sock.send(self._question)
            return self._sock.recv(4096)[2:]
        except OSError:
            return None

    def wait_for_answer(self) -> bytes:
        """Query until the reply has an answer record; return the reply without its ID."""
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            reply = self.ask()
            if reply is not None and reply[4:6] != b"\0\0":
                return reply
            time.sleep(0.02)
        raise RuntimeError("the server does not answer")

    def time_of_change(self, old: bytes) -> float:
        """Query until the reply differs from `old`; return the time of the new reply."""
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            reply = self.ask()
            if reply is not None and reply != old:
                return time.monotonic()
        raise RuntimeError("the answer does not change")


def connect(path: Path) -> socket.socket:
    """Connect to a control socket as soon as a server listens on it."""
    until = time.monotonic() + DEADLINE
    sock = socket.socket(socket.AF_UNIX)
    while sock.connect_ex(str(path)):
        if time.monotonic() > until:
            raise RuntimeError(f"no server listens on {path}")
        time.sleep(0.01)
    return sock


def free_port() -> int:
    """Return a port that is free for UDP and TCP at this moment."""
    while True:
        with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            port: int = udp.getsockname()[1]
            with suppress(OSError):  # in use for TCP
                tcp.bind(("127.0.0.1", port))
                return port


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return the median and 99th percentile in milliseconds, and the number of values."""
    ordered = sorted(seconds)
    return {
        "runs": len(ordered),
        "median_ms": round(statistics.median(ordered) * 1000, 3),
        "p99_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000, 3),
    }


def machine() -> dict[str, Any]:
    """Return facts about this machine: cores, processor, kernel, Python version and load."""
    processor = Path("/proc/cpuinfo").read_text().partition("model name")[2].split("\n")[0]
    return {
        "cores": os.cpu_count(),
        "processor": processor.lstrip("\t: "),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def version_of(program: str, *words: str) -> str:
    """Return the line in which a program prints its version; empty if it is not installed."""
    path = shutil.which(program)
    if path is None:
        return ""
    done = subprocess.run([path, *words], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    return next((line for line in lines if any(c.isdigit() for c in line)), path)


def print_table(rows: Sequence[Sequence[object]]) -> None:
    """Print rows in columns; the first row is the heading."""
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)))
        if number == 0:
            print("  ".join("-" * width for width in widths))


def write_json(path: str | None, figures: dict[str, Any]) -> None:
    """Write the figures to a file, if a path is given."""
    if path is not None:
        Path(path).write_text(json.dumps(figures, indent=2) + "\n")
