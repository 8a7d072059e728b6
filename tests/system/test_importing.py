"""`failoverdns import`: a fresh server takes what it prints, and answers as the source says."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from system.server import DEADLINE, EXECUTABLE, Server

SOURCES = Path(__file__).parent.parent / "importing"

OURS = """\
listen: ["127.0.0.1:0", "[::1]:0"]
workers: 0
control:
  socket: control.sock
state:
  sqlite: state.db
"""
"""What a server of a test has instead of `listen`."""


def run(*words: object, status: int) -> str:
    """Run `failoverdns import` and return what it printed; its exit status must be `status`."""
    done = subprocess.run(
        [EXECUTABLE, "import", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


class Adopted:
    """Starts servers with what was imported."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers: list[Server] = []

    def __call__(self) -> Server:
        """Check the configuration, start a server with it, and give it the commands."""
        file = self.folder / "failoverdns.yaml"
        done = subprocess.run([EXECUTABLE, "check-config", file], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "")
        config, replaced = re.subn(r"^listen: .*\n", OURS, file.read_text(), flags=re.MULTILINE)
        assert replaced == 1
        server = Server(self.folder, config)
        self.servers.append(server)
        server.start()
        script = self.folder / "commands.sh"
        lines = script.read_text().splitlines() if script.exists() else []
        with server.connect() as client:
            for line in lines[3:]:
                program, _, words = line.partition(" ")
                assert program == "failoverdns"
                reply = client.ask(words.encode() + b"\n")
                assert reply["ok"], (line, reply)
        return server


@pytest.fixture
def adopted(tmp_path: Path) -> Iterator[Adopted]:
    """Start servers with what is in the folder `new`, and kill them when the test ends."""
    starting = Adopted(tmp_path / "new")
    try:
        yield starting
    finally:
        for server in starting.servers:
            server.kill()


def answers(server: Server, name: str, rtype: str) -> list[str]:
    """Return the answer to a query, each record as `OWNER TTL TYPE DATA`."""
    lines = server.dig("+noall", "+answer", name, rtype).splitlines()
    return sorted(" ".join(line.split()).replace(" IN ", " ", 1) for line in lines)


def test_a_hosted_zone_of_route53(adopted: Adopted) -> None:
    """An origin with failover answers nothing before its load balancer is resolved."""
    checks = SOURCES / "route53-health-checks.json"
    records = SOURCES / "route53-records.json"
    words = ("route53", records, "--health-checks", checks)
    said = run(*words, "-o", adopted.folder, status=7)
    assert "geo.shop.example A: its routing policy is geolocation" in said
    assert "has failoverdns.yaml, zones/shop.example.zone, commands.sh already" in run(
        *words, "-o", adopted.folder, status=1
    )
    server = adopted()
    assert answers(server, "api.shop.example", "A") == [
        "api.shop.example. 30 A 192.0.2.10",
        "api.shop.example. 30 A 192.0.2.11",
    ]
    assert answers(server, "app.eu.shop.example", "A") == [
        "app-eu.shop.example. 60 A 192.0.2.41",
        "app.eu.shop.example. 60 CNAME app-eu.shop.example.",
    ]
    assert server.short("db.shop.example", "AAAA") == ["2001:db8::20"]
    assert server.short("cdn.shop.example", "A") == ["one.cdn.example.net."]
    assert server.short("shop.example", "MX") == ["10 mail.shop.example.", "20 mx.example.net."]
    assert server.short("shop.example", "NS")[0] == "ns-0.awsdns-00.com."
    assert server.short("anything.shop.example", "CNAME") == ["www.shop.example."]
    assert answers(server, "www.shop.example", "A") == ["www.shop.example. 60 CNAME shop.example."]
    assert server.short("shop.example", "TXT") == [
        '"a \\"quoted\\" text" "and \\228 more"',
        '"v=spf1 include:_spf.example.net -all"',
    ]
    server.ctl("switch", "api", "--override", "target-down")
    assert server.short("api.shop.example", "A") == ["198.51.100.10"]
    policy = server.ctl("explain", "api").stdout
    assert "route53" in policy


def test_an_import_for_programs() -> None:
    """A reply as other commands have it, and the same for errors."""
    records = SOURCES / "route53-records.json"
    reply = json.loads(run("route53", records, "--json", status=7))
    assert reply["ok"]
    assert set(reply["result"]) == {"files", "commands", "different", "not_taken"}
    assert ["application", "add", "api-primary"] in reply["result"]["commands"]
    reply = json.loads(run("route53", SOURCES / "nothing.json", "--json", status=1))
    assert reply["error"]["message"].endswith("cannot be read: No such file or directory")


