"""The control socket under load: what one user does never keeps out another, root least of all.

The others run in a process of their own, as the user `nobody` if the tests run as root.  Times are
compared with those of the same run without load, because the machine may be slow.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from system.server import CONFIG, DEADLINE, EXECUTABLE, Server, wait_for
from system.web import HTTP, port, serving, status

NOBODY = 65534

OTHERS = """
import os, socket, sys, threading, time
path, uid, what = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if uid >= 0:
    os.setgid(uid)
    os.setuid(uid)
MIB = 1 << 20
LINES = {
    "words": (b"switch " + b"a " * MIB)[:MIB - 1],
    "list": (b'{"command": "switch", "groups": [' + b'"a",' * 4000 + b'"a"]').ljust(MIB - 1) + b"}",
}

def connected():
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)
    return sock

def send(line):
    while True:
        try:
            sock = connected()
            while True:
                sock.sendall(line + b"\\n")
                while not sock.recv(MIB).endswith(b"\\n"):
                    pass
        except OSError:
            time.sleep(0.01)

def connect():
    kept = []
    while True:
        try:
            kept = [*kept[-50:], connected()]
        except OSError:
            pass

def hold(beginning, count):
    kept = []
    for _ in range(count):
        try:
            sock = connected()
            sock.setblocking(False)
            sock.send(beginning)
        except OSError:
            pass
        kept.append(sock)
    print("ready", flush=True)
    time.sleep(600)

if what in LINES:
    threads = [threading.Thread(target=send, args=(LINES[what],), daemon=True) for _ in range(30)]
elif what == "connect":
    threads = [threading.Thread(target=connect, daemon=True) for _ in range(8)]
else:
    beginning, count = {
        "watch": (b"watch\\n", 100),
        "idle": (b"", 3000),
        "half": (b'{"command": ' + b" " * MIB, 300),
        "deaf": (b"application list\\n" * 10000, 100),
    }[what]
    threads = [threading.Thread(target=hold, args=(beginning, count), daemon=True)]
for thread in threads:
    thread.start()
if what in LINES or what == "connect":
    time.sleep(0.5)
    print("ready", flush=True)
