"""Sockets that are handed over: answered on, or refused with what would be right."""

from __future__ import annotations

import fcntl
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from system.server import CONFIG, DEADLINE, EXECUTABLE, Server, tool, wait_for

PROJECT = Path(__file__).parents[2]
HIGH = 100
"""Descriptors that do not get in the way of those from 3 on."""


class Activated(Server):
    """A server that is started with descriptors, as systemd does it."""

    sockets: Sequence[socket.socket] = ()

    def launch(self) -> subprocess.Popen[bytes]:
        """Start with the sockets at the descriptors from 3 on."""
        high = [fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD, HIGH) for sock in self.sockets]
        moves = " ".join(f"{number}<&{fd}" for number, fd in enumerate(high, 3))
        script = f'LISTEN_PID=$$ LISTEN_FDS={len(high)} exec "$0" "$@" {moves}'
        command = ["bash", "-c", script, EXECUTABLE, "serve", "--config", self.config]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stderr=log, cwd=self.folder, pass_fds=high, env={"LISTEN_FDNAMES": "a:b"}
            )
        return self.process


def bound(kind: socket.SocketKind, port: int = 0) -> socket.socket:
    """A socket on loopback; one for TCP listens."""
    sock = socket.socket(socket.AF_INET, kind)
    sock.bind(("127.0.0.1", port))
    if kind == socket.SOCK_STREAM:
        sock.listen()
    return sock


def on_port(port: int) -> str:
    """The configuration, with an address of that port only."""
    return CONFIG.replace('["127.0.0.1:0", "[::1]:0"]', f'["127.0.0.1:{port}"]')


def pair() -> tuple[socket.socket, socket.socket]:
    """UDP and TCP on the same port."""
    while True:
        udp = bound(socket.SOCK_DGRAM)
        try:
            return udp, bound(socket.SOCK_STREAM, udp.getsockname()[1])
        except OSError:
            udp.close()


def test_a_server_answers_on_sockets_that_were_opened_for_it(tmp_path: Path) -> None:
    """UDP and TCP; a query that came before it started is answered, too."""
    udp, tcp = pair()
    port = udp.getsockname()[1]
    server = Activated(tmp_path, on_port(port))
    server.sockets = (tcp, udp)
    with udp, tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as early:
        early.settimeout(DEADLINE)
        early.sendto(bytes.fromhex("1234000000010000000000000000020001"), ("127.0.0.1", port))
        try:
            server.start()
            assert early.recv(512)[:2] == b"\x12\x34"
            assert server.port == port
            for how in ("+notcp", "+tcp"):
                assert server.short("failover.test", "NS", how) == ["ns1.failover.test."]
        finally:
            server.kill()


REFUSED = [
    (lambda udp, tcp: (udp,), "was handed over without a socket for TCP (ListenStream=)"),
    (lambda udp, tcp: (udp, udp), "was handed over twice"),
    (lambda udp, tcp: (udp, socket.socketpair()[0]), "descriptor 4 is no internet socket"),
    (lambda udp, tcp: (udp, socket.socket()), "descriptor 4 does not listen"),
]


@pytest.mark.parametrize(("choose", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_what_cannot_be_answered_on_is_refused(tmp_path: Path, choose, said: str) -> None:
    """Before anything is opened."""
    udp, tcp = pair()
    server = Activated(tmp_path, on_port(udp.getsockname()[1]))
    with udp, tcp:
        server.sockets = choose(udp, tcp)
        assert server.launch().wait(DEADLINE) == 1
    assert said in server.log.read_text()


def test_a_socket_too_many_is_closed_and_told(tmp_path: Path) -> None:
    """The server starts all the same."""
    udp, tcp = pair()
    server = Activated(tmp_path)
    server.sockets = (udp, tcp)
    with udp, tcp:
        try:
            server.start()
            wait_for(lambda: "handed over, and not in `listen`" in server.log.read_text())
        finally:
            server.kill()


@pytest.mark.parametrize("unit", ["failoverdns.service", "failoverdns.socket"])
def test_systemd_understands_the_units(tmp_path: Path, unit: str) -> None:
    """With a program that is there, in the place of the installed one."""
    for name in ("failoverdns.service", "failoverdns.socket"):
        text = (PROJECT / "config" / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/failoverdns/bin/failoverdns", "/bin/true"))
    done = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", tmp_path / unit],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert unit not in done.stderr, done.stderr
