"""Measure the share of honest queries that are answered during a flood.

The flood comes from one network and asks for random names of the zone, which takes the slow path;
honest clients in ten other networks ask for one name.  Resolvers try three times; the share of
answers in three tries is computed from the share in one try.
The capacity is the rate of answers when the server is queried without a pause.
Every step is bounded in time.  On two cores the flood may not reach ten times the capacity, so the
rate that it reached is printed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import socket
import struct
import tempfile
import time
from contextlib import ExitStack, suppress
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import dns.message
from measuring import (
    EXECUTABLE,
    Asker,
    Process,
    connect,
    free_port,
    machine,
    print_table,
    write_json,
)

CONFIG = """\
zones:
  failover.test:
    nameservers: {{ns1: [127.0.0.1]}}
    records: ["www A 192.0.2.10"]
listen: ["127.0.0.1:{port}"]
workers: 0
control: {{socket: control.sock}}
state: {{sqlite: state.db}}
{limit}"""
LIMIT = "rate_limit: {}\n"
HONEST = [f"127.0.{network}.1" for network in range(10, 20)]
FLOOD_SOURCE = "127.0.2.1"
FACTORS = (1, 2, 5, 10)
HONEST_RATE = 100
"""Honest queries a second from all networks together, a tenth from each."""

TRIES = 3
BURST = 0.002
"""Seconds between the bursts of the flood."""

HONEST_QUERY = dns.message.make_query("www.failover.test", "A").to_wire()


def send_flood(port: int, rate: float, seconds: float, core: int, sent: Synchronized[int]) -> None:
    """Send random questions at `rate` a second; store the number that was sent in `sent`."""
    _pin(core)
    dice = random.Random(1)
    questions = [
        dns.message.make_query(f"{dice.randrange(10**9)}.failover.test", "A").to_wire()
        for _ in range(2000)
    ]
    with _socket(FLOOD_SOURCE, port) as sock:
        begin = time.perf_counter()
        until = begin + seconds
        count = 0
        while (now := time.perf_counter()) < until:
            due = int((now - begin) * rate) - count
            for index in range(min(due, 2000)):
                with suppress(OSError):
                    sock.send(questions[(count + index) % 2000])
            count += max(0, min(due, 2000))
            if due < 2000:
                time.sleep(BURST)
    sent.value = count


def capacity(port: int, core: int, seconds: float) -> float:
    """Return the answers a second when 100 queries are always in flight."""
    _pin(core)
    dice = random.Random(2)
    with _socket(FLOOD_SOURCE, port) as sock:
        sock.settimeout(0.2)
        begin = time.perf_counter()
        in_flight = answered = 0
        while time.perf_counter() - begin < seconds:
            while in_flight < 100:
                name = f"{dice.randrange(10**9)}.failover.test"
                sock.send(_question(name))
                in_flight += 1
            try:
                sock.recv(4096)
                answered += 1
                in_flight -= 1
            except OSError:
                in_flight = 0
        return answered / (time.perf_counter() - begin)


def honest(port: int, seconds: float) -> list[bool]:
    """Query at a steady rate; return for each query whether it was answered in half a second."""
    with ExitStack() as stack:
        socks = [stack.enter_context(_socket(source, port)) for source in HONEST]
        for sock in socks:
            sock.setblocking(False)
        begin = time.perf_counter()
        count = int(seconds * HONEST_RATE)
        answered = [False] * count
        asked = 0
        while time.perf_counter() - begin < seconds + 0.5:
            while asked < count and time.perf_counter() - begin >= asked / HONEST_RATE:
                query = struct.pack(">H", asked) + HONEST_QUERY[2:]
                socks[asked % len(socks)].send(query)
                asked += 1
            for sock in socks:
                with suppress(OSError):
                    answered[int.from_bytes(sock.recv(4096)[:2], "big")] = True
            time.sleep(0.001)
    return answered


def measure(limited: bool, seconds: float) -> dict[str, Any]:
    """Return the figures with or without rate limiting."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        text = CONFIG.format(port=port, limit="")
        (folder / "failoverdns.yaml").write_text(text)
        able = _run(folder, port, lambda: capacity(port, _cores()[1], seconds))
        text = CONFIG.format(port=port, limit=LIMIT if limited else "")
        (folder / "failoverdns.yaml").write_text(text)
        steps = _run(
            folder, port, lambda: [_step(port, able, factor, seconds) for factor in FACTORS]
        )
    return {"capacity": round(able), "limited": limited, "steps": steps}


def _step(port: int, able: float, factor: int, seconds: float) -> dict[str, Any]:
    sent = multiprocessing.Value("q", 0)
    arguments = (port, able * factor, seconds + 1, _cores()[1], sent)
    flood = multiprocessing.Process(target=send_flood, args=arguments, daemon=True)
    flood.start()
    time.sleep(0.5)
    answered = honest(port, seconds)
    flood.join(30)
    once = sum(answered) / len(answered)
    return {
        "factor": factor,
        "reached": round(sent.value / (seconds + 1) / able, 1),
        "answered": round(once, 3),
        "answered_in_three": round(1 - (1 - once) ** TRIES, 3),
    }


def _run(folder: Path, port: int, work: Any) -> Any:
    process = Process([EXECUTABLE, "serve", "--config", "failoverdns.yaml"], folder)
    try:
        connect(folder / "control.sock").close()
        Asker(port, "www.failover.test").wait_for_answer()
        os.sched_setaffinity(process.child.pid, {_cores()[0]})
        return work()
    finally:
        process.stop()


def _socket(source: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((source, 0))
    sock.connect(("127.0.0.1", port))
    return sock


def _question(name: str) -> bytes:
    labels = b"".join(bytes((len(part),)) + part.encode() for part in name.split("."))
    return struct.pack(">HHHHHH", 1, 0x100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


def _cores() -> tuple[int, int]:
    cores = sorted(os.sched_getaffinity(os.getppid()))
    return cores[0], cores[-1]


def _pin(core: int) -> None:
    os.sched_setaffinity(0, {core})


def main() -> None:
    """Measure with and without the rate limit; print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="for each step, 1 to 60")
    parser.add_argument("--json", metavar="FILE", help="also write the figures to a file")
    arguments = parser.parse_args()
    seconds = min(max(arguments.seconds, 1.0), 60.0)
    print(machine())
    results = [measure(limited, seconds) for limited in (False, True)]
    rows: list[tuple[object, ...]] = [
        ("rate limit", "capacity/s", "sent x", "reached x", "answered", "in three tries")
    ]
    rows += [
        (
            "on" if result["limited"] else "off",
            result["capacity"],
            step["factor"],
            step["reached"],
            f"{step['answered']:.1%}",
            f"{step['answered_in_three']:.1%}",
        )
        for result in results
        for step in result["steps"]
    ]
    print_table(rows)
    write_json(arguments.json, {"machine": machine(), "results": results})


if __name__ == "__main__":
    main()
