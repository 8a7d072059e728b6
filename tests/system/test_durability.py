"""Acknowledged changes survive `kill -9` at any moment, completely."""

from __future__ import annotations

import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from faults import Faults
from system.kills import kills
from system.server import Server

GROUPS = ["a", "b", "c"]
KILLS = kills(200)
SIDES = ("primary", "backup")


@pytest.mark.long
@pytest.mark.parametrize("seed", ["one", "two"])
def test_no_acknowledged_switch_is_lost_or_partly_done(tmp_path: Path, seed: str) -> None:
    """The server is killed at random moments of a stream of switches of three groups."""
    acknowledged = kill_often(Server(tmp_path), KILLS // 2, random.Random(seed))
    assert len(acknowledged) == KILLS // 2
    assert sum(count > 0 for count in acknowledged) >= KILLS // 4, (
        "half of the kills hit a busy server"
    )


def kill_often(server: Server, times: int, dice: random.Random) -> list[int]:
    """Kill a server `times` times; return the number of acknowledged switches before each kill."""
    try:
        server.start()
        server.load_demo()
        for name in GROUPS:
            fields = {"label": name, "primary": "shop-eu", "backup": "shop-us"}
            server.do(command="group add", name=name, **fields)
        expected: dict[int, str] = {}
        counts = []
        for number in range(times):
            status = server.ask(command="status")
            revision, side = status["revision"], status["result"]["groups"][-1]["active"]
            expected.clear()
            expected[revision] = side
            killer = threading.Timer(dice.uniform(0.0, 0.05), server.kill)
            if number % 2:  # at any moment; otherwise after the first replies
                killer.start()
            counts.append(switch_until_killed(server, expected, revision, side, killer))
            killer.join()
            server.start()
            check(server, expected)
        return counts
    finally:
        server.kill()


def switch_until_killed(
    server: Server, expected: dict[int, str], revision: int, side: str, killer: threading.Timer
) -> int:
    """Send switches, some without waiting, until the connection breaks; return the reply count.

    `expected` maps each revision that is acknowledged or may be committed to its active side.
    """
    done = 0
    try:
        client = server.connect()
    except OSError:  # killed before the connection
        return done
    with client:
        while True:
            try:
                for _ in range(1 + done % 7):  # several may share a commit
                    side = SIDES[side == "primary"]
                    client.send({"command": "switch", "groups": GROUPS, "to": side})
                    revision += 1
                    expected[revision] = side
                while max(expected) > min(expected):
                    acknowledge(client.receive(), expected)
                    done += 1
            except OSError:
                return done
            if killer.ident is None:
                killer.start()


def acknowledge(reply: dict[str, Any], expected: dict[int, str]) -> None:
    """Remove the revisions before an acknowledged one, which cannot be the state any more."""
    assert reply["ok"], reply
    for earlier in [r for r in expected if r < reply["revision"]]:
        del expected[earlier]


def check(server: Server, expected: dict[int, str]) -> None:
    """Check that the state is at an expected revision, with all groups on the side of it."""
    status = server.ask(command="status")
    assert status["revision"] in expected, (status["revision"], expected)
    sides = {g["active"] for g in status["result"]["groups"] if g["name"] in GROUPS}
    assert sides == {expected[status["revision"]]}, "all three groups are on the same side"
    address = {"primary": "192.0.2.10", "backup": "198.51.100.20"}[sides.pop()]
    assert [g["answers"] for g in status["result"]["groups"] if g["name"] == "a"] == [[address]]


def test_a_stop_with_sigterm_loses_nothing_and_leaves_no_socket(demo: Server) -> None:
    """The exit status is 0, and a new start continues from the stored state."""
    demo.do(command="switch", groups=["shop"])
    assert demo.stop(signal.SIGTERM) == 0
    assert not demo.socket.exists()
    assert not demo.folder.joinpath("state.db-wal").exists()
    demo.start()
    assert demo.short("414-262-781.failover.test") == ["198.51.100.20"]


def test_a_switch_that_was_refused_is_not_found_after_a_crash(tmp_path: Path) -> None:
    """The log of the state takes the switch, but cannot be synced once."""
    faults = Faults(tmp_path / "faults")
    server = Server(tmp_path)
    server.environment = faults.environment
    try:
        server.start().load_demo()
        faults.set("fsync", "-wal", times=1)
        reply = server.ask(command="switch", groups=["shop"], to="backup")
        assert reply["error"]["code"] == "unavailable", reply
        assert "nothing was changed" in reply["error"]["message"]
        server.kill()
        faults.clear()
        server.start()
        assert server.short("414-262-781.failover.test") == ["192.0.2.10"]
        faults.set("fsync", "-wal")
        reply = server.ask(command="switch", groups=["shop"], to="backup")
        assert reply["error"]["code"] == "unknown-outcome", reply
        reply = server.ask(command="switch", groups=["shop"], to="backup")
        assert reply["error"]["code"] == "unavailable", reply
        assert server.short("414-262-781.failover.test") == ["192.0.2.10"]
        faults.clear()
        server.do(command="switch", groups=["shop"], to="backup")
        server.kill()
        server.start()
        assert server.short("414-262-781.failover.test") == ["198.51.100.20"]
    finally:
        server.kill()


def test_the_serial_never_decreases_over_restarts(demo: Server) -> None:
    """This includes restarts after a crash."""
    serials = []
    for _ in range(3):
        demo.do(command="switch", groups=["shop"])
        serials.append(int(demo.short("SOA", "failover.test")[0].split()[2]))
        demo.stop(signal.SIGKILL)
        time.sleep(0.01)
        demo.start()
        serials.append(int(demo.short("SOA", "failover.test")[0].split()[2]))
    assert serials == sorted(serials)
    assert len(set(serials)) == 3
