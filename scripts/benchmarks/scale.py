"""Measure a server with many groups: start, memory, switches.

Each group has two applications, and each of them has a load balancer with an IPv4 and an IPv6
address, so there are twice as many applications and five times as many names as groups.  Every
tenth group has the same backup, as with a maintenance page.  The store itself writes the state,
then the real server starts on it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address
from itertools import islice
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

from failoverdns.model.application import Application, Head, HeadRole
from failoverdns.model.change import Change, Write
from failoverdns.model.group import Group, Side
from failoverdns.model.names import DomainName
from failoverdns.model.principal import unix_principal
from failoverdns.store.sqlite import SQLiteStore
from failoverdns.store.vault import Vault

ZONE = DomainName.from_text("failover.test")
BATCH = 1000


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--groups", type=int, default=100_000, help="groups (100000)")
    parser.add_argument("--switches", type=int, default=1000, help="switches (1000)")
    parser.add_argument("--json", metavar="FILE", help="also write the figures to a file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.monotonic()
        asyncio.run(write_state(folder / "state.db", all_writes(arguments.groups)))
        print(f"wrote {arguments.groups} groups in {time.monotonic() - began:.1f} s")
        figures = measure(folder, arguments.groups, arguments.switches)
        figures["state_mib"] = round(folder.joinpath("state.db").stat().st_size / 2**20, 1)
    figures |= {"groups": arguments.groups, "machine": machine()}
    switches, shared = figures["switch"], figures["shared"]
    print_table(
        [
            ("figure", "value"),
            ("groups (applications, names)", f"{arguments.groups} (x 2, x 5)"),
            ("start to first right answer", f"{figures['start_s']} s"),
            ("resident memory", f"{figures['memory_mib']} MiB"),
            ("state file", f"{figures['state_mib']} MiB"),
            ("switch to first new answer, median", f"{switches['median_ms']} ms"),
            ("switch to first new answer, p99", f"{switches['p99_ms']} ms"),
            ("switches a second, all sent at once", f"{figures['switches_per_second']}"),
            ("switch of 100 groups at once, median", f"{figures['switch_100']['median_ms']} ms"),
            (f"head set that {arguments.groups // 10} groups follow", f"{shared['median_ms']} ms"),
            ("status of one group, median", f"{figures['status']['median_ms']} ms"),
            ("status of everything", f"{figures['whole_status_s']} s"),
            ("a query meanwhile, median", f"{figures['query_meanwhile']['median_ms']} ms"),
            ("a query meanwhile, p99", f"{figures['query_meanwhile']['p99_ms']} ms"),
        ]
    )
    print(f"machine: {machine()}")
    write_json(arguments.json, figures)


async def write_state(path: Path, writes: Iterator[Write]) -> None:
    """Write a state, a thousand groups at a time."""

    async def at_once(call: Callable[[], Any]) -> Any:
        return call()

    store = SQLiteStore(path, at_once, Vault(path.with_name(path.name + ".key")))
    await store.load()
    revision = 0
    while batch := tuple(islice(writes, BATCH * 3)):
        who = unix_principal(0, 0, "benchmark")
        change = Change(revision + 1, 0.0, who, {"command": "benchmark"}, (), (), batch)
        await store.commit(revision, [change])
        revision += 1
    await store.close()


def all_writes(groups: int) -> Iterator[Write]:
    """Yield the creation of each group and of its two applications."""
    head = Head("lb", HeadRole.LOAD_BALANCER, (IPv4Address("192.0.2.1"),))
    yield Write(None, Application("app-shared", "shared", None, (head,), "lb"))
    for number in range(groups):
        for index in (2 * number, 2 * number + 1):
            addresses = IPv4Address(0x0A000000 + index), IPv6Address(0x20010DB8 << 96 | index)
            head = Head("lb", HeadRole.LOAD_BALANCER, addresses)
            yield Write(None, Application(f"app-{index}", f"a{index}", None, (head,), "lb"))
        own = f"app-{2 * number + 1}"
        attached = f"app-{2 * number}", own if number % 10 else "app-shared"
        label = label_of(number)
        group = Group(
            f"grp-{number}", f"g{number}", ZONE, label, *attached, Side.PRIMARY, 60, revision=1
        )
        yield Write(None, group)


def label_of(number: int) -> str:
    """Return a label of nine digits, like the default labels of groups."""
    digits = f"{number:09d}"
    return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"


def measure(folder: Path, groups: int, switches: int) -> dict[str, Any]:
    """Start the server on the state and return its figures."""
    port = free_port()
    config = folder / "failoverdns.yaml"
    config.write_text(
        "zones: {failover.test: {nameservers: {ns1: [127.0.0.1]}}}\n"
        f'listen: ["127.0.0.1:{port}"]\n'
        "workers: 0\ncontrol: {socket: control.sock}\nstate: {sqlite: state.db}\n"
    )
    dice = random.Random(0)
    began = time.monotonic()
    server = Process([EXECUTABLE, "serve", "--config", config], folder)
    try:
        Asker(port, f"{label_of(dice.randrange(groups))}.failover.test").wait_for_answer()
        figures: dict[str, Any] = {"start_s": round(time.monotonic() - began, 1)}
        sock = connect(folder / "control.sock")
        replies = sock.makefile("rb")

        def send(**request: Any) -> None:
            sock.sendall(json.dumps(request).encode() + b"\n")

        def receive() -> None:
            reply = replies.readline()
            assert b'"ok": true' in reply, reply

        times, several, status = [], [], []
        for _ in range(switches):
            number = dice.randrange(groups)
            asker = Asker(port, f"{label_of(number)}.failover.test")
            old = asker.wait_for_answer()
            began = time.monotonic()
            send(command="switch", groups=[f"g{number}"])
            times.append(asker.time_of_change(old) - began)
            receive()
        for _ in range(min(20, switches)):
            chosen = dice.sample(range(groups), min(100, groups))
            began = time.monotonic()
            send(command="switch", groups=[f"g{number}" for number in chosen])
            receive()
            several.append(time.monotonic() - began)
            began = time.monotonic()
            send(command="status", group=f"g{chosen[0]}")
            receive()
            status.append(time.monotonic() - began)
        lines = "".join(f"switch g{dice.randrange(groups)}\n" for _ in range(5 * switches))
        sender = threading.Thread(target=sock.sendall, args=(lines.encode(),))
        began = time.monotonic()
        sender.start()
        for _ in range(5 * switches):
            receive()
        figures["switches_per_second"] = round(5 * switches / (time.monotonic() - began))
        shared = []
        for number in range(2, 7):
            address = f"192.0.2.{number}"
            began = time.monotonic()
            send(command="head set", application="shared", name="lb", address=[address])
            receive()
            shared.append(time.monotonic() - began)
        figures["shared"] = quantiles(shared)
        whole = threading.Thread(target=lambda: (send(command="status"), receive()))
        waits, began = [], time.monotonic()
        whole.start()
        while whole.is_alive():
            asked = time.monotonic()
            asker.ask()
            waits.append(time.monotonic() - asked)
        figures["whole_status_s"] = round(time.monotonic() - began, 1)
        figures["query_meanwhile"] = quantiles(waits)
        figures["memory_mib"] = round(server.memory())
        figures["switch"] = quantiles(times)
        figures["switch_100"] = quantiles(several)
        figures["status"] = quantiles(status)
        return figures
    finally:
        server.stop()


if __name__ == "__main__":
    main()
