"""DNS over TLS as clients meet it: kdig, openssl, dnspython; reloads, restarts, stalled clients."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import dns.message
import dns.query
import pytest
from authority import Authority, Issued
from system.server import CONFIG, DEADLINE, Server, tool, wait_for

HOST = "ns1.failover.test"
TLS = """\
tls:
  listen: ["127.0.0.1:0"]
  certificate: tls.pem
  key: tls.key
"""


class TLSServer(Server):
    """A server that answers over TLS too."""

    def __init__(self, folder: Path, config: str = CONFIG + TLS) -> None:
        super().__init__(folder, config)
        self.ca = Authority()
        (folder / "ca.pem").write_text(self.ca.pem)
        self.issued = self.certify()

    def certify(self, *, lasts: float = 86400.0) -> Issued:
        """Write a new certificate and key."""
        day = 86400.0
        issued = self.ca.issue(HOST, subject=HOST, starts=-10 * day, lasts=lasts + 10 * day)
        issued.save(self.folder, "tls")
        return issued

    @property
    def tls_port(self) -> int:
        """The port of the last start or reload."""
        found = re.findall(r"answering over TLS on 127.0.0.1:(\d+)", self.log.read_text())
        return int(found[-1])

    def kdig(self, *words: str, port: int | None = None) -> str:
        """Query with kdig over TLS, which verifies the certificate, and return its output."""
        where = ["@127.0.0.1", "-p", str(port or self.tls_port), "+retry=0", "+timeout=5"]
        verify = [f"+tls-ca={self.folder / 'ca.pem'}", f"+tls-hostname={HOST}"]
        done = subprocess.run(
            [tool("kdig"), *where, *verify, *words],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        return done.stdout + done.stderr

    def context(self) -> ssl.SSLContext:
        """Return settings of a client that trusts the CA of the server."""
        return ssl.create_default_context(cafile=str(self.folder / "ca.pem"))

    def shown(self) -> bytes:
        """Return the certificate that the server shows."""
        with (
            socket.create_connection(("127.0.0.1", self.tls_port), DEADLINE) as sock,
            self.context().wrap_socket(sock, server_hostname=HOST) as client,
        ):
            return client.getpeercert(binary_form=True) or b""


@pytest.fixture(params=[0, 1], ids=["in the control process", "a worker"], scope="module")
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TLSServer]:
    """A server with a group, without and with a worker for its other addresses."""
    config = CONFIG.replace("workers: 0", f"workers: {request.param}")
    running = TLSServer(tmp_path_factory.mktemp("tls"), config + TLS)
    try:
        running.start().load_demo()
        yield running
    finally:
        running.kill()


def processes(server: TLSServer) -> list[int]:
    """Return the ids of the processes that answer over TLS."""
    found = []
    for path in server.folder.glob("control.sock.worker.*"):
        pid = int(path.suffix[1:])
        title = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"over TLS" in title:
            found.append(pid)
    return found


def test_answers_over_tls_are_those_over_tcp(served: TLSServer) -> None:
    """kdig verifies the certificate and its name; several queries share a connection."""
    output = served.kdig("failover.test", "MX", "nothing.failover.test", "A", "+keepopen")
    assert "TLS1.3" in output
    assert "10 mail.example.net." in output
    assert "status: NXDOMAIN" in output


def test_every_change_is_visible_over_tls_when_it_is_acknowledged(served: TLSServer) -> None:
    """The process that answers over TLS has every delta before the reply."""
    group = served.do(command="status")["groups"][0]
    hostname = group["hostname"]
    with (
        socket.create_connection(("127.0.0.1", served.tls_port), DEADLINE) as sock,
        served.context().wrap_socket(sock, server_hostname=HOST) as client,
    ):
        for _ in range(6):
            served.do(command="switch", groups=[group["name"]])
            query = dns.message.make_query(hostname, "A")
            over_tls = dns.query.tls(query, "127.0.0.1", DEADLINE, sock=client)
            over_udp = dns.query.udp(query, "127.0.0.1", DEADLINE, port=served.port)
            assert over_tls.answer == over_udp.answer
            assert over_tls.answer


def test_tls_1_2_is_answered_and_older_versions_are_not(served: TLSServer) -> None:
    """Clients without ALPN are answered too."""
    for version, works in ((ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_1, False)):
        context = served.context()
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        with socket.create_connection(("127.0.0.1", served.tls_port), DEADLINE) as sock:
            try:
                with context.wrap_socket(sock, server_hostname=HOST) as client:
                    query = dns.message.make_query("failover.test", "SOA")
                    reply = dns.query.tls(query, "127.0.0.1", DEADLINE, sock=client)
                    assert reply.answer
                    assert works
            except ssl.SSLError:
                assert not works


def test_the_protocol_dot_is_chosen(served: TLSServer) -> None:
    """openssl shows what was negotiated."""
    done = subprocess.run(
        [
            *(tool("openssl"), "s_client", "-connect", f"127.0.0.1:{served.tls_port}"),
            *("-alpn", "http/1.1,dot", "-CAfile", str(served.folder / "ca.pem")),
            *("-verify_return_error", "-servername", HOST),
        ],
        input="",
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert "ALPN protocol: dot" in done.stdout, done.stdout + done.stderr
    assert "Verify return code: 0 (ok)" in done.stdout


def test_a_reload_uses_a_new_certificate_and_refuses_a_bad_one(served: TLSServer) -> None:
    """A connection from before goes on; files that do not fit change nothing."""
    assert served.process is not None
    with (
        socket.create_connection(("127.0.0.1", served.tls_port), DEADLINE) as sock,
        served.context().wrap_socket(sock, server_hostname=HOST) as client,
    ):
        query = dns.message.make_query("failover.test", "SOA")
        assert dns.query.tls(query, "127.0.0.1", DEADLINE, sock=client).answer
        before = served.shown()
        served.certify()
        served.process.send_signal(signal.SIGHUP)
        wait_for(lambda: served.shown() != before, lambda: served.log.read_text())
        assert dns.query.tls(query, "127.0.0.1", DEADLINE, sock=client).answer
    good = served.shown()
    for break_it, why in (
        (lambda: served.ca.issue(HOST).save(served.folder, "other"), ""),
        (
            lambda: (served.folder / "tls.pem").write_text("no PEM"),
            "does not contain a certificate",
        ),
        (lambda: (served.folder / "tls.key").chmod(0o644), "every user of the machine can open it"),
    ):
        if not why:
            break_it()
            (served.folder / "other.pem").replace(served.folder / "tls.pem")
            why = "does not belong to"
        else:
            served.certify()
            break_it()
        begin = served.log.stat().st_size
        served.process.send_signal(signal.SIGHUP)
        wait_for(
            partial(_is_logged, served, begin, why),
            lambda: served.log.read_text(),
        )
        assert served.shown() == good
    served.certify()


def _is_logged(server: TLSServer, begin: int, why: str) -> bool:
    return why in server.log.read_text()[begin:]


def test_tls_is_turned_off_and_on_by_a_reload(served: TLSServer) -> None:
    """The process ends and comes back; the other addresses answer all the time."""
    assert served.process is not None
    (old,) = processes(served)
    served.config.write_text(served.config.read_text().replace(TLS, ""))
    served.process.send_signal(signal.SIGHUP)
    wait_for(lambda: not Path(f"/proc/{old}").exists(), lambda: served.log.read_text())
    assert served.short("failover.test", "MX")
    served.config.write_text(served.config.read_text() + TLS)
    served.process.send_signal(signal.SIGHUP)
    wait_for(
        lambda: "mail.example.net" in served.kdig("failover.test", "MX"),
        lambda: served.log.read_text(),
    )


def test_a_killed_process_is_replaced(served: TLSServer) -> None:
    """On the same port; clients connect again."""
    (old,) = processes(served)
    os.kill(old, signal.SIGKILL)
    wait_for(
        lambda: "mail.example.net" in served.kdig("failover.test", "MX"),
        lambda: served.log.read_text(),
    )


def test_answers_over_tls_go_on_without_the_control_process_and_over_a_restart(
    served: TLSServer,
) -> None:
    """The next control process takes the sockets over; the port stays, as configured 0."""
    assert served.process is not None
    port = served.tls_port
    served.ctl("restart")
    assert "mail.example.net" in served.kdig("failover.test", "MX", port=port)
    served.process.kill()
    served.process.wait(DEADLINE)
    assert "mail.example.net" in served.kdig("failover.test", "MX", port=port)
    served.start()
    assert served.tls_port == port
    assert "mail.example.net" in served.kdig("failover.test", "MX", port=port)
    wait_for(lambda: len(processes(served)) == 1, lambda: served.log.read_text())


def test_clients_that_stall_in_the_handshake_hold_up_nobody(served: TLSServer) -> None:
    """Those that send nothing, half a ClientHello, or something else, are closed in time."""
    stalled = []
    for sent in (b"", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n\r\n"):
        for _ in range(20):
            sock = socket.create_connection(("127.0.0.1", served.tls_port), DEADLINE)
            sock.sendall(sent)
            stalled.append(sock)
    assert "mail.example.net" in served.kdig("failover.test", "MX")
    for sock in stalled[20:]:
        sock.settimeout(DEADLINE)
        with suppress(ConnectionResetError):
            assert sock.recv(10) == b""
    for sock in stalled:
        sock.close()


def test_an_expired_certificate_is_used_with_a_warning(tmp_path: Path) -> None:
    """Clients that verify refuse it; it may be there for a test."""
    server = TLSServer(tmp_path)
    server.certify(lasts=-3600.0)
    try:
        server.start()
        assert re.search(r"tls.certificate: .*tls.pem has expired on", server.log.read_text())
        assert "Error in the certificate" in server.kdig("failover.test", "MX")
    finally:
        server.kill()
