"""Certificates over ACME from end to end: the real server and pebble, which asks it for challenges.

Between both stands a DNS server of the test: it has a customer's CNAME, forwards all else to our
server, and lets a test do something in the middle of a validation.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.rrset
import pytest
from directories import LocalDirectory
from pebble import Pebble
from system.server import CONFIG, DEADLINE, Server, wait_for
from system.test_pebble import Answers

HOSTNAME = "414-262-781.failover.test"
CHALLENGE = f"_acme-challenge.{HOSTNAME}"
CUSTOMER = "www.customer.example"


class Between(Answers):
    """Forwards to our server, one query at a time; answers along a customer's CNAME.

    `meanwhile` is called once, when a value was seen and the CA was not told yet.
    After `freeze` what was answered before is answered again, until our server is another one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.server: Server | None = None
        self.seen: list[dns.rrset.RRset] = []
        self.meanwhile: Callable[[], object] | None = None
        self._frozen = False
        self._answers: dict[tuple[dns.name.Name, int], dns.message.Message] = {}
        self._lock = threading.Lock()

    def lead_to(self, server: Server) -> None:
        """Forward to a server."""
        with self._lock:
            self.server, self._frozen, self.meanwhile = server, False, None
            self.seen.clear()
            self.aliases.clear()
            self._answers.clear()

    def freeze(self) -> None:
        """Ask our server no more."""
        self._frozen = True

    def respond(self, packet: bytes) -> bytes:
        """Answer a query."""
        with self._lock:
            return self._respond(packet)

    def _respond(self, packet: bytes) -> bytes:
        query = dns.message.from_wire(packet)
        question = query.question[0]
        name = question.name.to_text().rstrip(".").lower()
        target = self.aliases.get(name)
        asked = question.name if target is None else dns.name.from_text(target)
        found = self._forwarded(asked, question.rdtype)
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA
        reply.set_rcode(found.rcode())
        if target is not None:
            reply.answer.append(dns.rrset.from_text(f"{name}.", 0, "IN", "CNAME", f"{target}."))
        reply.answer += found.answer
        reply.authority += found.authority
        texts = [rrset for rrset in found.answer if rrset.rdtype == dns.rdatatype.TXT]
        self.seen += texts
        if texts and (meanwhile := self.meanwhile) is not None:
            self.meanwhile = None
            meanwhile()
        return reply.to_wire(max_size=65535)

    def _forwarded(self, name: dns.name.Name, kind: int) -> dns.message.Message:
        assert self.server is not None
        if not self._frozen:
            query = dns.message.make_query(name, kind)
            self._answers[name, kind] = dns.query.udp(
                query, "127.0.0.1", DEADLINE, self.server.port
            )
        return self._answers[name, kind]


@pytest.fixture(scope="module")
def between() -> Iterator[Between]:
    with Between() as found:
        yield found


