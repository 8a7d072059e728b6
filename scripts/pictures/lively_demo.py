"""A demo with some 40 groups in which something happens, for pictures of the dashboard.

It has healthy and failing applications, a planned switch, a group in maintenance, an automatic
switch that a rule refuses, certificates of several ages, two zones, a secondary in step, and one
that does not answer.  Names, addresses and times are made up; everything that the server reports
about them is real.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

SERVICES = (
    "shop", "checkout", "search", "api", "login", "media", "mail", "billing", "docs", "reports",
    "status-page", "webhooks", "partners",
)  # fmt: skip
REGIONS = ("eu", "us", "ap")
"""Each service has a group in each region; its backup is the application of the next region."""

CONFIG = """\
zones:
  failover.example:
    nameservers: {{ns1: [127.0.0.1], ns2: [127.0.0.1], ns3: [127.0.0.1]}}
    contact: hostmaster@failover.example
    ttl: 60
    negative_ttl: 60
  customers.example:
    nameservers: {{ns1.failover.example: []}}
    contact: hostmaster@failover.example
    ttl: 30
    negative_ttl: 30
    secondaries: [ns2]
listen: ["127.0.0.1:{dns}"]
workers: 2
control: {{socket: control.sock}}
state: {{sqlite: state.db}}
{http}
tsig_keys:
  xfr.failover.example: {{algorithm: hmac-sha256, secret_file: xfr.key}}
secondaries:
  ns2: {{address: "127.0.0.1:{secondary}", key: xfr.failover.example}}
  ns3: {{address: "127.0.0.1:{closed}", key: xfr.failover.example}}
checks:
  heartbeat: {{type: push, ttl: 86400}}
  port-open: {{type: tcp, port: {closed}, interval: 2, timeout: 1}}
policies:
  automatic: {{mode: automatic, grace: 5}}
  by-hand: {{mode: manual}}
safety_rules:
  keep-one-home:
    assert: {{groups: [billing-eu, billing-us, billing-ap], at_least: 3}}
  office-hours: {{gate: {{flag: office-hours}}, groups: ["reports-*"]}}
"""


def write_configuration(
    folder: Path, dns: int, secondary: int, closed: int, http: int | None
) -> Path:
    """Write the configuration of the demo, and the key of its secondaries; return its path.

    `dns`, `secondary` and `http` are ports of loopback; nothing may listen on the port `closed`.
    """
    key = base64.b64encode(hashlib.sha256(b"a key of a demo").digest()).decode()
    (folder / "xfr.key").write_text(key + "\n")
    (folder / "xfr.key").chmod(0o600)
    listening = f'http: {{listen: ["127.0.0.1:{http}"]}}' if http is not None else ""
    path = folder / "failoverdns.yaml"
    path.write_text(CONFIG.format(dns=dns, secondary=secondary, closed=closed, http=listening))
    return path


def follow(port: int, dns: int) -> None:
    """Be a secondary that is in step: pass on its queries to the server, in a thread.

    `port` is where the secondary is asked, `dns` where the server answers, both over UDP.
    """
    asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asked.bind(("127.0.0.1", port))
    Thread(target=_pass_on, args=(asked, dns), daemon=True).start()


def _pass_on(asked: socket.socket, dns: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.settimeout(2)
        server.connect(("127.0.0.1", dns))
        while True:
            packet, client = asked.recvfrom(65535)
            try:
                server.send(packet)
                asked.sendto(server.recv(65535), client)
            except OSError:
                continue


def ask(path: Path, requests: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Send requests over the control socket at `path`; return their results.

    Raises RuntimeError if the server refuses one of them.
    """
    results = []
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(str(path))
        with client.makefile("rw", encoding="utf-8", newline="\n") as lines:
            for request in requests:
                lines.write(json.dumps(request) + "\n")
                lines.flush()
                reply = json.loads(lines.readline())
                if not reply["ok"]:
                    raise RuntimeError(f"{request}: {reply['error']['message']}")
                results.append(reply["result"])
    return results


def load(path: Path, folder: Path) -> None:
    """Fill an empty server; `path` is its control socket, and `folder` is for certificates."""
    ask(path, _applications())
    ask(path, _groups())
    ask(path, _reports("up"))
    ask(path, _certificates(folder))


