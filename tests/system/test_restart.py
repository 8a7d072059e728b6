"""A restart replaces the running version and loses nothing: no query, no command, no connection."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dns.message
import pytest
from system.asking import Asker
from system.server import CONFIG, DEADLINE, EXECUTABLE, Client, Server, tool, wait_for

PATIENT = CONFIG + "tcp: {initial_timeout: 120, idle_timeout: 120}\n"
WORKERS = PATIENT.replace("workers: 0", "workers: 2")
HOSTNAME = "414-262-781.failover.test"
EU, US = frozenset({"192.0.2.10"}), frozenset({"198.51.100.20"})
SIDES = {"primary": EU, "backup": US}
PATIENCE = 120.0
"""Seconds that a restart may take while other clients and tests keep the machine busy."""

NEWER = 1000
"""A version of the state file that no failoverdns knows."""


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Server]:
    """Start a server with two workers and the group `shop`."""
    running = Server(tmp_path, WORKERS)
    try:
        running.start()
        running.load_demo()
        yield running
    finally:
        running.kill()


@dataclass
class Connection:
    """A TCP connection of a DNS client."""

    port: int
    sock: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        """Connect."""
        self.sock = socket.create_connection(("127.0.0.1", self.port), DEADLINE)
        self._query = dns.message.make_query(HOSTNAME, "A").to_wire()

    def send(self, begin: int = 0, end: int | None = None) -> None:
        """Send a query, or a part of one."""
        self.sock.sendall((len(self._query).to_bytes(2, "big") + self._query)[begin:end])

    def receive(self) -> frozenset[str]:
        """Receive the reply; raise OSError if the connection was closed."""
        size = int.from_bytes(self._read(2), "big")
        message = dns.message.from_wire(self._read(size))
        return frozenset(str(rdata) for rdata in message.answer[0])

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.sock.recv(size - len(data))
            if not piece:
                raise ConnectionError("the server closed the connection")
            data += piece
        return data


class Busy(threading.Thread):
    """A DNS client that asks without a pause over one TCP connection, while the context is open."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.seen: list[tuple[float, float, frozenset[str]]] = []
        self.lost = 0
        self._connection = Connection(port)
        self._over = threading.Event()

    def run(self) -> None:
        """Ask until the end."""
        while not self._over.is_set():
            sent = time.monotonic()
            try:
                self._connection.send()
                addresses = self._connection.receive()
            except OSError:
                self.lost += 1
                return
            self.seen.append((sent, time.monotonic(), addresses))
            time.sleep(0.002)

    def __enter__(self) -> Busy:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(DEADLINE)
        self._connection.sock.close()
        assert len(self.seen) > 20


@contextmanager
def idle(port: int, number: int) -> Iterator[list[Connection]]:
    """Open connections on which nothing is sent yet, and one with half a query."""
    opened = [Connection(port) for _ in range(number)]
    opened[0].send(0, 10)
    try:
        yield opened
    finally:
        for one in opened:
            one.sock.close()


def ask_idle(opened: list[Connection]) -> set[frozenset[str]]:
    """Ask once over each connection, and return the answers."""
    opened[0].send(10)
    for one in opened[1:]:
        one.send()
    return {one.receive() for one in opened}


def restart(server: Server) -> None:
    """Restart, and wait until the new version serves."""
    with server.connect() as client:
        client.sock.settimeout(PATIENCE)
        reply = client.ask({"command": "restart"})
    assert reply["ok"], reply
    assert server.process is not None
    assert reply["result"]["pid"] == server.process.pid


def pids(server: Server) -> set[int]:
    """Return the process ids of the workers."""
    return {one["pid"] for one in server.do(command="status")["server"]["workers"]}


def children(server: Server) -> dict[int, str]:
    """Return the states of the children of the control process, by process id."""
    assert server.process is not None
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == server.process.pid:
            found[int(path.parent.name)] = fields[0]
    return found


def descriptors(server: Server) -> int:
    """Return the number of open files of the control process."""
    assert server.process is not None
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def signals(pid: int, name: str) -> int:
    """Return a set of signals of a process, as in its status, as a number."""
    (line,) = (
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if name in line
    )
    return int(line.split()[1], 16)


def ignored(pid: int) -> int:
    """Return the signals that a process ignores."""
    return signals(pid, "SigIgn")


