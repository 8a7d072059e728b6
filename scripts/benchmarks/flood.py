"""Measure what a flood from one network leaves to honest clients, beside NSD and Knot.

All servers serve the same 10,000 names with one process or thread on one core; the flood and the
honest clients come from another core.  Each server is measured without limits and with a limit of
20 replies a second (`--limit`) for a network and name, truncating every second one over it.

  share     the share of honest queries that are answered in half a second, for each rate of a flood
  capacity  answers a second without limits, and with a limit that is counted but never reached
  bytes     full replies and bytes sent for each byte received, for floods of several kinds

The servers take turns in several rounds, and figures are medians.  If the load cannot send as fast
as it should, the rate that it reached is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_plane.generator import Generator, compile_native
from data_plane.names import write_state, write_zone
from data_plane.parts import data_for
from data_plane.servers import Data, Kind, Server, limiting_kinds
from measuring import machine, print_table, write_json

NAMES = 10_000
NEVER_REACHED = 1_000_000
HONEST, NETWORKS = 300, 30
"""Honest queries a second of all networks together, and the number of networks."""

FLOODS = {
    "same": "one name, A",
    "random": "names that do not exist",
    "other": "names of another zone",
    "types": "one name, ever new types",
    "origin": "the origin, ever new types",
}
FLOOD_RATE, FLOOD_SECONDS = 1500, 2.0
"""The flood that amplification is measured with, 3,000 queries."""

FIRST_NETWORK = 240
"""The networks of these floods, none of which is limited yet."""

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bench:
    """Running servers by name and state of their limit, and the programs that load them."""

    limited: dict[str, Server]
    unlimited: dict[str, Server]
    counting: dict[str, Server]
    flooder: Path
    generator: Generator
    seconds: float
    rounds: int

    def flood(self, server: Server, seconds: float, **options: object) -> Figures:
        """Flood a server; return the figures of the load."""
        options = {
            "port": server.port,
            "groups": server.groups,
            "core": self.generator.core,
            "seconds": seconds,
            **options,
        }
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        done = subprocess.run([self.flooder, *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        figures: Figures = json.loads(done.stdout)
        return figures

    def in_turn(
        self, servers: dict[str, Server], measure: Callable[[Server], Figures]
    ) -> dict[str, list[Figures]]:
        """Measure each server once in each round."""
        found: dict[str, list[Figures]] = {name: [] for name in servers}
        for _ in range(self.rounds):
            for name, server in servers.items():
                found[name].append(measure(server))
        return found


def shares(bench: Bench, kind: str, rates: Sequence[int]) -> list[tuple[object, ...]]:
    """Return the share of honest queries that were answered, for each server and rate."""
    servers = {f"{name}, limit": server for name, server in bench.limited.items()}
    servers |= {f"{name}, no limit": server for name, server in bench.unlimited.items()}
    rows: list[tuple[object, ...]] = [("flood/s", "reached", *servers)]
    for rate in rates:
        found = bench.in_turn(
            servers,
            lambda server, rate=rate: bench.flood(  # type: ignore[misc]
                server, bench.seconds, kind=kind, rate=rate, honest=HONEST, networks=NETWORKS
            ),
        )
        reached = [one["per_second"] for figures in found.values() for one in figures]
        row = [
            f"{_median(one['honest_answered'] / one['honest'] for one in figures):.1%}"
            for figures in found.values()
        ]
        rows.append((f"{rate:,}", f"{min(reached):,.0f} to {max(reached):,.0f}", *row))
    return rows


def capacities(bench: Bench) -> list[tuple[object, ...]]:
    """Return the capacity of each server without limits, and with one that is counted only."""

    def saturate(server: Server) -> Figures:
        run = bench.generator.run(
            server.port, server.groups, "plain", window=192, seconds=bench.seconds / 2
        )
        return {"per_second": run["answered"] / run["seconds"]}

    rows: list[tuple[object, ...]] = [("server", "no limit/s", "counting/s", "no limit/counting")]
    for name in bench.unlimited:
        pair = {"no": bench.unlimited[name], "counting": bench.counting[name]}
        found = bench.in_turn(pair, saturate)
        no, counting = ([one["per_second"] for one in found[key]] for key in pair)
        ratio = _median(a / b for a, b in zip(no, counting, strict=True))
        rows.append((name, f"{_median(no):,.0f}", f"{_median(counting):,.0f}", f"{ratio:.2f}"))
    return rows


def amplification(bench: Bench) -> list[tuple[object, ...]]:
    """Return what a network gets that floods, in replies that are not truncated and in bytes."""
    rows: list[tuple[object, ...]] = [("3,000 queries in 2 s", *bench.limited)]
    for network, (kind, words) in enumerate(FLOODS.items(), FIRST_NETWORK):
        cells = []
        for server in bench.limited.values():
            one = bench.flood(
                server, FLOOD_SECONDS, kind=kind, rate=FLOOD_RATE, network=network, hear=1
            )
            cells.append(f"{one['full']:,} full, {one['heard_bytes'] / one['bytes']:.2f}")
        rows.append((words, *cells))
    return rows


def start(kinds: Sequence[Kind], folder: Path, data: Data, core: int) -> dict[str, Server]:
    """Start servers on one core, with one process or thread each, and check their answers."""
    servers = {}
    for kind in kinds:
        servers[kind.name] = server = Server(kind, folder / kind.name, data)
        server.pin(core)
    return servers


def _median(values: Any) -> float:
    return statistics.median(values)


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="of each step, 0.5 to 60 (2)")
    parser.add_argument("--rounds", type=int, default=3, help="1 to 20 (3)")
    parser.add_argument("--limit", type=int, default=20, help="replies a second (20)")
    parser.add_argument("--kind", choices=[*FLOODS, "names"], default="random", help="(random)")
    parser.add_argument(
        "--rates", default="100000,200000,500000", help="queries a second, separated by commas"
    )
    parser.add_argument("--json", metavar="FILE", help="also write the figures to a file")
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("two cores are needed: one for the servers, one for the load")
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        programs = compile_native(folder)
        data = data_for(NAMES, folder)
        write_zone(data.zone, data.groups)
        asyncio.run(write_state(data.state, data.groups))
        limits = (("limited", arguments.limit), ("unlimited", 0), ("counting", NEVER_REACHED))
        servers = {
            what: start(limiting_kinds(limit), folder / what, data, cores[1])
            for what, limit in limits
        }
        bench = Bench(
            **servers,
            flooder=programs["flood"],
            generator=Generator(programs["load"], cores[0]),
            seconds=min(max(arguments.seconds, 0.5), 60.0),
            rounds=min(max(arguments.rounds, 1), 20),
        )
        rates = [int(word) for word in arguments.rates.split(",")]
        tables = {
            "share": shares(bench, arguments.kind, rates),
            "capacity": capacities(bench),
            "bytes": amplification(bench),
        }
        for rows in tables.values():
            print()
            print_table(rows)
    for kind in limiting_kinds(0):
        print(f"{kind.name}: {kind.version()}")
    print(machine())
    write_json(arguments.json, {"machine": machine(), "tables": tables})


if __name__ == "__main__":
    main()
