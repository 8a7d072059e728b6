"""Sockets that a parent process passes to the server: used, or rejected with the reason."""

from __future__ import annotations

import fcntl
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from system.server import CONFIG, DEADLINE, EXECUTABLE, Server, tool, wait_for
from system.web import curl

PROJECT = Path(__file__).parents[2]
HIGH = 100
"""Descriptors that do not overlap with those from 3 on."""


class Activated(Server):
    """A server that inherits sockets, as from systemd."""

    sockets: Sequence[socket.socket] = ()

    def launch(self) -> subprocess.Popen[bytes]:
        """Start with the sockets as descriptors from 3 on."""
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
    """Return a socket bound on loopback, which listens if it is for TCP."""
    sock = socket.socket(socket.AF_INET, kind)
    sock.bind(("127.0.0.1", port))
    if kind == socket.SOCK_STREAM:
        sock.listen()
    return sock


def on_port(port: int) -> str:
    """Return the configuration with only an address of this port."""
    return CONFIG.replace('["127.0.0.1:0", "[::1]:0"]', f'["127.0.0.1:{port}"]')


def pair() -> tuple[socket.socket, socket.socket]:
    """Return a UDP and a TCP socket on the same port."""
    while True:
        udp = bound(socket.SOCK_DGRAM)
        try:
            return udp, bound(socket.SOCK_STREAM, udp.getsockname()[1])
        except OSError:
            udp.close()


def test_a_server_answers_on_inherited_sockets(tmp_path: Path) -> None:
    """It also answers a query that arrived before it started; and HTTP needs no UDP socket."""
    udp, tcp = pair()
    http = bound(socket.SOCK_STREAM)
    port, http_port = udp.getsockname()[1], http.getsockname()[1]
    text = f'http: {{listen: ["127.0.0.1:{http_port}"]}}\n'
    server = Activated(tmp_path, on_port(port) + text)
    server.sockets = (tcp, udp, http)
    with http, udp, tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as early:
        early.settimeout(DEADLINE)
        early.sendto(bytes.fromhex("1234000000010000000000000000020001"), ("127.0.0.1", port))
        try:
            server.start()
            assert early.recv(512)[:2] == b"\x12\x34"
            assert server.port == port
            for how in ("+notcp", "+tcp"):
                assert server.short("failover.test", "NS", how) == ["ns1.failover.test."]
            assert curl(f"http://127.0.0.1:{http_port}/readyz").stdout.endswith("200")
        finally:
            server.kill()


REFUSED = [
    (lambda udp, tcp: (udp,), "was handed over without a socket for TCP (ListenStream=)"),
    (lambda udp, tcp: (udp, udp), "was handed over twice"),
    (lambda udp, tcp: (udp, socket.socketpair()[0]), "descriptor 4 is not an internet socket"),
    (lambda udp, tcp: (udp, socket.socket()), "descriptor 4 does not listen"),
]


@pytest.mark.parametrize(("choose", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_unusable_inherited_sockets_prevent_the_start(tmp_path: Path, choose, said: str) -> None:
    """The log names the descriptor and the fault."""
    udp, tcp = pair()
    server = Activated(tmp_path, on_port(udp.getsockname()[1]))
    with udp, tcp:
        server.sockets = choose(udp, tcp)
        assert server.launch().wait(DEADLINE) == 1
    assert said in server.log.read_text()


def test_an_inherited_socket_that_is_not_configured_is_closed_and_logged(tmp_path: Path) -> None:
    """The server starts nevertheless."""
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
def test_systemd_accepts_the_unit_files(tmp_path: Path, unit: str) -> None:
    """An existing program stands in for the installed one."""
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
