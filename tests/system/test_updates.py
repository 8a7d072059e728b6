"""Dynamic updates from stock clients: what they change is served, recorded, and lasts."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pebble import Pebble
from system.server import DEADLINE, Server, tool, wait_for
from system.updating import (
    BASE64,
    contents,
    nsupdate,
    running,
    send,
    update,
    wait_until_signed,
)

pytestmark = pytest.mark.system

ACME = "acme.failover.test"
NAME = "414-262-781.failover.test"
"""The key for challenges, and the hostname of the group."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a running server whose zone may be updated; it has the group `shop`."""
    yield from running(tmp_path_factory.mktemp("updates"))


def test_nsupdate_adds_deletes_and_sees_prerequisites(shared: Server) -> None:
    """Over UDP and TCP; the next query after the reply has the new answer."""
    port = shared.port
    for tcp in (False, True):
        assert nsupdate(port, "update add host.failover.test 60 A 192.0.2.7", "send", tcp=tcp) == ""
        assert shared.short("host.failover.test") == ["192.0.2.7"]
        taken = (
            "prereq nxdomain host.failover.test",
            "update add host.failover.test 60 A 192.0.2.8",
            "send",
        )
        assert nsupdate(port, *taken, tcp=tcp) == "update failed: YXDOMAIN\n"
        assert nsupdate(port, "update delete host.failover.test A", "send", tcp=tcp) == ""
        assert "NXDOMAIN" in shared.dig("host.failover.test")


def test_nsupdate_without_a_key_or_with_a_wrong_one_changes_nothing(shared: Server) -> None:
    before = contents(shared.port)
    line = ("update add host.failover.test 60 A 192.0.2.7", "send")
    assert nsupdate(shared.port, *line, key=None) == "update failed: REFUSED\n"
    assert "NOTAUTH" in nsupdate(shared.port, *line, key="nobody.failover.test")
    wrong = nsupdate(shared.port, *line, secret="d3Jvbmcgd3Jvbmcgd3Jvbmc=")
    assert "BADSIG" in wrong
    assert nsupdate(shared.port, *line, key="acme.failover.test") == "update failed: REFUSED\n"
    assert contents(shared.port) == before


def test_the_history_names_key_address_and_message(shared: Server) -> None:
    nsupdate(
        shared.port,
        "prereq nxdomain noted.failover.test",
        "update add noted.failover.test 60 A 192.0.2.7",
        "send",
    )
    nsupdate(shared.port, "update delete noted.failover.test A", "send")
    changes = shared.do(command="history", limit=2)["history"]
    assert [change["command"] for change in changes] == [
        {
            "command": "update",
            "zone": "failover.test",
            "updates": ["delete noted.failover.test A"],
        },
        {
            "command": "update",
            "zone": "failover.test",
            "prerequisites": ["nxdomain noted.failover.test"],
            "updates": ["add noted.failover.test 60 A 192.0.2.7"],
        },
    ]
    who = {"address": "127.0.0.1", "principal": "tsig:all.failover.test"}
    assert changes[0]["who"] == who
    assert "[tsig:all.failover.test from 127.0.0.1]" in shared.ctl("history").stdout


def test_an_update_sets_the_addresses_of_a_head_and_what_follows_it(shared: Server) -> None:
    """Kubernetes or DHCP say where a head is, and the group answers with it."""
    name, hostname = "lb1._heads.shop-eu.failover.test", "414-262-781.failover.test"
    key = "heads.failover.test"
    lines = (f"update delete {name} A", f"update add {name} 60 A 192.0.2.99", "send")
    assert nsupdate(shared.port, "check-names off", *lines, key=key) == ""
    assert shared.short(hostname) == ["192.0.2.99"]
    assert "NXDOMAIN" in shared.dig(name)
    last = nsupdate(shared.port, f"update delete {name} A", "send", key=key)
    assert last == "update failed: REFUSED\n"
    assert shared.short(hostname) == ["192.0.2.99"]
    assert "no address left" in shared.log.read_text()
    other = "update add lb1._heads.shop-us.failover.test 60 AAAA 2001:db8::1"
    other = nsupdate(shared.port, "check-names off", other, "send", key=key)
    assert other == "update failed: REFUSED\n"


def test_no_update_touches_the_names_of_groups(shared: Server) -> None:
    before = contents(shared.port)
    for name in ("414-262-781", "primary.414-262-781", "_status.shop-eu"):
        for line in (
            f"update add {name}.failover.test 60 TXT x",
            f"update delete {name}.failover.test",
        ):
            assert nsupdate(shared.port, line, "send") == "update failed: REFUSED\n", line
    assert contents(shared.port) == before


class ExternalDNS:
    """The messages that external-dns sends with its provider rfc2136, one for each endpoint."""

    def __init__(self, server: Server) -> None:
        self.port = server.port

    def add(self, owner: str, ttl: int, rtype: str, *targets: str) -> None:
        """Insert all targets of an endpoint (RFC 2136 section 2.5.1)."""
        message = update()
        for target in targets:
            message.add(f"{owner}.", ttl, rtype, target)
        assert send(message, self.port) == 0

    def remove(self, owner: str, rtype: str, *targets: str) -> None:
        """Remove all targets of an endpoint (RFC 2136 section 2.5.4)."""
        message = update()
        for target in targets:
            message.delete(f"{owner}.", rtype, target)
        assert send(message, self.port) == 0

    def records(self, *types: str) -> set[tuple[str, str]]:
        """Transfer the zone, and return the names and data of records of these types."""
        found = (line.split(" ", 4) for line in contents(self.port))
        return {(owner, data) for owner, _, _, rtype, data in found if rtype in types}