def stale(seen: list[tuple[float, float, frozenset[str]]], acts: list[tuple[float, float, str]]):
    """Return the answers that contradict the switches.

    `acts` has for each switch when it was sent, when it was acknowledged, and to which side.
    """
    found = []
    for sent, came, addresses in seen:
        before = [side for _, done, side in acts if done < sent]
        between = [side for begun, done, side in acts if begun <= came and done >= sent]
        allowed = {SIDES[side] for side in (before or ["primary"])[-1:] + between}
        if addresses not in allowed:
            found.append((sent, addresses))
    return found


class Switching(threading.Thread):
    """An operator who switches all the time, by commands that may wait and may not fail."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.acts: list[tuple[float, float, str]] = []
        self.faults: list[object] = []
        self._server = server
        self._over = threading.Event()

    def run(self) -> None:
        """Switch to and fro, each time over a new connection."""
        number = 0
        while not self._over.wait(0.05):
            number += 1
            side = "backup" if number % 2 else "primary"
            begun = time.monotonic()
            try:
                reply = self._server.ask(command="switch", groups=["shop"], to=side)
            except (OSError, ValueError) as fault:
                self.faults.append(fault)
                continue
            if reply.get("ok"):
                self.acts.append((begun, time.monotonic(), side))
            else:
                self.faults.append(reply)

    def __enter__(self) -> Switching:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(DEADLINE)


def test_a_restart_under_load_loses_no_query_and_no_command(fleet: Server) -> None:
    """UDP, TCP connections that are busy, idle or have sent half a query, and switches.

    No answer contradicts an acknowledged switch.
    """
    assert fleet.process is not None
    with (
        Switching(fleet) as operator,
        Asker(fleet.port, HOSTNAME) as udp,
        Busy(fleet.port) as tcp,
    ):
        for _ in range(3):
            before = pids(fleet)
            with idle(fleet.port, 8) as opened:
                restart(fleet)
                assert not before & pids(fleet)
                assert ask_idle(opened) <= {EU, US}
            udp.wait_for_more()
    assert operator.faults == []
    assert len(operator.acts) > 20
    assert (udp.lost, tcp.lost) == (0, 0)
    assert stale(udp.seen, operator.acts) == []
    assert stale(tcp.seen, operator.acts) == []
    assert fleet.process.poll() is None


def test_the_process_stays_the_same_and_leaves_nothing_behind(fleet: Server) -> None:
    """The process id is kept; no zombie, descriptor or blocked signal is left."""
    assert fleet.process is not None
    pid = fleet.process.pid
    before = ignored(pid), ignored(min(pids(fleet)))
    restart(fleet)
    opened = descriptors(fleet)
    for _ in range(3):
        restart(fleet)
    assert fleet.process.poll() is None
    wait_for(lambda: set(children(fleet)) == pids(fleet))
    assert "Z" not in children(fleet).values()
    assert descriptors(fleet) <= opened
    assert [signals(one, "SigBlk") for one in (pid, *pids(fleet))] == [0, 0, 0]
    assert (ignored(pid), ignored(min(pids(fleet)))) == before
    assert fleet.log.read_text().count("restarted within") == 4
    assert "Traceback" not in fleet.log.read_text()
    assert fleet.stop() == 0
    assert not list(fleet.folder.glob("control.sock*"))


def test_a_signal_restarts_too(fleet: Server) -> None:
    """SIGUSR2 does what the command does, and the log has the result."""
    assert fleet.process is not None
    before = pids(fleet)
    with Asker(fleet.port, HOSTNAME) as client:
        fleet.process.send_signal(signal.SIGUSR2)
        wait_for(lambda: "restarted within" in fleet.log.read_text())
    assert client.lost == 0
    assert not before & pids(fleet)


def test_signals_that_arrive_during_a_restart_have_their_effect(fleet: Server) -> None:
    """SIGHUP does not end the server, and SIGTERM ends it with its workers."""
    assert fleet.process is not None
    fleet.process.send_signal(signal.SIGUSR2)
    wait_for(lambda: "can serve" in fleet.log.read_text())
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        fleet.process.send_signal(signal.SIGHUP)
        time.sleep(0.01)
    wait_for(lambda: "restarted within" in fleet.log.read_text())
    running = pids(fleet)
    fleet.process.send_signal(signal.SIGUSR2)
    wait_for(lambda: fleet.log.read_text().count("can serve") == 2)
    time.sleep(0.3)
    assert fleet.stop() == 0
    wait_for(lambda: not [pid for pid in running if Path(f"/proc/{pid}").exists()])


def test_the_configuration_is_read_again(fleet: Server) -> None:
    """Keys that a reload cannot change take effect."""
    text = fleet.config.read_text()
    fleet.config.write_text(text.replace("workers: 2", "workers: 1").replace("ttl: 60", "ttl: 30"))
    with Asker(fleet.port, HOSTNAME) as client:
        restart(fleet)
    assert client.lost == 0
    assert len(pids(fleet)) == 1


def test_another_control_socket_leaves_no_answering_process_behind(fleet: Server) -> None:
    """One that went on beside the new ones would give old answers for ever."""
    before = pids(fleet)
    fleet.config.write_text(fleet.config.read_text().replace("control.sock", "other.sock"))
    with Asker(fleet.port, HOSTNAME) as client:
        restart(fleet)
        fleet.socket = fleet.folder / "other.sock"
        wait_for(lambda: fleet.ctl("switch", "shop", check=False).returncode == 0)
        switched = {fleet.short(HOSTNAME)[0] for _ in range(20)}
    assert client.lost == 0
    assert len(switched) == 1
    assert not before & pids(fleet)
    wait_for(lambda: not [pid for pid in before if Path(f"/proc/{pid}").exists()])


BROKEN = {
    "a broken configuration": (lambda s: s.config.write_text("zones: {"), "failoverdns.yaml:1"),
    "a zone of a group is gone": (
        lambda s: s.config.write_text(
            s.config.read_text().replace("failover.test:", "other.test:", 1)
        ),
        "the configuration contradicts the state",
    ),
    "the state is of a newer version": (
        lambda s: execute(s, f"PRAGMA user_version = {NEWER}"),
        "was written by a newer failoverdns",
    ),
    "the new address is in use": (
        lambda s: s.config.write_text(
            s.config.read_text().replace('"[::1]:0"', f'"127.0.0.1:{s.taken}"')
        ),
        "another program listens there",
    ),
}


def execute(server: Server, statement: str) -> None:
    """Change the state file behind the back of the server."""
    with closing(sqlite3.connect(server.folder / "state.db", isolation_level=None)) as connection:
        connection.execute(statement)


@pytest.mark.parametrize("what", BROKEN)
def test_a_restart_that_would_fail_is_refused_and_nothing_changes(fleet: Server, what: str) -> None:
    """The reply says why, and the same processes go on."""
    breaks, reason = BROKEN[what]
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        fleet.taken = other.getsockname()[1]  # type: ignore[attr-defined]
        before = pids(fleet)
        breaks(fleet)
        with Asker(fleet.port, HOSTNAME) as client:
            done = fleet.ctl("restart", check=False)
            client.wait_for_more()
    assert done.returncode == 1
    assert reason in done.stderr
    assert "nothing was changed" in done.stderr
    assert client.lost == 0
    assert pids(fleet) == before
    assert "control process is gone" not in fleet.log.read_text()


class Outdated(Server):
    """A server whose installation was replaced by an older version while it runs.

    The older version ends with a usage error, before it reads anything.
    """

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the installed version, which finds the other one on its import path later."""
        older = self.folder / "older"
        (older / "failoverdns").mkdir(parents=True)
        (older / "failoverdns" / "__init__.py").touch()
        (older / "failoverdns" / "__main__.py").write_text(
            "import sys\nprint('No such option: --trial', file=sys.stderr)\nsys.exit(2)\n"
        )
        code = (
            f"import sys; sys.path.remove({str(older)!r}); sys.argv[0] = 'failoverdns';"
            "from failoverdns.cli.main import main; main()"
        )
        python = EXECUTABLE.with_name("python")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [python, "-c", code, "serve", "--config", self.config],
                stderr=log,
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(older)},
            )
        return self.process


