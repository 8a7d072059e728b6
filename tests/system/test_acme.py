"""Certificates from a CA, end to end: our server, pebble, and the DNS that pebble asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from answers import Answers
from directories import LocalDirectory
from pebble import Pebble, free_port
from system.server import CONFIG, Server, wait_for

HOSTNAME = "414-262-781.failover.test"
ACME = """\
acme:
  directory: {directory}
  accept_terms: true
  ca_file: {ca_file}
"""


class Issuing:
    """A server that has certificates issued by pebble, which asks it by way of a small resolver."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.resolver = Answers(upstream=self.port)
        (folder / "pebble").mkdir()
        self.pebble = Pebble(folder / "pebble", self.resolver.port)
        self.folder = folder

    def __enter__(self) -> Issuing:
        self.resolver.__enter__()
        self.pebble.__enter__()
        acme = ACME.format(directory=self.pebble.directory, ca_file=self.pebble.ca_file)
        listen = CONFIG.replace('"127.0.0.1:0", "[::1]:0"', f'"127.0.0.1:{self.port}"')
        self.server = Server(self.folder, listen + acme)
        self.server.start().load_demo()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.kill()
        self.pebble.__exit__()
        self.resolver.__exit__()


@pytest.fixture
def issuing(tmp_path: Path) -> Iterator[Issuing]:
    with Issuing(tmp_path) as running:
        yield running


def shown(server: Server, application: str) -> dict[str, Any]:
    """Return what `certificate show` tells; empty if there is nothing."""
    reply = server.ask(command="certificate show", application=application)
    result: dict[str, Any] = reply.get("result", {})
    return result


def wait_for_certificate(server: Server, application: str, unlike: str | None = None) -> Any:
    """Wait until an application has a certificate, another one than before, and no order."""

    def has_one() -> bool:
        report = shown(server, application)
        return report.get("fingerprint") not in (None, unlike) and "order" not in report

    wait_for(has_one, lambda: f"{shown(server, application)}\n{server.log.read_text()}")
    return shown(server, application)


def test_plain_wildcard_and_customers_names_in_one_certificate(issuing: Issuing) -> None:
    """The customer's `_acme-challenge` is a CNAME to where `certificate challenge-name` says."""
    server = issuing.server
    target = server.do(command="certificate challenge-name", name="www.shop.example")
    owner = "_acme-challenge.www.shop.example"
    assert target["record"] == f"{owner}. IN CNAME {target['target']}."
    issuing.resolver.aliases[owner] = target["target"]
    names = sorted([HOSTNAME, f"*.{HOSTNAME}", "www.shop.example"])
    fields = [word for name in names for word in ("--name", name)]
    done = server.ctl("certificate", "request", "shop-eu", *fields, "--wait")
    assert "shop-eu (online)" in done.stdout
    report = shown(server, "shop-eu")
    assert (report["names"], report["kind"]) == (names, "acme")
    assert report["issuer"].startswith("CN=Pebble Intermediate CA")
    assert f"{owner} TXT" in issuing.resolver.asked
    assert "status: NXDOMAIN" in server.dig(f"_acme-challenge.{HOSTNAME}", "TXT")


def test_challenges_are_served_while_the_ca_may_ask_and_no_longer(issuing: Issuing) -> None:
    """TXT with TTL 0, both values at once; the CA is held back to look at them."""
    server, seen = issuing.server, list[str]()

    def look() -> None:
        until = time.monotonic() + 30
        while not seen and time.monotonic() < until:
            text = server.dig("+noall", "+answer", f"_acme-challenge.{HOSTNAME}", "TXT")
            seen.extend(text.splitlines())

    looking = threading.Thread(target=look)
    looking.start()
    server.do(
        command="certificate request", application="shop-eu", name=[HOSTNAME, f"*.{HOSTNAME}"]
    )
    looking.join(60)
    wait_for_certificate(server, "shop-eu")
    assert len(seen) == 2
    assert {line.split()[1] for line in seen} == {"0"}
    assert "status: NXDOMAIN" in server.dig(f"_acme-challenge.{HOSTNAME}", "TXT")


def test_renewal_is_for_the_active_side_only(issuing: Issuing) -> None:
    """A switch moves certificate and right; the other side is refused."""
    server = issuing.server
    server.do(command="certificate request", application="shop-eu")
    first = wait_for_certificate(server, "shop-eu")
    moved = server.do(command="switch", groups=["shop"])["groups"][0]["certificate"]
    assert (moved["outcome"], moved["fingerprint"]) == ("transferred", first["fingerprint"])
    refused = server.ask(command="certificate request", application="shop-eu")
    assert refused["error"]["code"] == "refused"
    server.do(command="certificate request", application="shop-us")
    renewed = wait_for_certificate(server, "shop-us", unlike=first["fingerprint"])
    assert renewed["renewal"]["allowed"]
    assert shown(server, "shop-eu")["fingerprint"] == first["fingerprint"]
    assert not shown(server, "shop-eu")["renewal"]["allowed"]


def test_a_switch_and_a_kill_in_the_middle_of_an_order(issuing: Issuing) -> None:
    """The certificate ends up on the side that is active then; one is issued, not two."""
    server = issuing.server
    server.do(command="certificate request", application="shop-eu")
    server.do(command="switch", groups=["shop"])
    server.kill()
    server.start()
    report = wait_for_certificate(server, "shop-us")
    assert report["names"] == [HOSTNAME]
    assert "kind" not in shown(server, "shop-eu")
    changes = server.do(command="history", limit=100)["history"]
    issued = [change for change in changes if change["command"]["command"] == "acme issue"]
    assert len(issued) == 1


def test_a_server_that_is_killed_again_and_again_orders_once(issuing: Issuing) -> None:
    server = issuing.server
    server.do(command="certificate request", application="shop-eu")
    for number in range(5):
        time.sleep(0.05 * number)  # somewhere in the middle
        server.kill()
        server.start()
    report = wait_for_certificate(server, "shop-eu")
    assert report["names"] == [HOSTNAME]
    placed = issuing.pebble.log.read_text().count("Added order")
    assert placed in (1, 2), "an order that was placed but not noted may be left at the CA"
    assert issuing.pebble.log.read_text().count("Issued certificate serial") == 1


def test_a_window_that_has_passed_renews_at_once(tmp_path: Path) -> None:
    """Renewal information (RFC 9773), through the whole server, with a CA that has it."""
    (tmp_path / "ca").mkdir()
    with LocalDirectory(tmp_path / "ca") as local:
        now = time.time()
        local.window = (now - 7200, now - 3600)
        acme = ACME.format(directory=local.url, ca_file=local.ca_file)
        server = Server(tmp_path, CONFIG + acme)
        try:
            server.start().load_demo()
            server.do(command="certificate request", application="shop-eu")
            first = wait_for_certificate(server, "shop-eu")
            server.stop()
            server.start()  # it looks at what is due when it starts
            wait_for_certificate(server, "shop-eu", unlike=first["fingerprint"])
            local.window = (now + 86400, now + 90000)
            assert local.orders[1].replaces is not None
            text = server.log.read_text()
            assert "acme: the certificate of shop-eu is due: ordered" in text
        finally:
            server.kill()
