"""Measure how fast servers answer: CPU per answer, memory, start, latencies, idling, switches.

The servers are failoverdns (compiled, with a rate limit, and in pure Python), and gdnsd, Knot, NSD,
PowerDNS and BIND if they are installed.  A C program that only sends packets back is the unit.  All
answer for the same names over UDP on loopback, each with one thread or process on one core; the
load comes from another core.  They take turns in several rounds; figures are medians, and ratios
are taken in each round.

  cpu        CPU per answer at 10,000 names: plain, EDNS, DO, cookies, 10 % NXDOMAIN
  million    CPU per answer, memory and start at 1,000,000 names
  latency    p50, p99, p99.9 at 10, 50 and 80 % of the capacity of each server
  idle       CPU and wake-ups without queries
  switching  answers at half capacity, with and without 1,000 switches a second
  change     from a switch to the new answer of each worker, at 1,000,000 names
  workers    CPU per answer with one and with two workers
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from data_plane import parts, switching, tables
from data_plane.generator import SHAPES, Generator, compile_native
from data_plane.names import write_state, write_zone
from data_plane.parts import Bench, Figures, data_for
from data_plane.servers import COMPILED, ECHO, kinds
from data_plane.tables import Row
from measuring import machine, print_table, write_json

PARTS = ("cpu", "million", "latency", "idle", "switching", "change", "workers")
MANY = {"million", "change"}
NOTES = (
    "us: CPU of all processes of a server, user and system, for an answered question",
    "calm runs: those in which the load did not wait for its core; the latencies are of those,"
    " or of all if there are none; asked late: questions more than 0.1 ms after they were due",
    "of control: the part of it that failoverdns's control process took",
    "waited: the share of its time that a server was ready but something else had its core:"
    " the machine was busy",
    "workers: with two cores, the load and two workers share them; see CPU, not the rate",
)


def main() -> None:
    """Run the chosen parts and print their figures."""
    arguments = _arguments()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    began = time.monotonic()
    chosen = tuple(arguments.parts.split(","))
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        bench, versions = prepare(arguments, folder, chosen)
        measures: dict[str, tuple[Callable[[], Figures], Callable[[Figures], list[Row]]]] = {
            "cpu": (lambda: parts.measure_cpu(bench), tables.cpu_rows),
            "million": (lambda: parts.measure_million(bench), tables.million_rows),
            "latency": (lambda: parts.measure_latency(bench), tables.latency_rows),
            "idle": (lambda: parts.measure_idle(bench, arguments.idle), tables.idle_rows),
            "switching": (
                lambda: switching.measure_switching(
                    bench, arguments.switch_rate, max(1.0, 2 * bench.seconds)
                ),
                switching.switching_rows,
            ),
            "change": (
                lambda: switching.measure_change(
                    bench, arguments.change_workers, arguments.switches
                ),
                switching.change_rows,
            ),
            "workers": (lambda: parts.measure_workers(bench), tables.workers_rows),
        }
        figures: Figures = {
            "settings": {key: value for key, value in vars(arguments).items() if key != "json"},
            "versions": versions,
            "machine": machine(),
            "parts": {},
        }
        for part in chosen:
            measure, rows_of = measures[part]
            part_began = time.monotonic()
            figures["parts"][part] = measure()
            print(f"\n{part} ({time.monotonic() - part_began:.0f} s)")
            print_table(rows_of(figures["parts"][part]))
            write_json(arguments.json, figures)
    print()
    for note in NOTES:
        print(note)
    for server, version in versions.items():
        print(f"{server}: {version}")
    print(f"machine: {machine()}")
    print(f"settings: {figures['settings']}")
    print(f"took {time.monotonic() - began:.0f} s")


def prepare(
    arguments: argparse.Namespace, folder: Path, chosen: tuple[str, ...]
) -> tuple[Bench, dict[str, str]]:
    """Compile the programs, write the names, and return the bench for the measurements."""
    programs = compile_native(folder)
    there, versions = kinds(programs["echo"])
    if arguments.servers:
        wanted = [word.lower() for word in arguments.servers.split(",")]
        there = {
            name: kind
            for name, kind in there.items()
            if name == ECHO or any(word in name.lower() for word in wanted)
        }
    cores = tuple(sorted(os.sched_getaffinity(0)))
    if len(cores) < 2:
        raise SystemExit("two cores are needed: one for the server, one for the load")
    sizes = {arguments.names} | ({arguments.million} if MANY & set(chosen) else set())
    data = {names: data_for(names, folder) for names in sizes}
    for names, one in data.items():
        began = time.monotonic()
        write_zone(one.zone, one.groups)
        asyncio.run(write_state(one.state, one.groups))
        print(f"wrote {names} names in {time.monotonic() - began:.1f} s")
    bench = Bench(
        kinds=there,
        folder=folder,
        generator=Generator(programs["load"], cores[0]),
        core=cores[1],
        cores=cores[:2],
        seconds=arguments.seconds or (0.4 if arguments.quick else 1.0),
        rounds=arguments.rounds or (3 if arguments.quick else 5),
        window=arguments.window,
        workers=arguments.workers,
        shapes=("plain", "do", "nxdomain") if arguments.quick else SHAPES,
        data=data,
        names=arguments.names,
        million=arguments.million,
        million_kinds=tuple(arguments.million_servers.split(",")),
    )
    return bench, versions


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--parts", default=",".join(PARTS), help="parts to run, separated by commas (all)")
    add("--servers", help="parts of server names, separated by commas (all)")
    add("--quick", action="store_true", help="fewer shapes, and fewer and shorter rounds")
    add("--rounds", type=int, help="rounds (5; quick: 3)")
    add("--seconds", type=float, help="seconds of each run of the load (1; quick: 0.4)")
    add("--window", type=int, default=192, help="questions in flight (192)")
    add(
        "--workers",
        type=int,
        default=1,
        help="workers of failoverdns (1); 0: the control process answers",
    )
    add("--names", type=int, default=10_000, help="names (10000)")
    add("--million", type=int, default=1_000_000, help="names in the parts with many (1000000)")
    add(
        "--million-servers",
        default=f"{COMPILED},gdnsd,Knot,NSD",
        help="full names of the servers that serve that many names",
    )
    add("--idle", type=float, default=10.0, help="seconds to watch idle servers (10)")
    add("--switch-rate", type=float, default=1000.0, help="switches a second (1000)")
    add("--switches", type=int, default=500, help="switches in the part change (500)")
    add("--change-workers", type=int, default=2, help="workers in the part change (2)")
    add("--folder", help="folder for the servers' files (the system's temporary folder)")
    add("--json", metavar="FILE", help="also write the figures to a file")
    arguments = parser.parse_args()
    for part in arguments.parts.split(","):
        if part not in PARTS:
            parser.error(f"{part!r} is not a part")
    return arguments


if __name__ == "__main__":
    main()