def test_a_folder_of_gdnsd(adopted: Adopted) -> None:
    """Its zone has failover at the origin, beside MX and TXT records."""
    said = run("gdnsd", SOURCES / "gdnsd", "-o", adopted.folder, status=7)
    assert "three.shop.example DYNA metafo!three: it has 3 datacenters (a, b, c)" in said
    assert "multifo!pool: up_tresh: '0.03' is not an address" in said
    server = adopted()
    assert answers(server, "shop.example", "A") == ["shop.example. 3600 A 192.0.2.10"]
    assert server.short("shop.example", "MX") == ["10 mail.shop.example."]
    assert server.short("shop.example", "NS") == ["ns1.shop.example.", "ns2.example.net."]
    assert server.short("ns1.shop.example", "AAAA") == ["2001:db8::53"]
    assert answers(server, "www.shop.example", "AAAA") == [
        "www.shop.example. 300 AAAA 2001:db8::20"
    ]
    assert answers(server, "api.v2.shop.example", "A") == [
        "api-v2.shop.example. 60 A 192.0.2.10",
        "api.v2.shop.example. 60 CNAME api-v2.shop.example.",
    ]
    assert server.short("pool.shop.example", "A") == ["192.0.2.41", "192.0.2.42", "192.0.2.43"]
    assert server.short("plain.shop.example", "A") == ["192.0.2.51", "192.0.2.52"]
    assert server.short("x.any.shop.example", "AAAA") == ["2001:db8::20", "www.shop.example."]
    assert server.short("fix.shop.example", "A") == ["192.0.2.60"]
    assert server.short("deep.sub.shop.example", "A") == ["192.0.2.90"]
    (soa,) = server.short("shop.example", "SOA")
    assert soa.startswith("ns1.shop.example. dns.admin.shop.example. ")
    assert soa.endswith(" 7200 1800 259200 900")
    server.ctl("switch", "shop.example", "--override", "target-down")
    assert server.short("shop.example", "A") == ["198.51.100.10"]


def test_a_zone_file_of_bind(adopted: Adopted) -> None:
    """It has no failover, so that there are no commands."""
    said = run("bind", SOURCES / "shop.example.zone", "-o", adopted.folder, status=7)
    for line, reason in ((20, "it is not an address"), (22, "ALIAS is not"), (24, "has a CNAME")):
        assert re.search(rf"shop\.example\.zone:{line}: .*{reason}", said), said
    server = adopted()
    (soa,) = server.short("shop.example", "SOA")
    assert soa.startswith("ns1.shop.example. hostmaster.shop.example. ")
    assert soa.endswith(" 10800 900 1209600 300")
    assert server.short("shop.example", "NS") == ["ns1.shop.example.", "ns2.example.net."]
    assert server.short("ns1.shop.example", "A") == ["192.0.2.53"]
    assert answers(server, "www.shop.example", "A") == [
        "www.shop.example. 60 A 192.0.2.1",
        "www.shop.example. 60 A 192.0.2.2",
    ]
    assert answers(server, "mail.shop.example", "A") == ["mail.shop.example. 300 A 192.0.2.80"]
    assert server.short("old.shop.example", "TXT") == ['"the owner carries on"']
    assert server.short("host-2.shop.example", "A") == ["192.0.2.102"]
    assert server.short("x.dev.shop.example", "CNAME") == ["www.shop.example."]
    assert "ns.child.shop.example." in server.dig("www.child.shop.example", "A")


def test_an_import_from_standard_input() -> None:
    """As in `aws route53 list-resource-record-sets ... | failoverdns import route53 -`."""
    done = subprocess.run(
        [EXECUTABLE, "import", "route53", "-"],
        input="{",
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("standard input:1:2: not JSON")


def test_a_folder_that_cannot_be_written_stays_empty(tmp_path: Path) -> None:
    """What was written before the failure is removed."""
    (tmp_path / "zones").write_text("a file in the place of the folder")
    said = run("bind", SOURCES / "shop.example.zone", "-o", tmp_path, status=1)
    assert "zones/shop.example.zone: cannot be written" in said
    assert [path.name for path in tmp_path.iterdir()] == ["zones"]
