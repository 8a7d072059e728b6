"""Measure what scrapes of `/metrics` with 10,000 groups cost queries and commands.

A DNS client asks without pause, and a client of the control socket switches a group again and
again, for some seconds without scrapes and some seconds with, in turns, so that both are measured
under the same load of the machine.  The scrapes ask for every group over HTTP, one a second, which
is fifteen times as often as Prometheus does by default.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measuring import (
    EXECUTABLE,
    Asker,
    Process,
    connect,
    free_port,
    machine,
    print_table,
    quantiles,
    write_json,
)
from scale import all_writes, label_of, write_state

PAUSE = 1.0
"""Seconds between the begins of two scrapes."""


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--groups", type=int, default=10_000, help="groups (10000)")
    parser.add_argument("--workers", type=int, default=1, help="answering processes (1)")
    parser.add_argument("--seconds", type=float, default=5.0, help="seconds of a turn (5)")
    parser.add_argument("--turns", type=int, default=4, help="turns of each kind (4)")
    parser.add_argument("--json", metavar="FILE", help="also write the figures to a file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(write_state(folder / "state.db", all_writes(arguments.groups)))
        figures = measure(folder, arguments)
    figures |= {"groups": arguments.groups, "machine": machine()}
    rows: list[tuple[object, ...]] = [("", "median", "p99", "slowest", "number")]
    for what in ("query", "switch"):
        for when in ("without", "with"):
            found = figures[what][when]
            rows.append(
                (
                    f"{what}, {when} scrapes",
                    f"{found['median_ms']} ms",
                    f"{found['p99_ms']} ms",
                    f"{found['slowest_ms']} ms",
                    found["runs"],
                )
            )
    found = figures["scrape"]
    size = f"{figures['scrape_bytes']} bytes"
    median, slowest = f"{found['median_ms']} ms", f"{found['p99_ms']} ms"
    rows.append(("scrape", median, slowest, size, found["runs"]))
    if figures["health"]["runs"]:
        found = figures["health"]
        rows.append(("GET /healthz meanwhile", f"{found['median_ms']} ms", f"{found['p99_ms']} ms"))
        rows[-1] += (f"{found['slowest_ms']} ms", found["runs"])
    print_table(rows)
    print(f"machine: {machine()}")
    write_json(arguments.json, figures)


def measure(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Start the server on the state, and return its figures."""
    port, web = free_port(), free_port()
    config = folder / "failoverdns.yaml"
    config.write_text(
        "zones: {failover.test: {nameservers: {ns1: [127.0.0.1]}}}\n"
        f'listen: ["127.0.0.1:{port}"]\n'
        f"workers: {arguments.workers}\n"
        f'http: {{listen: ["127.0.0.1:{web}"]}}\n'
        "control: {socket: control.sock}\nstate: {sqlite: state.db}\n"
    )
    server = Process([EXECUTABLE, "serve", "--config", config], folder)
    try:
        asker = Asker(port, f"{label_of(1)}.failover.test")
        asker.wait_for_answer()
        sock = connect(folder / "control.sock")
        scraper = Scraper(web)
        taken: dict[str, dict[str, list[float]]] = {
            what: {"without": [], "with": []} for what in ("query", "switch")
        }
        for _ in range(arguments.turns):
            for when in ("without", "with"):
                with scraper.running(wanted=when == "with"):
                    load(asker, sock, arguments.seconds, taken, when)
        figures: dict[str, Any] = {
            what: {when: summary(times) for when, times in both.items()}
            for what, both in taken.items()
        }
        figures["scrape"] = summary(scraper.taken)
        figures["health"] = summary(scraper.health)
        figures["scrape_bytes"] = scraper.size
        return figures
    finally:
        server.stop()


def summary(times: list[float]) -> dict[str, float]:
    """Return quantiles and the longest time in milliseconds."""
    if not times:
        return {"runs": 0}
    return {**quantiles(times), "slowest_ms": round(max(times) * 1000, 3)}


def load(
    asker: Asker, sock: socket.socket, seconds: float, taken: dict[str, Any], when: str
) -> None:
    """Ask and switch for some seconds, each in a thread; note how long each takes."""
    until = time.monotonic() + seconds

    def ask() -> None:
        while (began := time.monotonic()) < until:
            if asker.ask() is not None:
                taken["query"][when].append(time.monotonic() - began)
            time.sleep(0.001)

    def switch() -> None:
        replies = sock.makefile("rb")
        while (began := time.monotonic()) < until:
            sock.sendall(json.dumps({"command": "switch", "groups": ["g7"]}).encode() + b"\n")
            reply = replies.readline()
            assert b'"ok": true' in reply, reply
            taken["switch"][when].append(time.monotonic() - began)
            time.sleep(0.02)

    threads = [threading.Thread(target=target) for target in (ask, switch)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Scraper:
    """Scrapes every group, once a second while it is wanted, and asks for `/healthz` meanwhile."""

    def __init__(self, port: int) -> None:
        """Scrape a server whose HTTP is at this port; wait until it serves."""
        self._url = f"http://127.0.0.1:{port}"
        self.taken: list[float] = []
        self.health: list[float] = []
        self.size = 0
        until = time.monotonic() + 120
        while True:
            try:
                self._get("/metrics?groups=g*")
                return
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    @contextmanager
    def running(self, *, wanted: bool) -> Iterator[None]:
        """Scrape until the end of the block, if that is wanted."""
        ended = threading.Event()
        threads = [
            threading.Thread(target=self._repeat, args=(ended, call, pause))
            for call, pause in ((self._scrape, PAUSE), (self._look, 0.02))
            if wanted
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join()

    def _repeat(self, ended: threading.Event, call: Any, pause: float) -> None:
        while not ended.is_set():
            began = time.monotonic()
            call()
            ended.wait(max(0.0, pause - (time.monotonic() - began)))

    def _scrape(self) -> None:
        began = time.monotonic()
        self.size = len(self._get("/metrics?groups=g*"))
        self.taken.append(time.monotonic() - began)

    def _look(self) -> None:
        began = time.monotonic()
        self._get("/healthz")
        self.health.append(time.monotonic() - began)

    def _get(self, path: str) -> bytes:
        request = urllib.request.Request(self._url + path, headers={"Accept-Encoding": "gzip"})
        with urllib.request.urlopen(request, timeout=120) as response:
            body: bytes = response.read()
            return body


if __name__ == "__main__":
    main()
