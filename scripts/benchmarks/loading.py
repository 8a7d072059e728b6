"""Measure each step of a start with very many names, from reading the state to the deltas.

The state has groups with three names each, which follow some ten thousand shared applications or,
with `--own`, two applications of their own each, as in `scale.py`.
Seconds are processor time; memory is the growth of this process since it began.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import tempfile
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import scale
from measuring import machine, print_table

from failoverdns.changes.state import State
from failoverdns.model.application import Application, Head, HeadRole
from failoverdns.model.change import Write
from failoverdns.model.group import Group, Side
from failoverdns.model.zone import NameServer, Zone
from failoverdns.protocol.table.deltas import Shared, write_nodes
from failoverdns.rules.derived.serving import nodes_in_parts
from failoverdns.store.mark import Mark
from failoverdns.store.state_file import BUSY_TIMEOUT, open_state_file


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--groups", type=int, default=333_334, help="groups (333334)")
    parser.add_argument("--applications", type=int, default=30_000, help="shared (30000)")
    parser.add_argument("--own", action="store_true", help="two applications for each group")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "state.db"
        if arguments.own:
            writes = scale.all_writes(arguments.groups)
        else:
            writes = shared_writes(arguments.groups, arguments.applications)
        asyncio.run(scale.write_state(path, writes))
        rows = measure(path)
    print_table([("step", "CPU", "memory"), *rows])
    print(f"machine: {machine()}")


def shared_writes(groups: int, applications: int) -> Iterator[Write]:
    """Yield the creation of applications, and of groups that follow any two of them."""
    dice = random.Random(0)
    ids = [f"app-{dice.getrandbits(40):010x}" for _ in range(applications)]
    for index, id_ in enumerate(ids):
        addresses = IPv4Address(0x0A000000 + index), IPv6Address(0x20010DB8 << 96 | index)
        head = Head("lb", HeadRole.LOAD_BALANCER, addresses)
        yield Write(None, Application(id_, f"a{index}", None, (head,), "lb"))
    for number in range(groups):
        id_, label = f"grp-{dice.getrandbits(40):010x}", scale.label_of(number)
        both = dice.choice(ids), dice.choice(ids)
        group = Group(id_, f"g{number}", scale.ZONE, label, *both, Side.PRIMARY, 60, revision=1)
        yield Write(None, group)


def measure(path: Path) -> list[tuple[str, str, str]]:
    """Load a state as a start does; return a row of the table for each step."""
    server = NameServer(scale.ZONE.child("ns1"))
    zone = Zone(scale.ZONE, (server,), scale.ZONE.child("hostmaster"), 60, 60)
    gc.collect()
    gc.disable()
    before, rows = resident(), []

    def note(step: str, began: float) -> None:
        spent = time.process_time() - began
        rows.append((step, f"{spent:.2f} s", f"{resident() - before} MiB"))

    began = time.process_time()
    connection, loaded = open_state_file(path, Mark(path.with_name("mark")), BUSY_TIMEOUT)
    note(f"read {len(loaded.entities)} entities", began)
    began = time.process_time()
    state = State(loaded.revision, loaded.entities, (zone,))
    note("index them", began)
    began = time.process_time()
    count = sum(len(part) for part in nodes_in_parts(state))
    note(f"decide on {count} names", began)
    shared: Shared = {}
    began = time.process_time()
    size = sum(len(write_nodes(part, shared)) for part in nodes_in_parts(state))
    note(f"the same, and write {size / 2**20:.0f} MiB of deltas", began)
    connection.close()
    return rows


def resident() -> int:
    """Return the resident memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 // 2**20


if __name__ == "__main__":
    main()
