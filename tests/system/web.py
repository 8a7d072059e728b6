"""A server that serves HTTP, and curl as its client."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

from system.server import CONFIG, DEADLINE, Server, tool, wait_for

WITHOUT = CONFIG.replace("workers: 0", "workers: 1")
"""A configuration without HTTP."""

HTTP = WITHOUT + 'http: {listen: ["127.0.0.1:0"]}\n'
"""A configuration with HTTP on loopback."""


def report(server: Server) -> dict[str, Any]:
    """Return what `status` reports of HTTP."""
    found: dict[str, Any] = server.do(command="status")["server"]["http"]
    return found


def serving(server: Server) -> dict[str, Any]:
    """Wait until HTTP is served; return what `status` reports of it then."""
    found: list[dict[str, Any]] = []

    def is_serving() -> bool:
        found[:] = [report(server)]
        return bool(found[0]["serving"] and "pid" in found[0])

    wait_for(is_serving, server.log.read_text)
    return found[0]


def port(server: Server, index: int = 0) -> int:
    """Return the port of one of the addresses."""
    return int(report(server)["addresses"][index].rpartition(":")[2])


def add_token(server: Server, name: str = "admin", role: str = "admin") -> str:
    """Add a token; return its text."""
    token: str = server.do(command="token add", name=name, role=role)["token"]
    return token


def curl(url: str, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run curl, which prints the status after the body."""
    command = [tool("curl"), "-sS", "-m", str(DEADLINE), "-w", "%{http_code}", *words, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    if check:
        assert done.returncode == 0, done.stderr
    return done


def command(
    base: str, token: str, path: str, *words: str, **fields: Any
) -> tuple[int, dict[str, Any]]:
    """Give a command over HTTP with curl; return the status and the reply."""
    done = curl(
        f"{base}/api/v1/{path}",
        *("-H", f"Authorization: Bearer {token}", "-H", "Content-Type: application/json"),
        *("-d", json.dumps(fields), *words),
    )
    reply: dict[str, Any] = json.loads(done.stdout[:-3])
    return int(done.stdout[-3:]), reply


def status(url: str, *words: str) -> int:
    """Return the status of a request with curl; 0 if there was no reply."""
    return int(curl(url, *words, check=False).stdout[-3:] or 0)


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def title_of(pid: int) -> str:
    """Return the title of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()


def is_running(pid: int) -> bool:
    """Return whether a process runs, and is not waiting to be forgotten."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return re.sub(r".*\) ", "", stat)[0] != "Z"


def end(pid: int) -> None:
    """Kill a process."""
    os.kill(pid, signal.SIGKILL)
