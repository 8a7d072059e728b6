"""`kill -9` finds a switch and the transfer of its certificate both done or both not done."""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from authority import Issued, make_authority
from system.kills import kills
from system.server import Server

SWITCHES = kills(100)
CA = make_authority()
NAMES = ("414-262-781.failover.test", "www.shop.example")
APPLICATIONS = {"primary": "shop-eu", "backup": "shop-us"}


class Whole(NamedTuple):
    """The active side, and the fingerprint of each application's certificate."""

    side: str
    certificates: dict[str, str | None]

    def installed(self, fingerprint: str) -> Whole:
        """Return the state after the installation of a certificate for the active application."""
        return Whole(self.side, {**self.certificates, APPLICATIONS[self.side]: fingerprint})

    def switched(self) -> Whole:
        """Return the state after a switch, which transfers the certificate to the other side."""
        other = "backup" if self.side == "primary" else "primary"
        active = self.certificates[APPLICATIONS[self.side]]
        return Whole(other, {**self.certificates, APPLICATIONS[other]: active})


@pytest.mark.long
@pytest.mark.parametrize("seed", ["one", "two"])
def test_certificate_and_active_side_agree_after_any_kill(tmp_path: Path, seed: str) -> None:
    """Each switch has a new certificate to transfer, and the server is killed around it."""
    found = kill_often(Server(tmp_path), SWITCHES // 2, random.Random(seed))
    assert len(found) == SWITCHES // 2
    assert found.count("switched") >= SWITCHES // 8, (
        "half of the kills come after the reply to the switch"
    )
    assert "installed" in found, "a quarter of the kills come after the installation"


def kill_often(server: Server, times: int, dice: random.Random) -> list[str]:
    """Switch and kill `times` times; return how far each switch got."""
    try:
        server.start()
        server.load_demo()
        found, pace = [], 0.01
        for number in range(times):
            before = observed(server)
            issued = CA.issue(*NAMES)
            installed = before.installed(issued.fingerprint)
            possible = [before, installed, installed.switched()]
            delay = dice.uniform(0.0, 1.2 * pace)  # about the time that both commands take
            after = (2, 0, 2, 1)[number % 4]
            replies, took = switch_and_kill(server, before, issued, delay, after)
            pace = took if after == 2 else pace
            assert all(reply["ok"] for reply in replies), replies
            server.start()
            now = observed(server)
            assert now in possible[len(replies) :], (now, possible, len(replies))
            found.append(("nothing", "installed", "switched")[possible.index(now)])
            if now != before:
                check_key(server)
        return found
    finally:
        server.kill()


def switch_and_kill(
    server: Server, before: Whole, issued: Issued, delay: float, after: int
) -> tuple[list[dict[str, Any]], float]:
    """Install a certificate, switch, and kill the server; return the replies and their time.

    The kill comes `delay` seconds after `after` replies.  Both commands are sent at once.  But if
    `after` is 1, the kill comes at once after the reply to the installation, before the switch.
    """
    killer = threading.Timer(delay, server.kill)
    replies: list[dict[str, Any]] = []
    with server.connect() as client:
        began = time.monotonic()
        install = {"command": "certificate install", "application": APPLICATIONS[before.side]}
        client.send({**install, "chain": issued.chain, "key": issued.key})
        if after == 1:
            replies.append(client.receive())
            server.kill()
            return replies, time.monotonic() - began
        with suppress(OSError):
            client.send({"command": "switch", "groups": ["shop"]})
            if after == 0:
                killer.start()
            while len(replies) < 2:
                replies.append(client.receive())
        took = time.monotonic() - began
    if after == 2:
        killer.start()
    killer.join()
    return replies, took


def observed(server: Server) -> Whole:
    """Return the active side and the fingerprints that the server reports."""
    status = server.ask(command="status")["result"]
    certificates = {
        found["name"]: found["certificate"] and found["certificate"]["fingerprint"]
        for found in status["applications"]
    }
    (group,) = status["groups"]
    return Whole(group["active"], certificates)


def check_key(server: Server) -> None:
    """Check that the vault has the private key of the active application's certificate."""
    report = server.do(command="preflight", group="shop")
    results = {check["check"]: check["result"] for check in report["checks"]}
    assert results["key"] == "ok", report