time.sleep(600)
"""


@contextmanager
def others(server: Server, what: str) -> Iterator[None]:
    """Let clients of another user do something meanwhile."""
    uid = NOBODY if os.getuid() == 0 else -1
    if uid >= 0:  # let them reach the socket
        os.chown(server.socket, 0, NOBODY)
        for folder in (server.folder, *server.folder.parents):
            if folder.stat().st_uid == 0 and not folder.stat().st_mode & 1:
                folder.chmod(folder.stat().st_mode | 1)
    command = [sys.executable, "-c", OTHERS, str(server.socket), str(uid), what]
    running = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        yield
    finally:
        running.kill()
        running.wait()
        running.stdout.close()


def switches(server: Server, count: int = 30) -> list[float]:
    """Switch some times, each on a new connection; return the seconds that each took."""
    taken = []
    for _ in range(count):
        began = time.monotonic()
        with waiting_client(server) as sock:
            sock.sendall(b"switch shop\n")
            with sock.makefile() as lines:
                reply = json.loads(lines.readline())
        taken.append(time.monotonic() - began)
        assert reply["ok"], reply
        time.sleep(0.02)
    return taken


def waiting_client(server: Server) -> socket.socket:
    """Return a connection to the control socket; connect(2) waits in line for it."""
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(server.socket))
    sock.settimeout(DEADLINE)
    return sock


def resident(server: Server) -> int:
    """Return the memory of the control process in MiB."""
    assert server.process is not None
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) // 256


def test_thirty_clients_with_lines_of_one_mib_hold_up_nobody(demo: Server) -> None:
    """Neither do they leave a large process behind."""
    alone = switches(demo)
    before = resident(demo)
    for what in ("words", "list"):
        with others(demo, what):
            loaded = switches(demo)
        assert statistics.median(loaded) < 10 * statistics.median(alone) + 0.1
        assert max(loaded) < 10 * max(alone) + 1
    wait_for(lambda: resident(demo) < before + 15, lambda: f"{before} -> {resident(demo)} MiB")
    assert "Traceback" not in demo.log.read_text()


@pytest.mark.parametrize("what", ["watch", "idle", "half", "deaf", "connect"])
def test_clients_that_only_take_places_keep_nobody_out(demo: Server, what: str) -> None:
    """A hundred that watch, thousands, half lines, and clients that never read or never send."""
    with others(demo, what):
        assert len(switches(demo)) == 30
        done = demo.ctl("switch", "shop")
        assert "shop" in done.stdout
        with waiting_client(demo) as watcher, watcher.makefile() as lines:
            watcher.sendall(b"watch\n")
            assert json.loads(lines.readline())["ok"]
            demo.ctl("switch", "shop")
            assert json.loads(lines.readline())["event"] == "switch"
        status = json.loads(demo.ctl("--json", "status").stdout)
        counts = status["result"]["server"]["control"]
        assert counts["clients"] <= 120
        assert counts["watching"] <= 120
    assert "Traceback" not in demo.log.read_text()


def test_the_command_line_waits_for_a_place(demo: Server) -> None:
    """While all places of its user are taken, until one is free."""
    clients = [demo.connect() for _ in range(60)]
    for client in clients:
        assert client.ask(b"watch\n")["ok"]
    done = demo.ctl("--timeout", "1", "watch", check=False)
    assert done.returncode == 1
    assert "waiting for up to 1 s: too many clients" in done.stderr
    for client in clients:
        client.close()


def dns_over_tcp(port: int) -> bool:
    """Return whether a query on a new TCP connection is answered."""
    name = b"".join(len(part).to_bytes(1, "big") + part for part in (b"failover", b"test", b""))
    query = struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + name + struct.pack(">2H", 6, 1)
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 10) as sock:
        sock.sendall(len(query).to_bytes(2, "big") + query)
        return len(sock.recv(2000)) > len(query)
    return False


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("files", [64, 256])
def test_with_few_open_files_everything_is_still_served(
    tmp_path: Path, files: int, workers: int
) -> None:
    """UDP, new TCP connections and commands, beside clients that take all that they can."""
    server = Limited(tmp_path, CONFIG.replace("workers: 0", f"workers: {workers}"), f"-n {files}")
    try:
        server.start()
        idle: list[socket.socket] = []
        for _ in range(400):
            with suppress(OSError):
                idle.append(socket.create_connection(("127.0.0.1", server.port), 10))
        for _ in range(400):
            sock = socket.socket(socket.AF_UNIX)
            idle.append(sock)
            with suppress(OSError):
                sock.settimeout(1)
                sock.connect(str(server.socket))
        for _ in range(6):
            # A client for which the kernel had no room comes again, and may take its place.
            assert any(dns_over_tcp(server.port) for _ in range(3))
            assert server.short("failover.test", "NS") == ["ns1.failover.test."]
            assert server.ctl("status").returncode == 0
        found = server.do(command="status")["server"]
        assert found["open_files"]["allowed"] == files
        assert found["open_files"]["wanted"] > files
        assert found["tcp"]["max_connections"] < 1000
        assert found["tcp"]["evicted"] > 0
        for sock in idle:
            sock.close()
        log = server.log.read_text()
        assert f"{files} open files are allowed, and " in log
        assert "clients of the control socket" in log
        assert "Traceback" not in log
    finally:
        server.kill()


def test_http_is_served_with_few_open_files(tmp_path: Path) -> None:
    """The web process counts its files before it may not look at them any more."""
    server = Limited(tmp_path, HTTP, "-n 64")
    try:
        server.start()
        assert serving(server)["connections"] == 0
        assert status(f"http://127.0.0.1:{port(server)}/readyz") == 200
        assert "is killed" not in server.log.read_text()
    finally:
        server.kill()


def test_a_low_soft_limit_and_a_descriptor_above_it_prevent_no_start(tmp_path: Path) -> None:
    """The soft limit is raised, and what was left open is not passed on."""
    config = CONFIG.replace("workers: 0", "workers: 2")
    server = Limited(tmp_path, config, "-Sn 200", left_open=251)
    try:
        server.start()
        assert server.short("failover.test", "NS") == ["ns1.failover.test."]
        assert len(server.do(command="status")["server"]["workers"]) == 2
    finally:
        server.kill()


class Limited(Server):
    """A server with a limit of open files, and perhaps a descriptor that was left open."""

    def __init__(self, folder: Path, config: str, limit: str, left_open: int | None = None) -> None:
        super().__init__(folder, config)
        self._limit = limit
        self._left_open = left_open

    def launch(self) -> subprocess.Popen[bytes]:
        left = f"exec {self._left_open}</dev/null; " if self._left_open is not None else ""
        script = f'{left}ulimit {self._limit}; exec "$0" "$@"'
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", script, str(EXECUTABLE), "serve", "--config", str(self.config)],
                stderr=log,
                cwd=self.folder,
            )
        return self.process
