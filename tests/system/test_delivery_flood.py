"""A thousand connections a second without a certificate keep no web head from its certificate."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from authority import Issued
from ports import free_port
from system import flooding
from system.server import wait_for
from system.test_pull import CA, NAMES, Endpoint

RATE = 1000
"""Connections a second of a flood."""

FETCHES = 4
DELAY = 0.05
"""Seconds in each direction: a round trip takes 100 ms."""

HEAD = "127.0.0.1"
SOURCES = {
    "its own address": [HEAD],
    "its own network": [f"127.0.0.{number}" for number in range(2, 250)],
    "another address": ["127.1.1.1"],
    "many networks": [f"127.{n // 200 + 2}.{n % 200}.1" for n in range(10_000)],
}
"""Where the flood comes from, as the web head sees it."""

ELSEWHERE = ("another address", "many networks")
FLOODS = [
    *((kind, sources) for kind in ("silent", "garbage") for sources in SOURCES),
    *((kind, sources) for kind in ("half", "whole") for sources in ELSEWHERE),
]
"""What a flood sends, and where it comes from.

Handshakes from a web head's own address cannot be told from its own: see docs/certificates.md.
"""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """Start an endpoint whose application has a certificate."""
    found = Endpoint(tmp_path_factory.mktemp("flood"))
    try:
        found.server.start().load_demo()
        found.install("shop-eu", ISSUED)
        yield found
    finally:
        found.server.kill()


ISSUED: Issued = CA.issue(*NAMES)


@contextmanager
def running(*words: object) -> Iterator[subprocess.Popen[str]]:
    """Run a flood or a delay while the block runs."""
    path = Path(flooding.__file__)
    command = [sys.executable, str(path), *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def flood(endpoint: Endpoint, kind: str, sources: list[str], rate: int = RATE) -> Iterator[None]:
    """Flood the endpoint while the block runs; the flood must be as strong as it should be."""
    begin = time.monotonic()
    seconds = 60
    with running("flood", endpoint.port, kind, rate, seconds, *sources) as process:
        time.sleep(0.5)  # the flood has begun
        yield
        assert process.poll() is None, "the flood ended early"
        assert time.monotonic() - begin < seconds


@contextmanager
def far_away(endpoint: Endpoint) -> Iterator[int]:
    """Yield a port that leads to the endpoint with a delay."""
    port = free_port()
    with running("delay", port, endpoint.port, DELAY, HEAD):
        url = f"https://127.0.0.1:{port}/v1/applications/shop-eu/certificate"
        wait_for(lambda: endpoint.curl("eu", url).returncode == 0, lambda: "no way to the endpoint")
        yield port


def fetches(endpoint: Endpoint, port: int) -> list[bool]:
    """Fetch a certificate several times; return which fetches got it."""
    url = f"https://127.0.0.1:{port}/v1/applications/shop-eu/certificate"
    got = []
    for _ in range(FETCHES):
        done = endpoint.curl("eu", url, "--max-time", "25")
        got.append(ISSUED.key in done.stdout)
    return got


@pytest.mark.parametrize(("kind", "sources"), FLOODS)
def test_a_flood_without_a_certificate_keeps_no_web_head_out(
    endpoint: Endpoint, kind: str, sources: str
) -> None:
    """Every fetch succeeds over a path of 100 ms, and the log says nothing of the flood."""
    with far_away(endpoint) as port:
        size = endpoint.server.log.stat().st_size
        with flood(endpoint, kind, SOURCES[sources]):
            assert fetches(endpoint, port) == [True] * FETCHES
        lines = endpoint.server.log.read_text()[size:].splitlines()
    assert [line for line in lines if " fetched shop-eu " not in line] == []


def test_a_flood_of_handshakes_leaves_commands_and_dns_their_turns(endpoint: Endpoint) -> None:
    """Without workers, one thread does all of it; it took a second, and it takes milliseconds."""
    with flood(endpoint, "whole", SOURCES["another address"]):
        took = []
        with endpoint.server.connect() as client:
            for _ in range(20):
                begin = time.monotonic()
                client.ask({"command": "status"})
                assert endpoint.server.short(NAMES[0]) == ["192.0.2.10"]
                took.append(time.monotonic() - begin)
    assert statistics.median(took) < 0.5