def test_an_older_version_on_disk_is_refused(tmp_path: Path) -> None:
    """It does not know how to take over, so nothing is touched."""
    server = Outdated(tmp_path, CONFIG)
    try:
        server.start()
        done = server.ctl("restart", check=False)
        assert done.returncode == 1
        assert "it is older than the version that runs" in done.stderr
        assert server.do(command="status")
    finally:
        server.kill()


def test_clients_of_the_control_socket_stay_connected(fleet: Server) -> None:
    """One that watches, one that is idle, and one whose request arrives in pieces."""
    with fleet.connect() as watcher, fleet.connect() as quiet, fleet.connect() as slow:
        watcher.ask({"command": "watch"})
        quiet.ask({"command": "status"})
        slow.ask({"command": "status"})
        slow.send(b'{"command": "sta')
        restart(fleet)
        slow.send(b'tus", "id": 5}\n')
        assert slow.receive()["id"] == 5
        assert quiet.ask({"command": "status", "id": 6})["id"] == 6
        fleet.do(command="switch", groups=["shop"], to="backup")
        until = time.monotonic() + DEADLINE
        while watcher.receive().get("event") != "switch":
            assert time.monotonic() < until


def test_requests_after_a_restart_on_the_same_connection_are_answered_in_order(
    fleet: Server,
) -> None:
    """Also if the client has sent all of them at once, and ended."""
    done = subprocess.run(
        [tool("nc"), "-N", "-U", fleet.socket],
        input=b'switch shop --to backup\n{"id": 1, "command": "restart"}\nstatus shop\n',
        capture_output=True,
        timeout=4 * DEADLINE,
        check=True,
    )
    first, second, third = done.stdout.splitlines()
    assert b'"to": "backup"' in first
    assert b'"id": 1' in second
    assert b'"version"' in second
    assert b'"active": "backup"' in third


