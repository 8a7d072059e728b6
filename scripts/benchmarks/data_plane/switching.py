"""The effect of switches on answers, and the time until answers follow, for failoverdns only.

`scripts/bench switching` compares switches with those of other servers.
"""

from __future__ import annotations

import json
import random
import statistics
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from measuring import Asker, connect, quantiles

from data_plane.accounting import usage_of
from data_plane.names import ORIGIN, label_of
from data_plane.parts import CALM, Bench, Figures, calm
from data_plane.servers import COMPILED, PYTHON, Server
from data_plane.tables import Row

PROBES = 300
"""Questions that show to which worker a source port belongs."""

TRIES = 64
"""Source ports to try before the search for the port of a worker fails."""

DEADLINE = 5.0
"""Seconds in which the answers of a worker must follow a switch."""


class Control:
    """A connection to the control socket."""

    def __init__(self, path: Path) -> None:
        self.sock = connect(path)
        self.sock.settimeout(60)
        self._replies = self.sock.makefile("rb")

    def send(self, group: int) -> None:
        """Send a switch without waiting for the reply."""
        self.sock.sendall(b"switch g%d\n" % group)

    def receive(self) -> None:
        """Receive a reply; raise RuntimeError if it is an error."""
        reply = self._replies.readline()
        if not json.loads(reply).get("ok"):
            raise RuntimeError(f"a switch failed: {reply!r}")

    def close(self) -> None:
        """Close the connection."""
        self.sock.close()


