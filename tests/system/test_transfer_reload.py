"""A reload changes who transfers what at once: keys, secrets, secondaries, zones, the catalog."""

from __future__ import annotations

import socket
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rdtypes.ANY.SOA
import dns.tsig
import pytest
from system.server import Server, wait_for
from system.test_reloading import hang_up, logged, reloaded

FIRST, SECOND = "first.test", "second.test"
CATALOG = "catalog.a.test"
SECRETS = {FIRST: bytes(range(32)), SECOND: bytes(range(64, 96))}

BASE = """\
listen: ["127.0.0.1:0"]
workers: 0
control: {socket: control.sock}
state: {sqlite: state.db}
"""
ZONE = "  %s: {nameservers: {ns.example.net: []}%s}\n"


class Primary:
    """A server, and two secondaries that never answer; each has a key of its own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.ports = []
        for _ in SECRETS:
            silent = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            silent.bind(("127.0.0.1", 0))
            self.ports.append(silent.getsockname()[1])
        for name, secret in SECRETS.items():
            self.write_secret(name, secret)
        self.server = Server(folder, self.text())
        stack.callback(self.server.kill)

    def write_secret(self, name: str, secret: bytes) -> None:
        """Write the secret of a key into its file."""
        path = self.folder / f"{name}.key"
        path.write_text(b64encode(secret).decode())
        path.chmod(0o600)

    def text(
        self,
        zones: str = ZONE % ("a.test", ", secondaries: [ns2]") + ZONE % ("b.test", ""),
        keys: tuple[str, ...] = (FIRST, SECOND),
        catalog: str = f"catalog: {CATALOG}\n",
    ) -> str:
        """Return a configuration: ns2 has the first key, and ns3 the second one."""
        lines = [f"zones:\n{zones}", BASE]
        if keys:
            lines.append("tsig_keys:\n")
            lines += [f"  {key}: {{secret_file: {key}.key}}\n" for key in keys]
            lines.append("secondaries:\n")
            for name, key, port in zip(("ns2", "ns3"), keys, self.ports, strict=False):
                lines.append(f'  {name}: {{address: "127.0.0.1:{port}", key: {key}}}\n')
            lines.append(catalog)
        return "".join(lines)

    def start(self) -> None:
        """Start, and wait until zones can be transferred."""
        self.server.start()
        wait_for(self.is_serving, self.server.log.read_text)

    def is_serving(self) -> bool:
        """Whether the transfer process has every zone."""
        transfers = self.server.do(command="status")["server"]["transfers"]
        return transfers is not None and transfers["serving"]

    def reload(self, text: str) -> None:
        """Use another configuration."""
        self.server.config.write_text(text)
        reloaded(self.server)

    def fails_to_reload(self, text: str) -> str:
        """Try another configuration, which is refused; return the new lines of the log."""
        self.server.config.write_text(text)
        begin = hang_up(self.server)
        wait_for(lambda: "not reloaded" in logged(self.server, begin), self.server.log.read_text)
        return logged(self.server, begin)

    def ask(
        self, zone: str, key: str, rtype: str = "AXFR", secret: bytes | None = None
    ) -> dns.message.Message | str:
        """Ask over TCP with a key; return the reply, or its rcode or TSIG error if it is one."""
        query = dns.message.make_query(zone, rtype)
        secret = SECRETS[key] if secret is None else secret
        query.use_tsig(dns.tsig.Key(key, secret, "hmac-sha256"))
        try:
            reply = dns.query.tcp(query, "127.0.0.1", 10, self.server.port)
        except dns.tsig.PeerError as fault:
            return type(fault).__name__
        assert reply.had_tsig
        return reply if reply.rcode() == dns.rcode.NOERROR else dns.rcode.to_text(reply.rcode())

    def gets(self, zone: str, key: str) -> list[str] | str:
        """Return the records of a zone transfer, sorted and without SOA, or why there are none."""
        reply = self.ask(zone, key)
        if isinstance(reply, str):
            return reply
        lines = [line for rrset in reply.answer for line in rrset.to_text().splitlines()]
        return sorted({line for line in lines if " SOA " not in line})

    def members(self, key: str) -> list[str] | str:
        """Return the zones that a key finds in the catalog zone."""
        found = self.gets(CATALOG, key)
        if isinstance(found, str):
            return found
        return sorted(line.split()[-1] for line in found if " PTR " in line)

    def serial(self, zone: str, key: str) -> int:
        """Return the serial of a zone as a key sees it."""
        reply = self.ask(zone, key, "SOA")
        assert isinstance(reply, dns.message.Message), reply
        (soa,) = reply.answer[0]
        assert isinstance(soa, dns.rdtypes.ANY.SOA.SOA)
        return soa.serial


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Primary]:
    """Start a primary, which all tests of this module use."""
    with ExitStack() as stack:
        made = Primary(tmp_path_factory.mktemp("primary"), stack)
        made.start()
        yield made


@pytest.fixture
def primary(started: Primary) -> Primary:
    """Have a primary of two zones; the second secondary has only one of them."""
    if started.server.config.read_text() != started.text():
        started.reload(started.text())
        wait_for(started.is_serving, started.server.log.read_text)
    return started


def test_zones_and_the_catalog_follow_a_reload(primary: Primary) -> None:
    """Each secondary finds the zones that it may transfer, and the serial never goes back."""
    assert primary.members(FIRST) == ["a.test.", "b.test."]
    assert primary.members(SECOND) == ["b.test."]
    assert primary.gets("a.test", SECOND) == "REFUSED"
    assert primary.gets("b.test", SECOND) == ["b.test. 3600 IN NS ns.example.net."]
    serials = [primary.serial(CATALOG, FIRST)]
    assert primary.serial(CATALOG, SECOND) == serials[0]

    both = ZONE % ("a.test", "") + ZONE % ("c.test", ', records: ["www A 192.0.2.1"]')
    primary.reload(primary.text(both))
    assert primary.members(FIRST) == primary.members(SECOND) == ["a.test.", "c.test."]
    assert primary.gets("c.test", SECOND) == [
        "c.test. 3600 IN NS ns.example.net.",
        "www.c.test. 60 IN A 192.0.2.1",
    ]
    assert primary.gets("a.test", SECOND) == ["a.test. 3600 IN NS ns.example.net."]
    assert primary.gets("b.test", SECOND) == "NOTAUTH"
    serials.append(primary.serial(CATALOG, FIRST))

    primary.reload(primary.text(both, catalog=""))
    assert primary.members(FIRST) == "NOTAUTH"
    primary.reload(primary.text(both))
    serials.append(primary.serial(CATALOG, FIRST))
    primary.reload(primary.text(ZONE % ("a.test", "") + ZONE % ("d.test", ", secondaries: []")))
    assert primary.members(FIRST) == ["a.test."]
    assert primary.gets("d.test", FIRST) == "REFUSED"
    serials.append(primary.serial(CATALOG, FIRST))
    assert serials == sorted(set(serials))

    primary.server.kill()
    primary.start()
    assert primary.serial(CATALOG, FIRST) == serials[-1]


def test_secrets_and_keys_follow_a_reload(primary: Primary) -> None:
    """A new secret is valid at once, and the old one no more."""
    secret = bytes(range(100, 132))
    primary.write_secret(FIRST, secret)
    primary.reload(primary.text())
    assert primary.ask("b.test", FIRST) == "PeerBadSignature"
    reply = primary.ask("b.test", FIRST, "AXFR", secret)
    assert isinstance(reply, dns.message.Message)
    primary.write_secret(FIRST, SECRETS[FIRST])

    primary.reload(primary.text(ZONE % ("b.test", ""), (SECOND,)))
    assert primary.ask("b.test", FIRST) == "PeerBadKey"
    assert primary.gets("b.test", SECOND) == ["b.test. 3600 IN NS ns.example.net."]
    primary.reload(primary.text(ZONE % ("b.test", ""), ()))
    assert primary.ask("b.test", SECOND) == "PeerBadKey"
    wait_for(lambda: primary.server.do(command="status")["server"]["transfers"] is None)
    assert "Transfer failed" in primary.server.dig("b.test", "AXFR")
    primary.reload(primary.text())
    wait_for(primary.is_serving, primary.server.log.read_text)
    assert primary.gets("b.test", FIRST) == ["b.test. 3600 IN NS ns.example.net."]


def test_a_reload_with_a_file_that_cannot_be_used_changes_nothing(primary: Primary) -> None:
    """The log has the reason for each."""
    before = primary.serial(CATALOG, FIRST)
    changed = ZONE % ("a.test", "") + ZONE % ("c.test", "")
    (primary.folder / f"{SECOND}.key").chmod(0o644)
    text = primary.fails_to_reload(primary.text(changed))
    assert f"tsig_keys.{SECOND}.secret_file: " in text
    assert "every user of the machine can open it; `chmod o= " in text
    primary.write_secret(SECOND, b"short")
    text = primary.fails_to_reload(primary.text(changed))
    assert "the secret has 5 bytes; at least 16 are needed" in text
    primary.write_secret(SECOND, SECRETS[SECOND])
    assert primary.members(FIRST) == ["a.test.", "b.test."]
    assert primary.members(SECOND) == ["b.test."]
    assert primary.serial(CATALOG, FIRST) == before
    primary.server.do(command="group add", name="shop", zone="b.test", label="shop")
    assert len(primary.gets("b.test", SECOND)) > 1
    primary.server.do(command="group remove", name="shop")


def test_who_may_update_a_zone_changes_without_another_serial(primary: Primary) -> None:
    """Neither the zone nor the history has a change, and a key with all names may transfer it."""
    revision = primary.server.ask(command="status")["revision"]
    before = primary.serial("a.test", FIRST)
    assert primary.gets("a.test", SECOND) == "REFUSED"
    scope = f', secondaries: [ns2], updates: [{{key: {SECOND}, names: ["*"], types: [TXT]}}]'
    primary.reload(primary.text(ZONE % ("a.test", scope) + ZONE % ("b.test", "")))
    assert primary.gets("a.test", SECOND) == ["a.test. 3600 IN NS ns.example.net."]
    assert primary.serial("a.test", FIRST) == before
    assert primary.server.ask(command="status")["revision"] == revision