def test_a_second_restart_at_the_same_time_is_refused(fleet: Server) -> None:
    """The first one goes on."""
    with fleet.connect() as first, fleet.connect() as second:
        first.send({"command": "restart"})
        wait_for(lambda: "a restart begins" in fleet.log.read_text())
        reply = second.ask({"command": "restart"})
        assert reply["error"]["code"] == "busy"
        assert first.receive()["ok"]


def test_without_workers_queries_wait_in_the_sockets(tmp_path: Path) -> None:
    """None is lost, and TCP connections stay open."""
    server = Server(tmp_path, PATIENT)
    try:
        server.start()
        server.load_demo()
        with idle(server.port, 4) as opened, Asker(server.port, HOSTNAME, patience=30) as client:
            restart(server)
            assert ask_idle(opened) == {EU}
            client.wait_for_more()
        assert client.lost == 0
        with Client(server.socket) as again:
            assert again.ask({"command": "status"})["ok"]
    finally:
        server.kill()


class Vanishing(Server):
    """A server whose Python disappears when the version on disk has passed its trial."""

    def launch(self) -> subprocess.Popen[bytes]:
        """Start with a program in place of Python that removes itself after the trial."""
        python = EXECUTABLE.with_name("python")
        program = self.folder / "python"
        program.write_text(
            f'#!/bin/sh\n"{python}" "$@"\nstatus=$?\n'
            'case "$*" in *--trial*) rm "$0" ;; esac\nexit $status\n'
        )
        program.chmod(0o755)
        code = (
            f"import sys; sys.executable = {str(program)!r}; sys.argv[0] = 'failoverdns';"
            "from failoverdns.cli.main import main; main()"
        )
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [python, "-c", code, "serve", "--config", self.config], stderr=log, cwd=self.folder
            )
        return self.process


def test_the_old_version_continues_if_the_new_one_cannot_be_run(tmp_path: Path) -> None:
    """It starts again in the same process, from what it had put together for the new one."""
    server = Vanishing(tmp_path, PATIENT)
    try:
        server.start()
        server.load_demo()
        with server.connect() as quiet, idle(server.port, 3) as opened:
            quiet.ask({"command": "status"})
            done = server.ctl("restart", check=False)
            assert done.returncode == 1
            assert "the old one continues" in done.stderr
            assert ask_idle(opened) == {EU}
            assert quiet.ask({"command": "switch", "groups": ["shop"], "to": "backup"})["ok"]
        assert server.short(HOSTNAME) == ["198.51.100.20"]
        again = server.ctl("restart", check=False)
        assert "nothing was changed" in again.stderr
        assert server.stop() == 0
    finally:
        server.kill()
