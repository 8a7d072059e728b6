"""The measurements: each gets the bench and returns figures, which `tables` prints.

By default each server has one core, and the load has another one.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_plane.generator import Generator
from data_plane.names import groups_for
from data_plane.servers import COMPILED, ECHO, LIMITED, PYTHON, Data, Kind, Server

Figures = dict[str, Any]

LATENCY_SHARES = (0.1, 0.5, 0.8)

CALM = 0.02
"""The share of its time that the load may have waited for its core in a run that counts.

Latencies of other runs measure the machine more than the server.
"""


@dataclass(slots=True)
class Bench:
    """Servers, names, the load generator, and the length and number of the measurements."""

    kinds: dict[str, Kind]
    folder: Path
    generator: Generator
    core: int
    cores: tuple[int, ...]
    seconds: float
    rounds: int
    window: int
    workers: int
    shapes: tuple[str, ...]
    data: dict[int, Data]
    names: int
    million: int
    million_kinds: tuple[str, ...]
    started: int = 0

    def start(self, name: str, names: int, workers: int | None = None) -> Server:
        """Start and check a server; pin it to its core when it has loaded everything."""
        self.started += 1
        folder = self.folder / f"server-{self.started}"
        kind, of_ours = self.kinds[name], name in (COMPILED, LIMITED, PYTHON)
        count = workers if workers is not None else self.workers if of_ours else 1
        server = Server(kind, folder, self.data[names], count)
        server.check()
        server.pin(self.core)
        return server

    def start_all(self, names: int, only: Iterable[str] | None = None) -> list[Server]:
        """Start the servers that can be started; print the reason for each that cannot."""
        servers = []
        for name in self.kinds if only is None else only:
            if name in self.kinds:
                try:
                    servers.append(self.start(name, names))
                except RuntimeError as fault:
                    print(f"left out: {fault}")
        return servers

    def saturate(self, server: Server, shape: str = "plain") -> Figures:
        """Keep a window of questions in flight; return the rate and the CPU per answer."""
        before, first = server.usage(), server.first_usage()
        run = self.generator.run(
            server.port, server.groups, shape, window=self.window, seconds=self.seconds
        )
        used, control = server.usage() - before, server.first_usage() - first
        answered = max(1, run["answered"])
        wrong = run["answered"] - run["rcodes"].get("0", 0) - run["rcodes"].get("3", 0)
        absent = run["rcodes"].get("3", 0) / answered
        if server.name != ECHO and (
            wrong or abs(absent - (0.1 if shape == "nxdomain" else 0)) > 0.02
        ):
            raise RuntimeError(f"{server.name} answers {shape} questions wrongly: {run}")
        has_workers = bool(server.workers)
        return {
            "cpu_us": used.cpu / answered * 1e6,
            "control_us": control.cpu / answered * 1e6 if has_workers else 0.0,
            "per_second": run["answered"] / run["seconds"],
            "waited": used.waited / max(1e-9, used.waited + used.cpu),
            "load_waited": run["waited"],
            "lost": run["lost"],
            "bytes": run["bytes"] / answered,
        }

    def pace(self, server: Server, rate: float, seconds: float) -> Figures:
        """Send questions at a rate; return the latencies."""
        return self.generator.run(
            server.port, server.groups, "plain", rate=max(1, round(rate)), seconds=seconds
        )


def stop_all(servers: Iterable[Server]) -> None:
    """Stop all servers."""
    for server in servers:
        server.stop()


def median_of(runs: Sequence[Figures], key: str) -> float:
    """Return the median of one figure of all runs."""
    return statistics.median(run[key] for run in runs)


def calm(runs: Sequence[Figures]) -> list[Figures]:
    """Return the runs in which the load had its core to itself, or all if there are none."""
    return [run for run in runs if run["waited"] < CALM] or list(runs)


def cpu(bench: Bench, servers: Sequence[Server], shapes: Sequence[str]) -> Figures:
    """Measure the CPU per answer, in rounds in which all servers and shapes take turns."""
    runs: dict[str, dict[str, list[Figures]]] = {s.name: {} for s in servers}
    able = {server.name: [s for s in shapes if _answers(bench, server, s)] for server in servers}
    for _ in range(bench.rounds):
        for shape in shapes:
            for server in servers:
                if shape not in able[server.name]:
                    continue
                runs[server.name].setdefault(shape, []).append(bench.saturate(server, shape))
    unit = {shape: runs[ECHO][shape] for shape in shapes}
    figures: Figures = {}
    for name, by_shape in runs.items():
        figures[name] = {
            shape: {
                **{key: round(median_of(several, key), 3) for key in several[0]},
                "echo_ratio": round(
                    statistics.median(
                        one["cpu_us"] / of["cpu_us"]
                        for one, of in zip(several, unit[shape], strict=True)
                    ),
                    3,
                ),
                "plain_ratio": round(
                    statistics.median(
                        one["cpu_us"] / of["cpu_us"]
                        for one, of in zip(several, by_shape["plain"], strict=True)
                    ),
                    3,
                ),
                "echo_ratios": [
                    round(one["cpu_us"] / of["cpu_us"], 3)
                    for one, of in zip(several, unit[shape], strict=True)
                ],
            }
            for shape, several in by_shape.items()
        }
    return figures


def _answers(bench: Bench, server: Server, shape: str) -> bool:
    """Warm up a server; return whether it answers a shape, or raise if it is the plain one."""
    try:
        bench.saturate(server, shape)
    except RuntimeError as fault:
        if shape == "plain":
            raise
        print(f"left out: {fault}")
        return False
    return True


def measure_cpu(bench: Bench) -> Figures:
    """Measure the CPU per answer at few names, in all shapes."""
    servers = bench.start_all(bench.names)
    try:
        return cpu(bench, servers, bench.shapes)
    finally:
        stop_all(servers)


def measure_million(bench: Bench) -> Figures:
    """Measure start, memory and CPU at very many names; servers start one after the other."""
    servers = bench.start_all(bench.million, (ECHO, *bench.million_kinds))
    try:
        memory = {s.name: s.memory() for s in servers}
        figures = cpu(bench, servers, [s for s in bench.shapes if s == "plain"])
        for server in servers:
            figures[server.name]["start_s"] = round(server.start_seconds, 2)
            figures[server.name]["memory"] = memory[server.name]
            figures[server.name]["memory_after"] = server.memory()
        return figures
    finally:
        stop_all(servers)


def measure_latency(bench: Bench) -> Figures:
    """Measure latencies at shares of each server's capacity."""
    servers = bench.start_all(bench.names)
    try:
        capacity: dict[str, list[float]] = {}
        for _ in range(3):
            for server in servers:
                run = bench.saturate(server)
                capacity.setdefault(server.name, []).append(run["per_second"])
        runs: dict[str, dict[str, list[Figures]]] = {s.name: {} for s in servers}
        for _ in range(bench.rounds):
            for share in LATENCY_SHARES:
                for server in servers:
                    rate = statistics.median(capacity[server.name]) * share
                    run = bench.pace(server, rate, bench.seconds)
                    runs[server.name].setdefault(f"{share:.0%}", []).append(run)
        keys = ("p50_us", "p99_us", "p999_us", "lost", "late")
        return {
            name: {
                "capacity": round(statistics.median(capacity[name])),
                **{
                    share: {
                        **{key: median_of(calm(several), key) for key in keys},
                        "calm": sum(run["waited"] < CALM for run in several),
                        "runs": len(several),
                    }
                    for share, several in by_share.items()
                },
            }
            for name, by_share in runs.items()
        }
    finally:
        stop_all(servers)


