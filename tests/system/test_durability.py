"""What was acknowledged survives `kill -9` at any moment, whole."""

from __future__ import annotations

import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from system.kills import kills
from system.server import Server

GROUPS = ["a", "b", "c"]
KILLS = kills(200)
SIDES = ("primary", "backup")


@pytest.mark.long
@pytest.mark.parametrize("seed", ["one", "two"])
def test_no_acknowledged_switch_is_lost_and_none_is_half_done(tmp_path: Path, seed: str) -> None:
    """Many kills, in two halves, at random moments of a stream of switches of three groups."""
    acknowledged = kill_often(Server(tmp_path), KILLS // 2, random.Random(seed))
    assert len(acknowledged) == KILLS // 2
    assert sum(count > 0 for count in acknowledged) >= KILLS // 4, "half hit a busy server at least"


def kill_often(server: Server, times: int, dice: random.Random) -> list[int]:
    """Kill a server so often; return how many switches it acknowledged each time."""
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
            if number % 2:  # at any moment from the beginning; else from the first reply on
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
    """Send switches, some without waiting, until the connection breaks; count the replies.

    `expected` has the side at each revision that was acknowledged or may have been committed.
    """
    done = 0
    try:
        client = server.connect()
    except OSError:  # killed before that
        return done
    with client:
        while True:
            try:
                for _ in range(1 + done % 7):  # sometimes one, sometimes many that share a commit
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
    """Forget what came before an acknowledged revision: it cannot come back."""
    assert reply["ok"], reply
    for earlier in [r for r in expected if r < reply["revision"]]:
        del expected[earlier]


def check(server: Server, expected: dict[int, str]) -> None:
    """The state is that of a revision that may be, at least the last acknowledged one."""
    status = server.ask(command="status")
    assert status["revision"] in expected, (status["revision"], expected)
    sides = {g["active"] for g in status["result"]["groups"] if g["name"] in GROUPS}
    assert sides == {expected[status["revision"]]}, "all three groups are on the same side"
    address = {"primary": "192.0.2.10", "backup": "198.51.100.20"}[sides.pop()]
    assert [g["answers"] for g in status["result"]["groups"] if g["name"] == "a"] == [[address]]


def test_a_clean_stop_loses_nothing_and_leaves_no_socket(demo: Server) -> None:
    """SIGTERM: exit status 0; started again, it goes on from its state."""
    demo.do(command="switch", groups=["shop"])
    assert demo.stop(signal.SIGTERM) == 0
    assert not demo.socket.exists()
    assert not demo.folder.joinpath("state.db-wal").exists()
    demo.start()
    assert demo.short("414-262-781.failover.test") == ["198.51.100.20"]


def test_the_serial_number_never_goes_back_over_restarts(demo: Server) -> None:
    """Not even after a crash."""
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