@dataclass(slots=True)
class Switches:
    """Switches at a steady rate for some seconds, in threads of their own."""

    control: Control
    groups: int
    rate: float
    seconds: float
    done: int = 0
    took: float = 0.0
    faults: list[str] = field(default_factory=list)
    replied: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Send the switches, while another thread receives the replies."""
        count = round(self.rate * self.seconds)
        sent: list[float] = []
        taking = threading.Thread(target=self._take, args=(count, sent))
        began = time.monotonic()
        taking.start()
        dice = random.Random(3)
        for number in range(count):
            wait = began + number / self.rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            sent.append(time.monotonic())
            self.control.send(dice.randrange(self.groups))
        taking.join(60)
        self.took = time.monotonic() - began

    def _take(self, count: int, sent: list[float]) -> None:
        try:
            for number in range(count):
                self.control.receive()
                self.replied.append(time.monotonic() - sent[number])
                self.done += 1
        except (OSError, RuntimeError, ValueError) as fault:
            self.faults.append(str(fault))


def measure_switching(bench: Bench, rate: float, seconds: float) -> Figures:
    """Measure latencies at half capacity, with and without durable switches, in turns.

    The workers have the server's core; the control process may run on either core.
    """
    figures: Figures = {}
    for name in (COMPILED, PYTHON):
        if name not in bench.kinds:
            continue
        server = bench.start(name, bench.names)
        try:
            if server.workers:
                server.pin_control(*bench.cores)
            capacity = statistics.median(bench.saturate(server)["per_second"] for _ in range(3))
            figures[name] = _with_and_without(bench, server, capacity, rate, seconds)
        finally:
            server.stop()
    return figures


def _with_and_without(
    bench: Bench, server: Server, capacity: float, rate: float, seconds: float
) -> Figures:
    quiet, busy, done, replies = [], [], [], []
    control = Control(server.control)
    for _ in range(bench.rounds):
        quiet.append(bench.pace(server, capacity / 2, seconds))
        switches = Switches(control, server.groups, rate, seconds)
        thread = threading.Thread(target=switches.run)
        thread.start()
        busy.append(bench.pace(server, capacity / 2, seconds))
        thread.join(120)
        if switches.faults:
            raise RuntimeError(switches.faults[0])
        done.append(switches.done / switches.took)
        replies += switches.replied
    control.close()
    keys = ("p50_us", "p99_us", "p999_us", "max_us", "lost")
    medians = [
        {key: statistics.median(run[key] for run in calm(runs)) for key in keys}
        for runs in (quiet, busy)
    ]
    return {
        "capacity": round(capacity),
        "switches_a_second": round(statistics.median(done)),
        "command": quantiles(replies),
        "calm": [sum(run["waited"] < CALM for run in runs) for runs in (quiet, busy)],
        "without": medians[0],
        "with": medians[1],
        "p99_ratio": round(medians[1]["p99_us"] / medians[0]["p99_us"], 2),
    }


def switching_rows(figures: Figures) -> list[Row]:
    """Return a table of latencies with and without switches."""
    rows: list[Row] = [
        (
            "at half capacity",
            "switches/s",
            "p50 p99 p99.9 us without",
            "with",
            "p99 with/without",
            "lost",
            "command median, p99 ms",
        )
    ]
    for name, one in figures.items():
        both = [
            " ".join(f"{one[side][key]:.0f}" for key in ("p50_us", "p99_us", "p999_us"))
            for side in ("without", "with")
        ]
        lost = f"{one['without']['lost']:.0f}, {one['with']['lost']:.0f}"
        command = f"{one['command']['median_ms']}, {one['command']['p99_ms']}"
        rows.append((name, one["switches_a_second"], *both, one["p99_ratio"], lost, command))
    return rows


def measure_change(bench: Bench, workers: int, switches: int) -> Figures:
    """Measure the time from a switch to the new answer of each worker, at very many names."""
    figures: Figures = {}
    for name in bench.million_kinds:
        if name not in (COMPILED, PYTHON) or name not in bench.kinds:
            continue
        server = bench.start(name, bench.million, workers)
        try:
            server.pin(*bench.cores)
            figures[name] = _changes(server, switches)
            figures[name]["workers"] = workers
            figures[name]["start_s"] = round(server.start_seconds, 2)
            figures[name]["memory"] = server.memory()
        finally:
            server.stop()
    return figures


def _changes(server: Server, switches: int) -> Figures:
    ports = source_ports(server)
    control = Control(server.control)
    dice = random.Random(4)
    first, last, replied = [], [], []
    for _ in range(switches):
        group = dice.randrange(server.groups)
        askers = [Asker(server.port, f"{label_of(group)}.{ORIGIN}", source=port) for port in ports]
        old = [asker.wait_for_answer() for asker in askers]
        began = time.monotonic()
        control.send(group)
        seen: dict[int, float] = {}
        while len(seen) < len(askers) and time.monotonic() - began < DEADLINE:
            for number, asker in enumerate(askers):
                if number not in seen:
                    reply = asker.ask()
                    if reply is not None and reply != old[number]:
                        seen[number] = time.monotonic() - began
        control.receive()
        replied.append(time.monotonic() - began)
        if len(seen) < len(askers):
            raise RuntimeError("a worker does not follow a switch")
        first.append(min(seen.values()))
        last.append(max(seen.values()))
        for asker in askers:
            asker.close()
    control.close()
    return {
        "workers_asked": len(ports),
        "first_worker": quantiles(first),
        "all_workers": quantiles(last),
        "reply": quantiles(replied),
    }


def source_ports(server: Server) -> list[int]:
    """Return a source port for each worker, found by which worker uses CPU for its queries.

    Raises RuntimeError if a worker gets the queries of none of the ports.
    """
    pids = server.workers or server.pids
    found: dict[int, int] = {}
    for _ in range(TRIES):
        asker = Asker(server.port, f"{label_of(0)}.{ORIGIN}")
        before = {pid: usage_of([pid]).cpu for pid in pids}
        for _ in range(PROBES):
            asker.ask()
        took = {pid: usage_of([pid]).cpu - before[pid] for pid in pids}
        found.setdefault(max(took, key=lambda pid: took[pid]), asker.port)
        asker.close()
        if len(found) == len(pids):
            return list(found.values())
    raise RuntimeError(f"{len(found)} of {len(pids)} workers are asked from {TRIES} ports")


def change_rows(figures: Figures) -> list[Row]:
    """Return a table of the time until answers follow a switch."""
    rows: list[Row] = [
        ("switch, many names", "workers", "runs", "first answer", "all workers", "reply")
    ]
    for name, one in figures.items():
        cells = [
            f"{one[key]['median_ms']}, {one[key]['p99_ms']}"
            for key in ("first_worker", "all_workers", "reply")
        ]
        rows.append((f"{name}: median, p99 ms", one["workers"], one["reply"]["runs"], *cells))
    return rows