def live_a_little(path: Path) -> None:
    """Let things happen: switches, a plan, maintenance, failures, and an automatic switch."""
    soon = (datetime.now(UTC) + timedelta(hours=7)).strftime("%Y-%m-%dT%H:00:00Z")
    ask(
        path,
        [
            {"command": "application set", "name": "webhooks-us", "check": ["port-open"]},
            {
                "command": "head set", "application": "webhooks-us", "name": "lb1",
                "address": ["127.0.0.1"],
            },
            _switch(["search-us"], "kernel update of the load balancers"),
            _switch(["docs-eu", "docs-us", "docs-ap"], "move the manuals to the new cluster"),
            _switch(["docs-us"], "the new cluster is full"),
            {
                "command": "switch", "groups": ["checkout-ap"], "to": "backup", "at": soon,
                "reason": "move to the new racks",
            },
            {
                "command": "maintenance", "group": "login-us", "state": "on",
                "reason": "certificate authority changes its roots",
            },
            {"command": "flag off", "name": "office-hours", "reason": "Sunday"},
            {
                "command": "health force", "target": "partners-ap/lb1", "state": "down",
                "reason": "disk errors",
            },
            {
                "command": "health report", "target": "billing-eu/lb1", "state": "down",
                "detail": "HTTP 503 from the payment gateway",
            },
            {
                "command": "health report", "target": "media-us/lb1", "state": "down",
                "detail": "replication is 14 minutes behind",
            },
            {
                "command": "health report", "target": "reports-ap/lb1", "state": "down",
                "detail": "out of memory",
            },
        ],
    )  # fmt: skip


def _switch(groups: list[str], reason: str) -> dict[str, Any]:
    return {"command": "switch", "groups": groups, "reason": reason}


def _applications() -> Iterable[dict[str, Any]]:
    number = 9
    for service in SERVICES:
        for region, network in zip(REGIONS, ("192.0.2", "198.51.100", "203.0.113"), strict=True):
            name, number = f"{service}-{region}", number + 1
            yield {"command": "application add", "name": name}
            yield {
                "command": "head add", "application": name, "name": "lb1",
                "role": "load-balancer", "address": [f"{network}.{number}"],
            }  # fmt: skip
            if service in ("shop", "api"):
                yield {
                    "command": "head add", "application": name, "name": "lb2", "standby": True,
                    "role": "load-balancer", "address": [f"{network}.{number + 100}"],
                }  # fmt: skip
            yield {"command": "application set", "name": name, "check": ["heartbeat"]}


def _groups() -> Iterable[dict[str, Any]]:
    for place, service in enumerate(SERVICES):
        for index, region in enumerate(REGIONS):
            number = int.from_bytes(hashlib.sha256(f"{service}{region}".encode()).digest()[:4])
            digits = f"{number % 10**9:09}"
            yield {
                "command": "group add",
                "name": f"{service}-{region}",
                "zone": "customers.example" if service == "partners" else "failover.example",
                "label": f"{digits[:3]}-{digits[3:6]}-{digits[6:]}",
                "primary": f"{service}-{region}",
                "backup": f"{service}-{REGIONS[(index + 1) % 3]}",
                "policy": "by-hand" if place % 6 == 5 else "automatic",
            }


def _reports(state: str) -> Iterable[dict[str, Any]]:
    for service in SERVICES:
        for region in REGIONS:
            target = f"{service}-{region}"
            yield {"command": "health report", "target": target, "state": state}


def _certificates(folder: Path) -> Iterable[dict[str, Any]]:
    for name, days in (("shop-eu", 61), ("api-us", 5), ("login-us", 33), ("checkout-ap", 88)):
        subprocess.run(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}.failover.example",
                "-addext", f"subjectAltName=DNS:{name}.failover.example", "-days", str(days),
                "-keyout", folder / "demo.key", "-out", folder / "demo.pem",
            ],
            check=True,
            capture_output=True,
        )  # fmt: skip
        yield {
            "command": "certificate install", "application": name,
            "chain": (folder / "demo.pem").read_text(), "key": (folder / "demo.key").read_text(),
        }  # fmt: skip