@pytest.fixture(scope="module")
def pebble(between: Between, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    folder: Path = tmp_path_factory.mktemp("pebble")
    with Pebble(folder, between.port) as running:
        yield running


def with_acme(folder: Path, directory: str, ca_file: Path) -> Server:
    acme = {"directory": directory, "accept_terms": True, "ca_file": str(ca_file)}
    return Server(folder, f"{CONFIG}acme: {json.dumps(acme)}\n")


@pytest.fixture
def acme(pebble: Pebble, between: Between, tmp_path: Path) -> Iterator[Server]:
    """A server with the demo, whose CA is pebble."""
    server = with_acme(tmp_path, pebble.directory, pebble.ca_file)
    try:
        server.start().load_demo()
        between.lead_to(server)
        yield server
    finally:
        server.kill()


def shown(server: Server, application: str) -> dict[str, object]:
    """What is reported of an application's certificate; nothing if there is none."""
    reply = server.ask(command="certificate show", application=application)
    result: dict[str, object] = reply.get("result", {})
    return result


def request(server: Server, *names: str, again: bool = False) -> dict[str, object]:
    """Have a certificate issued, and wait until no order is left."""
    more = {"name": list(names)} if names else {}
    server.do(command="certificate request", application="shop-eu", **more, again=again)
    wait_for(
        lambda: "order" not in shown(server, "shop-eu"),
        lambda: f"{shown(server, 'shop-eu')}\n{server.log.read_text()}",
    )
    return shown(server, "shop-eu")


def wait_until_issued(server: Server, application: str) -> dict[str, object]:
    wait_for(
        lambda: shown(server, application).get("fingerprint"),
        lambda: f"{shown(server, application)}\n{server.log.read_text()}",
    )
    return shown(server, application)


def test_the_groups_hostname_is_certified(acme: Server) -> None:
    """By default, and only for the active side; one that is not due is not ordered again.

    But it is for who wants another one.
    """
    refused = acme.ctl("certificate", "request", "shop-us", check=False)
    assert refused.returncode == 1
    assert "on the inactive side" in refused.stderr
    assert HOSTNAME in acme.ctl("certificate", "request", "shop-eu", "--wait").stdout
    report = shown(acme, "shop-eu")
    assert (report["kind"], report["names"]) == ("acme", [HOSTNAME])
    assert report["renewal"]["allowed"] is True  # type: ignore[index]
    assert report["chain_length"] == 2
    assert shown(acme, "shop-us") == {}
    assert report["fingerprint"] in acme.ctl("certificate", "request", "shop-eu", "--wait").stdout
    assert shown(acme, "shop-eu") == report
    renewed = request(acme, again=True)
    assert renewed["names"] == report["names"]
    assert renewed["fingerprint"] != report["fingerprint"]


def test_a_wildcard_has_two_values_at_one_name_while_the_ca_looks(
    acme: Server, between: Between
) -> None:
    """With TTL 0, and nothing is there before and afterwards."""
    assert acme.short(CHALLENGE, "TXT") == []
    seen: list[list[str]] = []
    between.meanwhile = lambda: seen.append(acme.short(CHALLENGE, "TXT"))
    report = request(acme, HOSTNAME, f"*.{HOSTNAME}")
    assert report["names"] == [f"*.{HOSTNAME}", HOSTNAME]
    assert len(set(seen[0])) == 2
    assert {(rrset.name.to_text(), rrset.ttl) for rrset in between.seen} == {(f"{CHALLENGE}.", 0)}
    assert acme.short(CHALLENGE, "TXT") == []
    assert "NXDOMAIN" in acme.dig(CHALLENGE, "TXT")


def test_a_customers_name_is_certified_along_a_cname(acme: Server, between: Between) -> None:
    """With the record that `certificate challenge-name` prints, set up once."""
    owner, _, _, target = acme.ctl("certificate", "challenge-name", CUSTOMER).stdout.split()
    between.aliases[owner.rstrip(".")] = target.rstrip(".")
    assert request(acme, CUSTOMER, HOSTNAME)["names"] == [HOSTNAME, CUSTOMER]
    assert {rrset.ttl for rrset in between.seen} == {0}
    assert acme.short(target, "TXT") == []


def test_a_switch_in_the_middle_of_an_order_takes_it_along(acme: Server, between: Between) -> None:
    """The certificate ends on the side that is active then, and nowhere else."""
    between.meanwhile = lambda: acme.do(command="switch", groups=["shop"])
    acme.do(command="certificate request", application="shop-eu")
    report = wait_until_issued(acme, "shop-us")
    assert report["names"] == [HOSTNAME]
    assert shown(acme, "shop-eu") == {}
    assert acme.short(CHALLENGE, "TXT") == []


def test_a_server_that_is_killed_in_the_middle_goes_on_with_the_order(
    acme: Server, between: Between, pebble: Pebble
) -> None:
    """One order and one certificate, and what it answered for the CA is gone afterwards."""
    begin = len(pebble.log.read_text())
    between.meanwhile = lambda: (between.freeze(), acme.kill())
    acme.do(command="certificate request", application="shop-eu")
    assert acme.process is not None
    wait_for(lambda: acme.process is not None and acme.process.poll() is not None)
    acme.start()
    report = wait_until_issued(acme, "shop-eu")
    assert report["names"] == [HOSTNAME]
    log = pebble.log.read_text()[begin:]
    assert (log.count("Added order"), log.count("Issued certificate serial")) == (1, 1), log
    assert acme.short(CHALLENGE, "TXT") == []


def test_a_window_that_the_ca_moves_into_the_past_renews_at_once(tmp_path: Path) -> None:
    """Renewal information (RFC 9773), with a CA that has it; a reload has a look at once."""
    (tmp_path / "ca").mkdir()
    with LocalDirectory(tmp_path / "ca") as local:
        server = with_acme(tmp_path, local.url, local.ca_file)
        try:
            server.start().load_demo()
            local.dns = server.port
            first = request(server)["fingerprint"]
            local.window = time.time() - 7200, time.time() - 3600
            assert server.process is not None
            server.process.send_signal(signal.SIGHUP)
            wait_for(
                lambda: shown(server, "shop-eu")["fingerprint"] != first,
                lambda: server.log.read_text(),
            )
        finally:
            server.kill()
        assert [order.replaces is not None for order in local.orders] == [False, True]