def measure_idle(bench: Bench, seconds: float) -> Figures:
    """Measure all servers at the same time while they get no queries."""
    servers = [s for s in bench.start_all(bench.names) if s.name != ECHO]
    try:
        time.sleep(2)
        before = {s.name: s.usage() for s in servers}
        time.sleep(seconds)
        used = {s.name: s.usage() - before[s.name] for s in servers}
        return {
            name: {
                "cpu_ms_a_second": round(one.cpu * 1000 / seconds, 3),
                "wake_ups_a_second": round(one.voluntary / seconds, 2),
            }
            for name, one in used.items()
        }
    finally:
        stop_all(servers)


def measure_workers(bench: Bench, counts: Sequence[int] = (1, 2)) -> Figures:
    """Measure the CPU per answer with one and more workers, which share all cores with the load."""
    figures: Figures = {}
    for name in ("gdnsd", "Knot", COMPILED, PYTHON):
        if name not in bench.kinds:
            continue
        servers = {count: bench.start(name, bench.names, count) for count in counts}
        try:
            for count, server in servers.items():
                server.pin(*(bench.cores if count > 1 else (bench.core,)))
                bench.saturate(server)
            runs: dict[int, list[Figures]] = {count: [] for count in counts}
            for _ in range(bench.rounds):
                for count, server in servers.items():
                    runs[count].append(bench.saturate(server))
            figures[name] = {
                str(count): {
                    key: round(median_of(several, key), 3) for key in ("cpu_us", "per_second")
                }
                for count, several in runs.items()
            }
        finally:
            stop_all(servers.values())
    return figures


def data_for(names: int, folder: Path) -> Data:
    """Return the paths of the files for a number of names."""
    groups = groups_for(names)
    return Data(names, folder / f"{groups}.zone", folder / f"{groups}.db")
