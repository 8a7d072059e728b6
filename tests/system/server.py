"""The real server as a process, and independent clients that query and control it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from replies import check_reply

EXECUTABLE = Path(sys.executable).with_name("failoverdns")
DEADLINE = 60.0
"""Seconds that anything may take, which is enough for a slow machine."""

CONFIG = """\
zones:
  failover.test:
    nameservers:
      ns1: [127.0.0.1, "::1"]
    contact: hostmaster@failover.test
    ttl: 60
    negative_ttl: 60
    records:
      - "@ 3600 IN MX 10 mail.example.net."
listen: ["127.0.0.1:0", "[::1]:0"]
workers: 0
control:
  socket: control.sock
state:
  sqlite: state.db
"""


def tool(name: str) -> str:
    """Return the path of a program; if it is missing, skip the test, or fail in CI."""
    path = shutil.which(name)
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is missing")
        pytest.skip(f"{name} is missing")
    return path


class Server:
    """A `failoverdns serve` process in a folder of its own."""

    def __init__(self, folder: Path, config: str = CONFIG) -> None:
        self.folder = folder
        self.config = folder / "failoverdns.yaml"
        self.config.write_text(config)
        self.socket = folder / "control.sock"
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.port = self.port6 = 0
        self.environment: dict[str, str] = {}
        """Additional environment variables of the server."""

    def start(self) -> Server:
        """Start the process and wait until it answers; return self."""
        begin = self.log.stat().st_size if self.log.exists() else 0
        self.launch()
        wait_for(lambda: self._is_ready(begin), lambda: f"not ready:\n{self.log.read_text()}")
        ports = re.findall(r"answering on (\S+):(\d+),", self.log.read_text()[begin:])
        by_host = {host: int(port) for host, port in ports}
        self.port = by_host.get("127.0.0.1") or by_host.get("0.0.0.0") or 0
        self.port6 = by_host.get("[::1]") or by_host.get("[::]") or 0
        return self

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the process without waiting."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [EXECUTABLE, "serve", "--config", self.config],
                stderr=log,
                cwd=self.folder,
                env={**os.environ, **self.environment},
            )
        return self.process

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the process to end; return its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)

    def kill(self) -> None:
        """Kill the process, if it runs, and the answering processes that it leaves behind."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(DEADLINE)
        for path in self.folder.glob(f"{self.socket.name}.worker.*"):
            with suppress(ProcessLookupError):
                os.kill(int(path.suffix[1:]), signal.SIGKILL)
            path.unlink(missing_ok=True)

    def ctl(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of the command line client for this server."""
        done = subprocess.run(
            [EXECUTABLE, "--socket", self.socket, *words],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        if check:
            assert done.returncode == 0, done.stderr
        return done

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a JSON request and return the reply."""
        with self.connect() as client:
            return client.ask(request)

    def do(self, **request: Any) -> dict[str, Any]:
        """Send a JSON request that must succeed and return its result."""
        reply = self.ask(**request)
        assert reply["ok"], reply
        result: dict[str, Any] = reply["result"]
        return result

    def connect(self) -> Client:
        """Connect to the control socket."""
        return Client(self.socket)

    def dig(self, *words: str) -> str:
        """Query with dig, over IPv4 unless `words` name another server, and return its output."""
        where = [] if any(w.startswith("@") for w in words) else ["@127.0.0.1"]
        port = self.port6 if "@::1" in words else self.port
        command = [tool("dig"), *where, "-p", str(port), "+tries=1", "+time=5", *words]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=DEADLINE, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def short(self, *words: str) -> list[str]:
        """Query with dig and return the data of the answer."""
        return sorted(self.dig("+short", *words).split("\n")[:-1])

    def load_demo(self) -> None:
        """Add the group `shop`, whose primary and backup applications resolve."""
        for name, address in (("shop-eu", "192.0.2.10"), ("shop-us", "198.51.100.20")):
            self.do(command="application add", name=name)
            self.do(
                command="head add",
                application=name,
                name="lb1",
                role="load-balancer",
                address=[address],
            )
        self.do(
            command="group add",
            name="shop",
            label="414-262-781",
            primary="shop-eu",
            backup="shop-us",
        )

    def _is_ready(self, begin: int) -> bool:
        assert self.process is not None
        text = self.log.read_text()[begin:]
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode}:\n{text}")
        return "control socket " in text


class Client:
    """A control client that uses no code of the package: a socket and lines."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(str(path))
        self._file = self.sock.makefile("rb")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self.sock.close()

    def send(self, request: dict[str, Any] | bytes) -> None:
        """Send a request as a line of JSON, or bytes unchanged."""
        if isinstance(request, bytes):
            self.sock.sendall(request)
        else:
            self.sock.sendall(json.dumps(request).encode() + b"\n")

    def receive(self) -> dict[str, Any]:
        """Receive one line."""
        line = self._file.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError(f"the connection was closed: {line!r}")
        value: dict[str, Any] = json.loads(line)
        return value

    def lines(self) -> Iterator[dict[str, Any]]:
        """Receive lines until the server closes the connection."""
        for line in self._file:
            yield json.loads(line)

    def ask(self, request: dict[str, Any] | bytes) -> dict[str, Any]:
        """Send a request and return its reply, which must fit the schema of the command."""
        self.send(request)
        reply = self.receive()
        if isinstance(request, dict):
            check_reply(str(request.get("command")), reply)
        return reply


def wait_for(condition: Any, describe: Any = lambda: "the condition did not hold in time") -> None:
    """Wait until a condition holds; fail with `describe()` after the deadline."""
    until = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < until, describe()
        time.sleep(0.01)
