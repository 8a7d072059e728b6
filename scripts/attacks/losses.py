"""Measure the DNS queries that are lost or late while something happens to the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measuring import free_port
from system.server import wait_for

from attacks.judging import ADDRESSES, GROUPS
from attacks.target import Target
from attacks.traffic import PATIENCE

SCRIPTS = Path(__file__).resolve().parents[1]
WARMING = 1.0
"""Seconds of traffic before the first event and after the last one."""

SWITCHES = 10.0
"""Switches a second, unless a case says otherwise."""


@dataclass
class Scene:
    """A server under traffic, and what a case notes about it."""

    server: Target
    folder: Path
    scale: float = 1.0
    notes: list[str] = field(default_factory=list)
    events: int = 0

    def times(self, count: int, event: Callable[[], None], rest: float = 0.5) -> None:
        """Cause an event `count` times, or fewer by the scale, with a rest after each."""
        for _ in range(max(1, round(count * self.scale))):
            event()
            self.events += 1
            time.sleep(rest)

    def wait(self, seconds: float) -> None:
        """Let time pass, or less by the scale."""
        time.sleep(max(2.0, seconds * self.scale))

    def answering(self) -> list[int]:
        """Return the process ids of the answering processes that are ready."""
        workers = self.server.do(command="status")["server"]["workers"]
        return [worker["pid"] for worker in workers if worker["answering"]]

    def wait_for_workers(self, *gone: int) -> None:
        """Wait until two answering processes are ready and none of `gone` is one of them."""
        wait_for(lambda: len(found := self.answering()) == 2 and not set(found) & set(gone))


@dataclass(frozen=True)
class Case:
    """What happens to the server, and what it needs."""

    title: str
    run: Callable[[Scene], None]
    switches: float = SWITCHES
    needs: Callable[[Path], str | None] = lambda _: None
    """Returns why the case cannot be run with this folder, or None."""

    place: Callable[[Path], Path] = lambda folder: folder / "state.db"
    """Returns the path of the state, after preparing it."""

    leave: Callable[[Path], None] = lambda _: None
    """Undoes the preparation."""


def measure(case: Case, scale: float = 1.0, share: float = 1.0) -> dict[str, Any]:
    """Run a case with a scale of its events and a share of the queries; return its figures."""
    with tempfile.TemporaryDirectory(prefix="losses-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        obstacle = case.needs(folder)
        if obstacle is not None:
            return {"case": case.title, "wrong": 0, "notes": [f"not run: {obstacle}"]}
        try:
            return _measure(case, folder, scale, share)
        finally:
            case.leave(folder)


def _measure(case: Case, folder: Path, scale: float, share: float) -> dict[str, Any]:
    listen = f"127.0.0.1:{free_port()}"
    server = Target(folder, workers=2, state=case.place(folder), listen=listen)
    server.precedes = True
    scene = Scene(server, folder, scale)
    try:
        server.start()
        _load(server)
        traffic = _start_traffic(server, case.switches, share)
        try:
            time.sleep(WARMING)
            began = time.monotonic()
            try:
                case.run(scene)
            except (AssertionError, OSError) as fault:
                scene.notes.append(f"ended early: {type(fault).__name__}: {str(fault)[-300:]}")
            seconds = time.monotonic() - began
            time.sleep(WARMING)
            figures = _stop_traffic(traffic)
        finally:
            traffic.kill()
    finally:
        server.kill()
    load = round(os.getloadavg()[0], 1)
    facts = {"events": scene.events, "seconds": round(seconds, 1), "load": load}
    return {"case": case.title, **figures, **facts, "notes": scene.notes}


def rows(results: Sequence[dict[str, Any]]) -> list[tuple[object, ...]]:
    """Return the rows of a table, with its heading."""
    heading = (
        "case",
        "times",
        "UDP lost / late of",
        "slowest UDP",
        "TCP lost / late of",
        "new TCP lost / late of",
        "wrong",
        "switches done / refused / unknown, slowest",
        "generator late",
    )
    return [heading, *(_row(result) for result in results)]


def _row(result: dict[str, Any]) -> tuple[object, ...]:
    if "udp" not in result:
        return (result["case"], "; ".join(result["notes"]), *[""] * 7)
    switches = result["switches"]
    return (
        result["case"],
        result["events"] or "",
        _cell(result["udp"]),
        f"{result['udp']['slowest_ms']:.0f} ms",
        _cell(result["tcp"]),
        _cell(result["new tcp"]),
        result["wrong"],
        f"{switches['acknowledged']:,} / {switches['refused']:,} / {switches['unknown']:,}, "
        f"{switches['slowest_ms']:.0f} ms",
        f"{result['own_late']:,} times, {result['own_delay_ms']:.0f} ms",
    )


def _cell(counts: dict[str, float]) -> str:
    return f"{counts['lost']:,} / {counts['late']:,} of {counts['sent']:,}"


def _load(server: Target) -> None:
    """Add two applications and ten groups that follow them."""
    for name, address in zip(("eu", "us"), ADDRESSES, strict=True):
        server.do(command="application add", name=name)
        head = {"application": name, "name": "lb1", "role": "load-balancer", "address": [address]}
        server.do(command="head add", **head)
    for group in GROUPS:
        server.do(command="group add", name=group, label=group, primary="eu", backup="us")


def _start_traffic(server: Target, switches: float, share: float) -> subprocess.Popen[bytes]:
    given = map(str, (server.port, server.socket, switches, share))
    words = ["-P", "-m", "attacks.traffic", *given]
    traffic = subprocess.Popen(
        [sys.executable, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": f"{SCRIPTS}:{SCRIPTS.parent / 'tests'}"},
    )
    assert traffic.stdout is not None
    if traffic.stdout.readline() != b"ready\n":
        raise RuntimeError("the traffic did not start")
    return traffic


def _stop_traffic(traffic: subprocess.Popen[bytes]) -> dict[str, Any]:
    out, _ = traffic.communicate(timeout=10 * PATIENCE)
    figures: dict[str, Any] = json.loads(out)
    return figures
