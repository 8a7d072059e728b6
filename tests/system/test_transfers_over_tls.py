"""Zone transfers over TLS (RFC 9103): with kdig, with client certificates, and what is refused."""

from __future__ import annotations

import re
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import dns.tsig
import pytest
from authority import Authority
from stock_secondaries import Key
from system.server import CONFIG, DEADLINE, wait_for
from system.test_dns_over_tls import HOST, TLS, TLSServer

KEY = Key()
TRANSFERS = f"""\
tsig_keys:
  {KEY.name}: {{algorithm: hmac-sha256, secret_file: xfr.key}}
secondaries:
  ns2: {{address: "127.0.0.2:1053", key: {KEY.name}}}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TLSServer]:
    """A server with a secondary, a group, and TLS."""
    folder = tmp_path_factory.mktemp("xot")
    secret = folder / "xfr.key"
    secret.write_text(KEY.secret)
    secret.chmod(0o600)
    running = TLSServer(folder, CONFIG.replace("workers: 0", "workers: 1") + TRANSFERS + TLS)
    try:
        running.start().load_demo()
        wait_for(lambda: "414-262-781" in axfr(running), running.log.read_text)
        yield running
    finally:
        running.kill()


def axfr(server: TLSServer, *words: str) -> str:
    """Transfer the zone with kdig over TLS, and return its output."""
    return server.kdig("failover.test", "AXFR", *KEY.words, *words)


def test_a_zone_is_transferred_over_tls_as_over_tcp(served: TLSServer) -> None:
    """kdig verifies certificate and signature; the group and its sides are there."""
    output = axfr(served)
    assert "414-262-781" in output
    assert output.count("failover.test.") >= 6
    over_tcp = served.dig("failover.test", "AXFR", *KEY.words, "+noall", "+answer")
    assert set(over_tcp.split()) <= set(output.split())


def test_signed_queries_and_plain_ones_are_answered_over_tls(served: TLSServer) -> None:
    """A connection with a signed query is carried for the transfer process from then on."""
    for words in ((), KEY.words):
        output = served.kdig("failover.test", "SOA", "failover.test", "MX", "+keepopen", *words)
        assert "10 mail.example.net." in output, output
        assert output.count("status: NOERROR") == 2


def test_an_unsigned_transfer_and_one_with_another_key_are_refused(served: TLSServer) -> None:
    """As over TCP."""
    assert "REFUSED" in served.kdig("failover.test", "AXFR")
    wrong = served.kdig("failover.test", "AXFR", "-y", f"hmac-sha256:else:{KEY.secret}")
    assert "NOTAUTH" in wrong or "BADKEY" in wrong


@pytest.mark.parametrize("what", ["TLS 1.2", "without ALPN"])
def test_zones_are_transferred_over_tls_1_3_with_the_protocol_dot_only(
    served: TLSServer, what: str
) -> None:
    """RFC 9103 sections 7.1 and 7.4; ordinary queries on the same connection are answered."""
    context = served.context()
    if what == "TLS 1.2":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["dot"])
    with (
        socket.create_connection(("127.0.0.1", served.tls_port), DEADLINE) as sock,
        context.wrap_socket(sock, server_hostname=HOST) as client,
    ):
        query = dns.message.make_query("failover.test", "AXFR")
        query.use_tsig(KEY.ring, KEY.name)
        wire = query.to_wire()
        client.sendall(len(wire).to_bytes(2, "big") + wire)
        reply = client.recv(65535)
        assert reply[2:4] == wire[:2]
        assert reply[5] & 0xF == dns.rcode.REFUSED
        plain = dns.message.make_query("failover.test", "SOA")
        assert dns.query.tls(plain, "127.0.0.1", DEADLINE, sock=client).answer


def test_with_a_client_ca_a_transfer_needs_a_certificate(served: TLSServer) -> None:
    """Ordinary queries do not; a certificate of somebody else ends the handshake."""
    assert served.process is not None
    client = served.ca.issue_client("ns2.failover.test")
    client.save(served.folder, "ns2")
    Authority("Another Root").issue_client("ns2.failover.test").save(served.folder, "other")
    text = served.config.read_text()
    served.config.write_text(text.replace("tls:\n", "tls:\n  client_ca: ca.pem\n"))
    served.process.send_signal(signal.SIGHUP)

    def shown(name: str) -> tuple[str, str]:
        folder = served.folder
        return f"+tls-certfile={folder / name}.pem", f"+tls-keyfile={folder / name}.key"

    try:
        wait_for(lambda: "REFUSED" in axfr(served), served.log.read_text)
        assert "10 mail.example.net." in served.kdig("failover.test", "MX")
        assert "414-262-781" in axfr(served, *shown("ns2"))
        context = served.context()
        context.load_cert_chain(served.folder / "other.pem", served.folder / "other.key")
        with (
            pytest.raises((ssl.SSLError, ConnectionError)),
            socket.create_connection(("127.0.0.1", served.tls_port), DEADLINE) as sock,
            context.wrap_socket(sock, server_hostname=HOST) as stranger,
        ):
            stranger.recv(1)
    finally:
        served.config.write_text(text)
        served.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "414-262-781" in axfr(served), served.log.read_text)


def test_a_client_that_leaves_in_the_middle_ends_on_both_sides(served: TLSServer) -> None:
    """Nothing of it is left, neither there nor in the transfer process."""
    context = served.context()
    context.set_alpn_protocols(["dot"])
    for _ in range(5):
        with (
            socket.create_connection(("127.0.0.1", served.tls_port), DEADLINE) as sock,
            context.wrap_socket(sock, server_hostname=HOST) as client,
        ):
            query = dns.message.make_query("failover.test", "AXFR")
            query.use_tsig(KEY.ring, KEY.name)
            wire = query.to_wire()
            client.sendall(len(wire).to_bytes(2, "big") + wire)
            client.recv(10)
    wait_for(
        lambda: served.do(command="status")["server"]["tls"]["carried"] == 0, served.log.read_text
    )
    assert "Traceback" not in served.log.read_text()


def test_no_other_process_has_the_private_key_of_tls(served: TLSServer) -> None:
    """And the process that answers over TLS has no TSIG secret."""
    private = served.issued.key.splitlines()[1].encode()
    secret = KEY.secret.encode()
    held: dict[str, tuple[bool, bool]] = {}
    for path in served.folder.glob("control.sock.worker.*"):
        pid = int(path.suffix[1:])
        name = Path(f"/proc/{pid}/cmdline").read_bytes()
        memory = _memory_of(pid)
        held["tls" if b"over TLS" in name else "worker"] = (private in memory, secret in memory)
    assert held["worker"] == (False, False)
    assert held["tls"][1] is False


def _memory_of(pid: int) -> bytes:
    """Return the writable memory of a process."""
    found = []
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if match is not None and "[v" not in line:
                begin, end = (int(number, 16) for number in match.groups())
                memory.seek(begin)
                try:
                    found.append(memory.read(end - begin))
                except OSError:
                    continue
    return b"".join(found)
