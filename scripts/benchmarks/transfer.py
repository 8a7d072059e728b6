"""Measure zone transfers of a large zone (AXFR), beside Knot and NSD as primaries of the same zone.

failoverdns serves groups from its state; its `records` command writes the zone file that Knot and
NSD load.  Each server in turn is alone on the machine.  A process of its own asks for the zone with
TSIG, reads the messages as fast as they come, and counts records; all servers must give the same
number.  TSIG of the messages is not verified while the time runs, and messages are kept by none.

  seconds, MiB     one transfer at a time: median, and the bytes that arrived
  MiB (PSS)        memory of all processes of the server: before the first transfer, and the largest
                   while several clients transfer at the same time
  p99              time of answers over UDP, one query after the other at 1,000 a second, without a
                   transfer, and while transfers follow each other without a pause
"""

from __future__ import annotations

import argparse
import asyncio
import atexit
import multiprocessing
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import dns.message
import dns.query
from data_plane.accounting import descendants_of, memory_of
from data_plane.names import ORIGIN, groups_for, label_of, write_state
from measuring import (
    DEADLINE,
    EXECUTABLE,
    Asker,
    machine,
    print_table,
    quantiles,
    version_of,
    write_json,
)
from primaries import NSD, FailoverDNS, Knot

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from stock_secondaries import Key

QUERIES = 1000
"""Queries a second."""
STARTING = 600.0
"""Seconds that a server may take until it can send the zone."""
VERSIONS = {
    "failoverdns": (str(EXECUTABLE), "version"),
    "Knot": ("knotd", "--version"),
    "NSD": ("nsd", "-v"),
}


