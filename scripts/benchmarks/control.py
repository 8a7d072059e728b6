"""Measure how long a switch takes while other clients of the control socket do their worst.

The others are threads of another process, which runs as another user if this one is root: thirty
that send lines of 1 MiB without end, of several kinds; more that watch than may; eight that only
connect; ten thousand connections; lines without an end; clients that never read.
A client of this user sends ten switches a second meanwhile, each on a new connection.
Printed are the times of these switches, how many were told `busy`, and the memory of the control
process before, meanwhile and afterwards.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import socket
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from measuring import (
    EXECUTABLE,
    Process,
    connect,
    free_port,
    machine,
    print_table,
    quantiles,
    write_json,
)

MIB = 1 << 20
STRANGER = 65534
"""The user of the other clients, if this one is root."""

GROUPS = ",".join(['"a"'] * 4000)
LINES = {
    "words": (b"switch " + b"a " * MIB)[: MIB - 1],
    "list of 250,000": b'{"command": "switch", "groups": [' + b'"a",' * 250_000 + b'"a"]}',
    "list of 4,000": (b'{"command": "switch", "groups": [%b]' % GROUPS.encode()).ljust(MIB - 1)
    + b"}",
    "escapes": b'{"command": "switch", "groups": ["' + rb"\u00e9" * 174_000 + b'"]}',
    "nesting": b'{"command": "switch", "groups": ' + b"[" * 500_000,
    "one key": b'{"command": "switch", "' + b"x" * (MIB - 40) + b'": 1}',
    "certificate": json.dumps(
        {
            "command": "certificate install",
            "application": "shop-eu",
            "chain": "-----BEGIN CERTIFICATE-----\n" + ("A" * 64 + "\n") * 4000,
            "key": "-----BEGIN PRIVATE KEY-----\n" + ("A" * 64 + "\n") * 4000,
        }
    ).encode(),
}


def send_lines(path: Path, stopped: Any, line: bytes) -> None:
    """Send a line, and read its reply, without end."""
    with suppress(OSError):
        sock = connect(path)
        while not stopped.is_set():
            sock.sendall(line + b"\n")
            while not sock.recv(MIB).endswith(b"\n"):
                pass


def watch(path: Path, stopped: Any) -> None:
    """Watch, on a hundred connections."""
    socks = [connect(path) for _ in range(100)]
    for sock in socks:
        with suppress(OSError):
            sock.sendall(b"watch\n")
    stopped.wait()


def only_connect(path: Path, stopped: Any) -> None:
    """Connect without end, and keep fifty connections."""
    socks: list[socket.socket] = []
    while not stopped.is_set():
        sock = socket.socket(socket.AF_UNIX)
        with suppress(OSError):
            sock.connect(str(path))
        socks = [*socks[-50:], sock]


def hold(path: Path, stopped: Any, beginning: bytes) -> None:
    """Keep many connections on which some bytes were sent and nothing is read."""
    socks = []
    for _ in range(1000):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(1)
        with suppress(OSError):
            sock.connect(str(path))
            sock.setblocking(False)
            sock.send(beginning)
        socks.append(sock)
    stopped.wait()


def as_stranger(others: list[tuple[Any, ...]], path: Path, stopped: Any) -> None:
    """Run clients, each in a thread, as another user if this one may."""
    if os.getuid() == 0:
        os.setgid(STRANGER)
        os.setuid(STRANGER)
    threads = [
        threading.Thread(target=client, args=(path, stopped, *more), daemon=True)
        for client, *more in others
    ]
    for thread in threads:
        thread.start()
    stopped.wait()


def measure(path: Path, server: Process, seconds: float, others: list[tuple[Any, ...]]) -> Any:
    """Switch for some seconds while other clients run; return the figures."""
    stopped = multiprocessing.Event()
    process = multiprocessing.Process(target=as_stranger, args=(others, path, stopped), daemon=True)
    process.start()
    time.sleep(1)
    taken: list[float] = []
    refused = 0
    highest = server.memory()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        try:
            with connect(path) as sock:
                sock.sendall(b"switch shop\n")
                reply = json.loads(sock.makefile().readline() or "{}")
        except OSError:
            reply = {}
        if reply.get("ok"):
            taken.append(time.monotonic() - began)
        else:
            refused += 1
        highest = max(highest, server.memory())
        time.sleep(max(0.0, 0.1 - (time.monotonic() - began)))
    stopped.set()
    process.join(5)
    process.kill()
    found = quantiles(taken) if taken else {"runs": 0, "median_ms": 0.0, "p99_ms": 0.0}
    return {
        **found,
        "max_ms": round(max(taken, default=0.0) * 1000, 1),
        "refused": refused,
        "highest_mib": round(highest, 1),
    }


def main() -> None:
    """Run all cases and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each case (5)")
    parser.add_argument(
        "--rest", type=float, default=15.0, help="seconds before memory is read (15)"
    )
    parser.add_argument("--only", help="only cases whose names contain this")
    parser.add_argument("--json", help="write the figures to this file")
    arguments = parser.parse_args()
    cases: dict[str, list[tuple[Any, ...]]] = {"nothing else": []}
    for name, line in LINES.items():
        cases[f"30 clients of 1 MiB: {name}"] = [(send_lines, line)] * 30
    cases |= {
        "100 that watch": [(watch,)],
        "8 that only connect": [(only_connect,)] * 8,
        "10,000 connections": [(hold, b"")] * 10,
        "1,000 half lines of 60 KiB": [(hold, b"x" * 60000)],
        "1,000 half lines of JSON": [(hold, b"{" + b" " * MIB)],
        "1,000 that never read": [(hold, b"status\n" * 10000)],
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        port = free_port()
        config = folder / "failoverdns.yaml"
        config.write_text(
            "zones:\n  failover.test:\n    nameservers:\n      ns1: [127.0.0.1]\n"
            "    contact: hostmaster@failover.test\n"
            f'listen: ["127.0.0.1:{port}"]\ncontrol: {{socket: run/control.sock}}\n'
            "state: {sqlite: state.db}\n"
        )
        (folder / "run").mkdir(mode=0o755)
        server = Process([EXECUTABLE, "serve", "--config", config], folder)
        path = folder / "run" / "control.sock"
        try:
            with connect(path) as sock:
                lines = sock.makefile()
                for line in (
                    "application add shop-eu",
                    "head add shop-eu lb1 --role load-balancer --address 192.0.2.10",
                    "application add shop-us",
                    "head add shop-us lb1 --role load-balancer --address 198.51.100.20",
                    "group add shop --primary shop-eu --backup shop-us",
                ):
                    sock.sendall(line.encode() + b"\n")
                    assert json.loads(lines.readline())["ok"], line
            if os.getuid() == 0:
                os.chown(path, 0, STRANGER)
            figures: dict[str, Any] = {"machine": machine()}
            rows: list[list[object]] = [
                ["others", "switches", "median ms", "p99 ms", "max ms", "refused", "MiB before",
                 "at most", "after"]
            ]  # fmt: skip
            for case, others in cases.items():
                if arguments.only and arguments.only not in case:
                    continue
                before = server.memory()
                found = measure(path, server, arguments.seconds, others)
                time.sleep(arguments.rest if others else 0)
                found |= {"before_mib": round(before, 1), "after_mib": round(server.memory(), 1)}
                figures[case] = found
                rows.append(
                    [case, *(found[key] for key in (
                        "runs", "median_ms", "p99_ms", "max_ms", "refused", "before_mib",
                        "highest_mib", "after_mib",
                    ))]
                )  # fmt: skip
            print_table(rows)
            write_json(arguments.json, figures)
        finally:
            server.stop()
            if (
                Path(folder / "log").stat().st_size > 5000
                or "Traceback" in (folder / "log").read_text()
            ):
                print((folder / "log").read_text()[-5000:])


if __name__ == "__main__":
    main()
