"""ACME certificates from end to end, with the real server and pebble as the CA.

Between them is a DNS server of the test, through which pebble queries our server for challenges.
It has a customer's CNAME, forwards all other queries, and can run code during a validation.
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
import dns.rcode
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
    """A DNS server that forwards queries to our server, one at a time, and follows test aliases.

    `meanwhile` is called once, after our server has returned a TXT record and before the CA gets
    it.  After `freeze` it repeats earlier answers, until `lead_to` sets another server.
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
        """Forward queries to this server from now on."""
        with self._lock:
            self.server, self._frozen, self.meanwhile = server, False, None
            self.seen.clear()
            self.aliases.clear()
            self._answers.clear()

    def freeze(self) -> None:
        """Repeat earlier answers from now on instead of forwarding queries."""
        self._frozen = True

    def respond(self, packet: bytes) -> bytes:
        """Return the reply to a query."""
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
        reply.flags |= dns.flags.AA | dns.flags.RA
        is_elsewhere = found.rcode() == dns.rcode.REFUSED  # in no zone of ours
        reply.set_rcode(dns.rcode.NXDOMAIN if is_elsewhere else found.rcode())
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


MOVED = """\
  customer.test:
    nameservers: {ns1.failover.test: []}
    records: ["www CNAME 414-262-781.failover.test.", "*.apps CNAME www"]
listen:"""


def with_acme(folder: Path, directory: str, ca_file: Path, *resolvers: str) -> Server:
    acme = {"directory": directory, "accept_terms": True, "ca_file": str(ca_file)}
    more = f"resolvers: {json.dumps(resolvers)}\n" if resolvers else ""
    return Server(folder, f"{CONFIG}acme: {json.dumps(acme)}\n{more}")


@pytest.fixture
def acme(pebble: Pebble, between: Between, tmp_path: Path) -> Iterator[Server]:
    """Start a server with the group `shop`, whose CA is pebble."""
    resolver = f"127.0.0.1:{between.port}"
    server = with_acme(tmp_path, pebble.directory, pebble.ca_file, resolver)
    try:
        server.start().load_demo()
        between.lead_to(server)
        yield server
    finally:
        server.kill()


def shown(server: Server, application: str) -> dict[str, object]:
    """Return what `certificate show` reports of an application; empty without a certificate."""
    reply = server.ask(command="certificate show", application=application)
    result: dict[str, object] = reply.get("result", {})
    return result


def request(server: Server, *names: str, again: bool = False) -> dict[str, object]:
    """Request a certificate and wait until the order is complete."""
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


def test_the_active_side_gets_a_certificate_for_the_groups_hostname(acme: Server) -> None:
    """A request for the inactive side is refused, and one that is not due renews nothing.

    `again` renews it nevertheless.
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


def test_a_wildcard_certificate_has_two_challenge_values_at_one_name(
    acme: Server, between: Between
) -> None:
    """Both have TTL 0, and the name does not exist before and after the validation."""
    assert acme.short(CHALLENGE, "TXT") == []
    seen: list[list[str]] = []
    between.meanwhile = lambda: seen.append(acme.short(CHALLENGE, "TXT"))
    report = request(acme, HOSTNAME, f"*.{HOSTNAME}")
    assert report["names"] == [f"*.{HOSTNAME}", HOSTNAME]
    assert len(set(seen[0])) == 2
    assert {(rrset.name.to_text(), rrset.ttl) for rrset in between.seen} == {(f"{CHALLENGE}.", 0)}
    assert acme.short(CHALLENGE, "TXT") == []
    assert "NXDOMAIN" in acme.dig(CHALLENGE, "TXT")


def test_a_customers_name_is_validated_through_a_cname(
    acme: Server, between: Between, pebble: Pebble
) -> None:
    """The customer sets up the record that `certificate challenge-name` prints once.

    While it is missing, it is named, and the CA is not asked to validate anything.
    """
    begin = len(pebble.log.read_text())
    early = acme.ctl("certificate", "request", "shop-eu", "--name", CUSTOMER, "--wait", check=False)
    assert early.returncode == 1
    record = acme.ctl("certificate", "challenge-name", CUSTOMER).stdout.strip()
    assert f"add `{record}`" in early.stderr
    assert "Pulled a task from the Tasks queue" not in pebble.log.read_text()[begin:]
    owner, _, _, target = acme.ctl("certificate", "challenge-name", CUSTOMER).stdout.split()
    between.aliases[owner.rstrip(".")] = target.rstrip(".")
    assert request(acme, CUSTOMER, HOSTNAME)["names"] == [HOSTNAME, CUSTOMER]
    assert {rrset.ttl for rrset in between.seen} == {0}
    assert acme.short(target, "TXT") == []


def test_a_name_that_a_static_cname_leads_to_the_group_gets_a_certificate(
    acme: Server, between: Between
) -> None:
    """So does one that a wildcard leads there, which goes on to be answered meanwhile."""
    acme.config.write_text(acme.config.read_text().replace("listen:", MOVED, 1))
    assert acme.process is not None
    acme.process.send_signal(signal.SIGHUP)
    wait_for(lambda: acme.short("www.customer.test"))
    app = "a.b.apps.customer.test"
    seen: list[list[str]] = []
    between.meanwhile = lambda: seen.append([*acme.short(app), *acme.short("b.apps.customer.test")])
    report = request(acme, "www.customer.test", app)
    assert report["names"] == [app, "www.customer.test"]
    assert "414-262-781.failover.test." in "".join(seen[0])
    assert seen[0] == [*acme.short(app), *acme.short("b.apps.customer.test")]
    refused = acme.ctl("certificate", "challenge-name", "www.customer.test", check=False)
    assert "its challenge is answered without a CNAME" in refused.stderr


def test_a_switch_during_an_order_moves_the_order(acme: Server, between: Between) -> None:
    """The certificate is installed on the side that is now active, and not on the other one."""
    between.meanwhile = lambda: acme.do(command="switch", groups=["shop"])
    acme.do(command="certificate request", application="shop-eu")
    report = wait_until_issued(acme, "shop-us")
    assert report["names"] == [HOSTNAME]
    assert shown(acme, "shop-eu") == {}
    assert acme.short(CHALLENGE, "TXT") == []


def test_a_server_that_is_killed_during_an_order_completes_it(
    acme: Server, between: Between, pebble: Pebble
) -> None:
    """There is one order and one certificate, and the challenge record is gone afterwards."""
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


def test_a_renewal_window_in_the_past_renews_at_once(tmp_path: Path) -> None:
    """The CA has renewal information (RFC 9773), and a reload fetches it at once."""
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