def test_the_messages_of_external_dns_are_carried_out(shared: Server) -> None:
    """It adds a record and its TXT of ownership, lists the zone, changes the TTL, removes both."""
    client, web = ExternalDNS(shared), "web.k8s.failover.test"
    owner = '"heritage=external-dns,external-dns/owner=k,external-dns/resource=ingress/d/web"'
    client.add(web, 300, "A", "192.0.2.31", "192.0.2.32")
    client.add(f"a-{web}", 300, "TXT", owner)
    assert client.records("A") >= {(f"{web}.", "192.0.2.31"), (f"{web}.", "192.0.2.32")}
    assert (f"a-{web}.", owner) in client.records("TXT")
    client.remove(web, "A", "192.0.2.31", "192.0.2.32")
    client.add(web, 60, "A", "192.0.2.32", "192.0.2.33")
    client.remove(f"a-{web}", "TXT", owner)
    client.add(f"a-{web}", 60, "TXT", owner)
    assert shared.short(web) == ["192.0.2.32", "192.0.2.33"]
    client.remove(web, "A", "192.0.2.32", "192.0.2.33")
    client.remove(f"a-{web}", "TXT", owner)
    assert {name for name, _ in client.records("A", "TXT") if "k8s" in name} == set()


@pytest.fixture(scope="module")
def pebble(shared: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    """Return a CA that queries the server."""
    with Pebble(tmp_path_factory.mktemp("pebble"), shared.port) as running:
        yield running


def run(command: list[str | Path], folder: Path, **environment: str) -> None:
    """Run a client, which must succeed."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=4 * DEADLINE,
        check=False,
        cwd=folder,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_certbot_gets_a_certificate_with_its_plugin(
    shared: Server, pebble: Pebble, tmp_path: Path
) -> None:
    credentials = tmp_path / "rfc2136.ini"
    credentials.write_text(
        f"dns_rfc2136_server = 127.0.0.1\ndns_rfc2136_port = {shared.port}\n"
        f"dns_rfc2136_name = {ACME}.\ndns_rfc2136_secret = {BASE64}\n"
        "dns_rfc2136_algorithm = HMAC-SHA256\n"
    )
    credentials.chmod(0o600)
    folders = [f"--{kind}-dir={tmp_path}" for kind in ("config", "work", "logs")]
    run(
        [
            *(tool("certbot"), "certonly", "--non-interactive", "--agree-tos"),
            *("--register-unsafely-without-email", "--server", pebble.directory),
            *("--dns-rfc2136", "--dns-rfc2136-propagation-seconds", "0"),
            *("--dns-rfc2136-credentials", str(credentials), "-d", f"www.{NAME}"),
            *folders,
        ],
        tmp_path,
        REQUESTS_CA_BUNDLE=str(pebble.ca_file),
    )
    assert (tmp_path / "live" / f"www.{NAME}" / "fullchain.pem").exists()
    assert shared.short(f"_acme-challenge.www.{NAME}", "TXT") == []


def test_lego_gets_a_certificate_for_the_wildcard_of_a_group(
    shared: Server, pebble: Pebble, tmp_path: Path
) -> None:
    run(
        [
            *(tool("lego"), "--accept-tos", "--email", "a@failover.test", "--path", str(tmp_path)),
            *("--server", pebble.directory, "--dns", "rfc2136"),
            *("--dns.resolvers", f"127.0.0.1:{shared.port}"),
            *("--dns.disable-cp", "--domains", f"*.{NAME}", "run"),
        ],
        tmp_path,
        LEGO_CA_CERTIFICATES=str(pebble.ca_file),
        RFC2136_NAMESERVER=f"127.0.0.1:{shared.port}",
        RFC2136_TSIG_ALGORITHM="hmac-sha256.",
        RFC2136_TSIG_KEY=f"{ACME}.",
        RFC2136_TSIG_SECRET=BASE64,
        RFC2136_PROPAGATION_TIMEOUT="10",
        RFC2136_POLLING_INTERVAL="1",
        RFC2136_SEQUENCE_INTERVAL="1",
    )
    assert (tmp_path / "certificates" / f"_.{NAME}.crt").exists()
    assert shared.short(f"_acme-challenge.{NAME}", "TXT") == []


def test_an_answered_update_survives_kill_9_and_without_the_server_there_is_servfail(
    shared: Server,
) -> None:
    for number in range(5):
        message = update()
        message.add(f"lasting{number}", 60, "A", "192.0.2.7")
        assert send(message, shared.port, tcp=bool(number % 2)) == 0
    shared.stop(signal.SIGKILL)
    lines = ("update add late.failover.test 60 A 192.0.2.7", "send")
    wait_for(lambda: "SERVFAIL" in nsupdate(shared.port, *lines))
    assert shared.short("lasting0.failover.test") == ["192.0.2.7"]  # answers go on
    shared.kill()
    shared.start()
    assert all(shared.short(f"lasting{number}.failover.test") for number in range(5))
    assert shared.short("late.failover.test") == []
    wait_until_signed(shared)
    message = update()
    message.delete("lasting0")
    assert send(message, shared.port) == 0
    assert shared.short("lasting0.failover.test") == []