@dataclass(frozen=True, slots=True)
class Transferred:
    """One zone transfer: seconds until the last message, bytes, messages and records."""

    seconds: float
    size: int
    messages: int
    records: int


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--names", type=int, default=1_000_000, help="names (1000000)")
    parser.add_argument("--rounds", type=int, default=5, help="transfers of each server (5)")
    parser.add_argument("--clients", type=int, default=8, help="clients at the same time (8)")
    parser.add_argument("--json", metavar="FILE", help="also write the figures to a file")
    arguments = parser.parse_args()
    groups = groups_for(arguments.names)
    versions = {name: version_of(*words) for name, words in VERSIONS.items()}
    figures: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder, key = Path(name), Key()
        zone = folder / "zone"
        places = {kind: folder / kind for kind in versions if versions[kind]}
        for place in places.values():
            place.mkdir()
        asyncio.run(write_state(places["failoverdns"] / "state.db", groups))
        starting: dict[str, Callable[[Path], FailoverDNS | Knot | NSD]] = {
            "failoverdns": lambda place: FailoverDNS(place, key, {"reader": silent_port()}),
            "Knot": lambda place: Knot(place, key, {}, zone),
            "NSD": lambda place: NSD(place, key, zone),
        }
        for kind, place in places.items():
            began = time.monotonic()
            primary = starting[kind](place)
            try:
                wait_for_transfers(primary.port, key)
                ready = round(time.monotonic() - began, 1)
                if kind == "failoverdns":
                    write_zone_file(place / "control.sock", zone)
                pids = [primary.process.child.pid, *descendants_of(primary.process.child.pid)]
                label = label_of(groups // 2)
                figures[kind] = measure(primary.port, key, pids, label, arguments)
                figures[kind]["ready_s"] = ready
            finally:
                primary.stop()
    counts = {kind: row["records"] for kind, row in figures.items()}
    if len(set(counts.values())) > 1:
        raise RuntimeError(f"they transferred different numbers of records: {counts}")
    report(figures, arguments.clients)
    for kind, version in versions.items():
        print(f"{kind}: {version or 'not installed'}")
    print(f"machine: {machine()}")
    write_json(arguments.json, {"figures": figures, "versions": versions, "machine": machine()})


def measure(
    port: int, key: Key, pids: list[int], label: str, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Measure one server."""
    asker = Asker(port, f"{label}.{ORIGIN}")
    asker.wait_for_answer()
    before = memory_of(pids)["pss_mib"]
    client = Client(port, key)
    done = []
    for _ in range(arguments.rounds):
        client.start()
        done.append(client.result())
    seconds = statistics.median(one.seconds for one in done)

    until = time.monotonic() + 5
    alone = answers(asker, lambda: time.monotonic() < until)
    meanwhile: list[float] = []
    until = time.monotonic() + 5
    while time.monotonic() < until:
        client.start()
        meanwhile += answers(asker, client.is_busy)
        client.result()

    clients = [client, *(Client(port, key) for _ in range(arguments.clients - 1))]
    for one in clients:
        one.start()
    largest = before
    while any(one.is_busy() for one in clients):
        largest = max(largest, memory_of(pids)["pss_mib"])
        time.sleep(0.02)
    together = [one.result() for one in clients]
    for one in clients:
        one.stop()
    return {
        "records": done[0].records,
        "messages": done[0].messages,
        "mib": round(done[0].size / 2**20, 1),
        "seconds": round(seconds, 2),
        "together_s": round(max(one.seconds for one in together), 2),
        "memory_before_mib": before,
        "memory_largest_mib": largest,
        "alone": quantiles(alone),
        "meanwhile": quantiles(meanwhile),
    }


def silent_port() -> int:
    """Return the port of a secondary that never replies to NOTIFY."""
    silent = socket.socket(type=socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    port: int = silent.getsockname()[1]
    atexit.register(silent.close)
    return port


def answers(asker: Asker, goes_on: Callable[[], bool]) -> list[float]:
    """Query at a steady rate while `goes_on`; return the seconds of each answer."""
    found, due = [], time.monotonic()
    while goes_on():
        due += 1 / QUERIES
        time.sleep(max(0.0, due - time.monotonic()))
        began = time.monotonic()
        asker.ask()
        found.append(time.monotonic() - began)
    return found


class Client:
    """A process that transfers the zone when it is told to."""

    def __init__(self, port: int, key: Key) -> None:
        self._pipe, other = multiprocessing.Pipe()
        self._process = multiprocessing.Process(
            target=serve_transfers, args=(other, port, key), daemon=True
        )
        self._process.start()

    def start(self) -> None:
        """Start a transfer."""
        self._pipe.send(True)

    def is_busy(self) -> bool:
        """Return whether the result is not there yet."""
        return not self._pipe.poll()

    def result(self) -> Transferred:
        """Wait for the end of the transfer."""
        result: Transferred = self._pipe.recv()
        return result

    def stop(self) -> None:
        """Stop the process."""
        self._pipe.send(False)
        self._process.join()


def serve_transfers(pipe: Connection, port: int, key: Key) -> None:
    """Transfer the zone each time that True is received."""
    soa = soa_numbers(port, key)
    while pipe.recv():
        pipe.send(transfer(port, key, soa))


def transfer(port: int, key: Key, soa: bytes) -> Transferred:
    """Transfer the zone, and count what arrives; `soa` is what its SOA record ends with.

    Raises RuntimeError if a message has an rcode, or the connection ends before the second SOA.
    """
    query = dns.message.make_query(ORIGIN, "AXFR")
    query.flags = 0
    query.use_tsig(key.ring)
    request = query.to_wire()
    size = messages = records = 0
    buffer, view = bytearray(), memoryview(bytearray(1 << 20))
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as sock:
        sock.sendall(len(request).to_bytes(2) + request)
        whole = False
        while not whole:
            received = sock.recv_into(view)
            if not received:
                raise RuntimeError(f"the connection ended after {records} records")
            size += received
            buffer += view[:received]
            at = start = 0
            while at + 2 <= len(buffer):
                length = int.from_bytes(buffer[at : at + 2])
                if at + 2 + length > len(buffer):
                    break
                if buffer[at + 5] & 15:
                    raise RuntimeError(f"rcode {buffer[at + 5] & 15} after {records} records")
                messages += 1
                records += int.from_bytes(buffer[at + 8 : at + 10])
                start, at = at, at + 2 + length
            found = buffer.find(soa, start, at)
            if messages == 1 and found >= 0:  # the first record is the SOA record, too
                found = buffer.find(soa, found + 1, at)
            whole = found >= 0
            del buffer[:at]
    return Transferred(time.monotonic() - began, size, messages, records)


def soa_numbers(port: int, key: Key) -> bytes:
    """Return the serial and the other numbers of the zone's SOA record as bytes."""
    query = dns.message.make_query(ORIGIN, "SOA")
    query.use_tsig(key.ring)
    reply = dns.query.udp(query, "127.0.0.1", 0.5, port)
    if not reply.answer:
        raise RuntimeError(f"no SOA record: {reply}")
    rdata: bytes = reply.answer[0][0].to_wire()
    return rdata[-20:]


def wait_for_transfers(port: int, key: Key) -> None:
    """Wait until the server answers an SOA query that has TSIG, so that it can send the zone."""
    until = time.monotonic() + STARTING
    while time.monotonic() < until:
        with suppress(OSError, dns.exception.DNSException, RuntimeError):
            soa_numbers(port, key)
            return
        time.sleep(0.1)
    raise RuntimeError("the server does not answer an SOA query with TSIG")


def write_zone_file(control: Path, zone: Path) -> None:
    """Write what failoverdns serves into a zone file."""
    with zone.open("wb") as file:
        subprocess.run(
            [str(EXECUTABLE), "--socket", str(control), "records"], stdout=file, check=True
        )


def report(figures: dict[str, dict[str, Any]], clients: int) -> None:
    """Print the table."""
    rows: list[tuple[object, ...]] = [
        (
            "primary",
            "ready, s",
            "AXFR, s",
            "MiB",
            "messages",
            f"{clients} at once, s",
            "MiB (PSS)",
            f"{clients} at once",
            "p99 alone, ms",
            "p99 meanwhile",
            "ratio",
        )
    ]
    for kind, row in figures.items():
        alone, meanwhile = row["alone"]["p99_ms"], row["meanwhile"]["p99_ms"]
        rows.append(
            (
                kind,
                row["ready_s"],
                row["seconds"],
                row["mib"],
                row["messages"],
                row["together_s"],
                row["memory_before_mib"],
                row["memory_largest_mib"],
                alone,
                meanwhile,
                round(meanwhile / alone, 2),
            )
        )
    print_table(rows)
    print(f"records: {next(iter(figures.values()))['records']}")


if __name__ == "__main__":
    main()
