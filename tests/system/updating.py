"""A server whose zone may be updated, the keys for it, and clients that send updates."""

from __future__ import annotations

import base64
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.tsigkeyring
import dns.update
import dns.xfr
import dns.zone
from system.server import DEADLINE, Server, tool, wait_for

from failoverdns.model.names import DomainName
from failoverdns.protocol.tsig import Algorithm, TSIGKey, sign_request

SECRET = bytes(range(32))
BASE64 = base64.b64encode(SECRET).decode()
KEYS = ("all.failover.test", "acme.failover.test", "heads.failover.test")
"""A key for all names and types, one for challenges, and one for the heads of `shop-eu`."""

CONFIG = """\
tsig_keys:
  all.failover.test: {algorithm: hmac-sha256, secret_file: update.key}
  acme.failover.test: {algorithm: hmac-sha256, secret_file: update.key}
  heads.failover.test: {algorithm: hmac-sha256, secret_file: update.key}
zones:
  failover.test:
    nameservers:
      ns1: [127.0.0.1]
    contact: hostmaster@failover.test
    ttl: 60
    negative_ttl: 60
    updates:
      - {key: all.failover.test, names: ["*"], types: [ANY]}
      - {key: acme.failover.test, names: ["_acme-challenge", "_acme-challenge.*"], types: [TXT]}
      - {key: heads.failover.test, heads: [shop-eu]}
listen: ["127.0.0.1:0"]
workers: 1
control:
  socket: control.sock
state:
  sqlite: state.db
"""


def updatable(folder: Path, config: str = CONFIG) -> Server:
    """Return a server whose zone may be updated; it is not started yet."""
    key = folder / "update.key"
    key.write_text(BASE64 + "\n")
    key.chmod(0o600)
    return Server(folder, config)


def running(folder: Path) -> Iterator[Server]:
    """Yield a running server whose zone may be updated; it has the group `shop`."""
    server = updatable(folder)
    try:
        server.start()
        server.load_demo()
        wait_until_signed(server)
        yield server
    finally:
        server.kill()


def wait_until_signed(server: Server) -> None:
    """Wait until messages with a TSIG key are answered, which is a little after the start."""
    query = dns.message.make_query("failover.test", "SOA")
    query.use_tsig(ring(), KEYS[0], algorithm=dns.tsig.HMAC_SHA256)

    def answers() -> bool:
        reply = dns.query.udp(query, "127.0.0.1", DEADLINE, server.port)
        return reply.rcode() == dns.rcode.NOERROR and reply.had_tsig

    def tried() -> bool:
        try:
            return answers()
        except dns.exception.DNSException:
            return False

    wait_for(tried, lambda: server.log.read_text())


def ring() -> dict[dns.name.Name, dns.tsig.Key]:
    """Return the keys for dnspython."""
    found: dict[dns.name.Name, dns.tsig.Key] = dns.tsigkeyring.from_text(
        dict.fromkeys(KEYS, (dns.tsig.HMAC_SHA256, BASE64))
    )
    return found


def update(key: str = KEYS[0], zone: str = "failover.test") -> dns.update.UpdateMessage:
    """Return an update that is signed with a key when it is sent."""
    return dns.update.UpdateMessage(
        zone, keyring=ring(), keyname=key, keyalgorithm=dns.tsig.HMAC_SHA256
    )


def send(
    message: dns.message.Message, port: int, *, tcp: bool = False, timeout: float = DEADLINE
) -> dns.rcode.Rcode:
    """Send a message to a port of 127.0.0.1; return the rcode of the reply, which is verified."""
    exchange = dns.query.tcp if tcp else dns.query.udp
    return exchange(message, "127.0.0.1", timeout, port).rcode()


def send_raw(message: bytes, port: int, key: str = KEYS[0]) -> dns.rcode.Rcode:
    """Sign any bytes, send them over TCP, and return the rcode of the reply.

    As a client does, it tries again after SERVFAIL: a test sends more than the limits allow.
    """
    rcode = dns.rcode.SERVFAIL
    until = time.monotonic() + DEADLINE
    while rcode == dns.rcode.SERVFAIL and time.monotonic() < until:
        rcode = _send_raw(message, port, key)
        if rcode == dns.rcode.SERVFAIL:
            time.sleep(0.1)
    return rcode


def _send_raw(message: bytes, port: int, key: str) -> dns.rcode.Rcode:
    name = DomainName.from_text(key).wire
    signing = TSIGKey(name, Algorithm.HMAC_SHA256, SECRET)
    signed, _ = sign_request(message, signing, int(time.time()))
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as sock:
        sock.sendall(len(signed).to_bytes(2, "big") + signed)
        head = _exactly(sock, 2)
        reply = _exactly(sock, int.from_bytes(head, "big"))
    assert reply[:2] == signed[:2]
    return dns.rcode.Rcode(reply[3] & 0xF)


def nsupdate(
    port: int, *lines: str, key: str | None = KEYS[0], tcp: bool = False, secret: str = BASE64
) -> str:
    """Run nsupdate with commands, after `server` and `zone`; return what it prints."""
    signing = ["-y", f"hmac-sha256:{key}:{secret}"] if key is not None else []
    command = [tool("nsupdate"), *["-v"] * tcp, *signing]
    text = "\n".join((f"server 127.0.0.1 {port}", "zone failover.test", *lines, ""))
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    return done.stdout + done.stderr


def contents(port: int) -> list[str]:
    """Transfer the zone from a port of 127.0.0.1; return its records, SOA left out, in order.

    Names in their data are in lower case, in which we keep them.
    """
    zone = dns.zone.Zone("failover.test", relativize=False)
    query, _ = dns.xfr.make_query(
        zone, keyring=ring(), keyname=KEYS[0], keyalgorithm=dns.tsig.HMAC_SHA256
    )
    dns.query.inbound_xfr("127.0.0.1", zone, query, port=port, timeout=DEADLINE)
    found = []
    for owner, ttl, rdata in zone.iterate_rdatas():
        rtype = dns.rdatatype.to_text(rdata.rdtype)
        data = str(rdata) if rtype == "TXT" else str(rdata).lower()
        if rtype != "SOA":
            found.append(f"{owner} {ttl} IN {rtype} {data}")
    return sorted(found)


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        assert part, "the connection was closed"
        data += part
    return data
