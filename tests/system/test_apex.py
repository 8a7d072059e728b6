"""Failover at the apex with dig: a group with the label `@`, and an alias to a group."""

from __future__ import annotations

import signal
from pathlib import Path

import dns.message
import dns.query
import dns.rdatatype
import pytest
from system.server import DEADLINE, Server, wait_for

CONFIG = """\
zones:
  shop.example:
    nameservers: {ns1: [127.0.0.1]}
    records:
      - "@ 300 MX 10 mail.example.net."
      - "* 300 A 192.0.2.99"
  failover.test:
    nameservers: {ns1: [127.0.0.1]}
    records: ["www 300 A 192.0.2.88"]
  shop.test:
    nameservers: {ns1.failover.test: []}
    alias: shop.failover.test
listen: ["127.0.0.1:0"]
workers: 2
control: {socket: control.sock}
state: {sqlite: state.db}
"""

COMMANDS = (
    "application add eu",
    "application add us",
    "head add eu lb --role load-balancer --address 192.0.2.1",
    "head add us lb --role load-balancer --address 198.51.100.1",
    "group add apex --zone shop.example --label @ --primary eu --backup us",
    "group add shop --zone failover.test --label shop --primary eu --backup us",
)


@pytest.fixture
def shop(tmp_path: Path) -> Server:
    """Start a server with both kinds of failover at an apex."""
    server = Server(tmp_path, CONFIG).start()
    try:
        for line in COMMANDS:
            server.ctl(*line.split())
        yield server
    finally:
        server.kill()


def serial(server: Server, origin: str) -> int:
    """Return the serial number in the SOA record of a zone."""
    query = dns.message.make_query(origin, "SOA")
    reply = dns.query.udp(query, "127.0.0.1", DEADLINE, port=server.port)
    return int(reply.answer[0][0].serial)


def answers(server: Server) -> dict[str, list[str]]:
    """Return what the names around both origins answer."""
    asked = ("shop.example", "primary.shop.example", "backup.shop.example", "other.shop.example")
    return {name: server.short(name) for name in (*asked, "shop.test", "primary.shop.test")}


EU, US = ["192.0.2.1"], ["198.51.100.1"]
AROUND = {
    "primary.shop.example": EU,
    "backup.shop.example": US,
    "other.shop.example": ["192.0.2.99"],
    "primary.shop.test": [],
}


def test_the_apex_follows_a_switch_beside_the_other_records_of_the_zone(shop: Server) -> None:
    """An alias's zone gets its serial number in the same step, and a restart changes nothing."""
    assert answers(shop) == {**AROUND, "shop.example": EU, "shop.test": EU}
    before = {origin: serial(shop, origin) for origin in ("shop.example", "shop.test")}
    assert "shop.example answers 198.51.100.1" in shop.ctl("switch", "apex", "shop").stdout
    after = {origin: serial(shop, origin) for origin in before}
    switched = {**AROUND, "shop.example": US, "shop.test": US}
    assert answers(shop) == switched
    assert all(after[origin] > before[origin] for origin in before)
    assert shop.short("MX", "shop.example") == ["10 mail.example.net."]
    assert shop.short("NS", "shop.example") == ["ns1.shop.example."]
    assert "SOA\tns1.shop.example." in shop.dig("shop.example", "AAAA", "+authority")
    shop.stop(signal.SIGTERM)
    shop.start()
    assert answers(shop) == switched
    assert {origin: serial(shop, origin) for origin in before} == after


def test_a_reload_changes_what_an_alias_leads_to(shop: Server) -> None:
    """A name with records needs no resolver; a name that answers nothing is told in the log."""
    refused = shop.ctl("group", "remove", "shop", check=False).stderr
    assert "still has applications" in refused
    for alias, record, found in (
        ("www.failover.test", "www 300 A 192.0.2.88", ["192.0.2.88"]),
        ("www.failover.test", "www 300 A 192.0.2.89", ["192.0.2.89"]),
        ("later.failover.test", "www 300 A 192.0.2.89", []),
    ):
        changed = CONFIG.replace("alias: shop.failover.test", f"alias: {alias}")
        shop.config.write_text(changed.replace("www 300 A 192.0.2.88", record))
        assert shop.process is not None
        shop.process.send_signal(signal.SIGHUP)
        wait_for(lambda found=found: shop.short("shop.test") == found)
    told = "zone shop.test answers no address: its alias is later.failover.test: no group has this"
    assert told in shop.log.read_text()
    assert "later.failover.test\n  no group has this hostname" in shop.ctl("status").stdout
    shop.ctl("group", "add", "later", "--zone", "failover.test", "--label", "later")
    shop.ctl("group", "set", "later", "--primary", "us")
    assert shop.short("shop.test") == US
