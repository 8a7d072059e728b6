"""What this machine lacks is not the head's fault; what comes later than at once is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from system.server import tool

import failoverdns

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def results() -> dict[str, list[str]]:
    """The cause and the words for each target of a small network that lacks things."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a network namespace")
    for name in ("unshare", "nsenter", "ip", "sysctl"):
        tool(name)
    path = f"{Path(next(iter(failoverdns.__path__))).parent}:{HERE.parent}"
    done = subprocess.run(
        [*("unshare", "--net", sys.executable, "-P", HERE / "other_network.py", path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("target", "address"),
    [("no route to IPv6", "2001:db8::1"), ("no route to IPv4", "203.0.113.1")],
)
def test_a_missing_route_of_this_machine_says_nothing_about_the_head(
    results: dict[str, list[str]], target: str, address: str
) -> None:
    cause, words = results[target]
    assert cause == "local"
    assert words.startswith("this machine has no ")
    assert address in words


def test_a_dead_neighbour_is_unreachable(results: dict[str, list[str]]) -> None:
    """The kernel gives up to find it, and reports EHOSTUNREACH a moment after the connect."""
    assert results["dead neighbour"] == ["unreachable", "connecting: No route to host"]


def test_a_router_that_knows_no_way_makes_a_head_unreachable(
    results: dict[str, list[str]],
) -> None:
    """Its ICMP message is the same error as without a route, but it comes later."""
    assert results["router without a way"] == ["unreachable", "connecting: Network is unreachable"]
