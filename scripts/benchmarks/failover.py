"""Measure a failover from end to end: a head dies, and the answer changes.

There are two measurements, with real heads on loopback and the real server:

  one group     time from the death of the primary's head to the first new answer, beside gdnsd
                with its tcp_connect monitor, the same interval and thresholds, at the same deaths;
                the thresholds alone take from down_after - 1 to down_after intervals
  many groups   time until all groups that follow a dead application have switched, each by its own
                change, and the longest time that a command of a client waits
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import statistics
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from measuring import (
    DEADLINE,
    EXECUTABLE,
    Asker,
    Process,
    connect,
    free_port,
    machine,
    print_table,
    version_of,
    write_json,
)

PRIMARY, BACKUP = "127.0.71.1", "127.0.71.2"
INTERVAL, DOWN_AFTER, UP_AFTER = 2, 3, 2
"""The shortest interval that gdnsd supports, in seconds."""


class Head:
    """A TCP server that accepts connections at an address until it is stopped."""

    def __init__(self, host: str, port: int) -> None:
        self._listening = socket.create_server((host, port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Close the socket, so that connections are refused."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._listening.accept()[0].close()


class FailoverDNS:
    """Our server, with groups that follow the same two applications."""

    name = "failoverdns"

    def __init__(self, folder: Path, port: int, groups: int) -> None:
        self.port = free_port()
        check = (
            f"{{type: tcp, port: {port}, interval: {INTERVAL}, timeout: 1, jitter: 0, "
            f"up_after: {UP_AFTER}, down_after: {DOWN_AFTER}}}"
        )
        policy = (
            "{mode: automatic, grace: 0, fail_back: automatic, hold: 0, cooldown: 0, "
            "max_switches: 100}"
        )
        config = folder / "failoverdns.yaml"
        config.write_text(
            "zones: {failover.test: {nameservers: {ns1: [127.0.0.1]}, ttl: 60}}\n"
            f'listen: ["127.0.0.1:{self.port}"]\nworkers: 0\n'
            "control: {socket: control.sock}\nstate: {sqlite: state.db}\n"
            f"checks: {{tcp: {check}}}\npolicies: {{auto: {policy}}}\n"
        )
        self._process = Process([EXECUTABLE, "serve", "--config", config], folder)
        self._control = connect(folder / "control.sock").makefile("rwb")
        for name, address in (("eu", PRIMARY), ("us", BACKUP)):
            self.do(command="application add", name=name)
            head = {"application": name, "name": "lb", "role": "load-balancer"}
            self.do(command="head add", **head, address=[address])
            self.do(command="application set", name=name, check=["tcp"])
        names = ["shop", *(f"g{number}" for number in range(groups - 1))]
        for name in names:
            group = {"name": name, "label": name, "primary": "eu", "backup": "us"}
            self.do(command="group add", **group, policy="auto")

    def do(self, **request: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._control.write(json.dumps(request).encode() + b"\n")
        self._control.flush()
        reply = json.loads(self._control.readline())
        assert reply["ok"], reply
        result: dict[str, Any] = reply["result"]
        return result

    def revision(self) -> int:
        """Return the current revision."""
        return int(self.do(command="status", group="shop")["revision"])

    def settle(self) -> None:
        """Wait until both sides count as up."""
        while any(
            application["health"]["health"] != "up"
            for application in self.do(command="health show")["applications"]
        ):
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop the server."""
        self._process.stop()


class Gdnsd:
    """gdnsd with simplefo and its monitor of TCP connections."""

    name = "gdnsd"

    def __init__(self, folder: Path, port: int) -> None:
        self.port = free_port()
        for name in ("zones", "run", "state"):
            folder.joinpath(name).mkdir()
        folder.joinpath("config").write_text(
            f'options => {{ listen => ["127.0.0.1:{self.port}"], run_dir => "{folder}/run", '
            f'state_dir => "{folder}/state" }}\n'
            f"service_types => {{ head => {{ plugin => tcp_connect, port => {port}, "
            f"interval => {INTERVAL}, timeout => 1, up_thresh => {UP_AFTER}, "
            f"ok_thresh => {UP_AFTER}, down_thresh => {DOWN_AFTER} }} }}\n"
            "plugins => { simplefo => { shop => { service_types => head, "
            f"primary => {PRIMARY}, secondary => {BACKUP} }} }} }}\n"
        )
        folder.joinpath("zones/failover.test").write_text(
            "@ 60 SOA ns1 hostmaster 1 3600 600 1209600 60\n"
            "@ 60 NS ns1\nns1 60 A 127.0.0.1\nshop 60 DYNA simplefo!shop\n"
        )
        self._process = Process(["gdnsd", "-c", folder, "start"], folder)

    def settle(self) -> None:
        """Wait for a fixed time in which the heads come up; gdnsd does not report it."""
        time.sleep(INTERVAL * (UP_AFTER + 2))

    def stop(self) -> None:
        """Stop the server."""
        self._process.stop()


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=10, help="deaths of one head (10)")
    parser.add_argument("--groups", type=int, default=10_000, help="groups of many (10000)")
    parser.add_argument("--json", metavar="FILE", help="also write the figures to a file")
    arguments = parser.parse_args()
    figures = {"one group": one_group(arguments.rounds), "many groups": many(arguments.groups)}
    rows: list[tuple[object, ...]] = [("death of a head to the first new answer", "s, each")]
    for name, times in figures["one group"].items():
        rows.append((name, " ".join(f"{seconds:.2f}" for seconds in times)))
    print_table(rows)
    for name, times in figures["one group"].items():
        print(f"median of {name}: {statistics.median(times):.2f} s")
    print_table([("many groups", "value"), *figures["many groups"].items()])
    print(f"gdnsd: {version_of('gdnsd', '-h') or 'not installed'}")
    print(f"machine: {machine()}")
    write_json(arguments.json, {**figures, "machine": machine()})


def one_group(rounds: int) -> dict[str, list[float]]:
    """Let the head of the primary die `rounds` times; return the seconds for each server."""
    port = free_port()
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        heads = {host: Head(host, port) for host in (PRIMARY, BACKUP)}
        servers: list[FailoverDNS | Gdnsd] = [FailoverDNS(place(name, "ours"), port, 1)]
        if version_of("gdnsd", "-h"):
            servers.append(Gdnsd(place(name, "gdnsd"), port))
        askers = {server.name: Asker(server.port, "shop.failover.test") for server in servers}
        try:
            for _ in range(rounds):
                for server in servers:
                    server.settle()
                time.sleep(random.uniform(0, INTERVAL))  # at a random phase of the probes
                old = {name: asker.wait_for_answer() for name, asker in askers.items()}
                began = time.monotonic()
                heads[PRIMARY].stop()
                waiting = [
                    threading.Thread(target=note, args=(times, name, asker, old[name], began))
                    for name, asker in askers.items()
                ]
                for thread in waiting:
                    thread.start()
                for thread in waiting:
                    thread.join(DEADLINE)
                heads[PRIMARY] = Head(PRIMARY, port)
        finally:
            for server in servers:
                server.stop()
            for head in heads.values():
                head.stop()
    return times


def note(times: dict[str, list[float]], name: str, asker: Asker, old: bytes, began: float) -> None:
    """Store the time until a server's answer changes."""
    times.setdefault(name, []).append(asker.time_of_change(old) - began)


def many(groups: int) -> dict[str, float]:
    """Let an application die that many groups follow; return the figures."""
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        heads = {host: Head(host, port) for host in (PRIMARY, BACKUP)}
        server = FailoverDNS(place(name, "ours"), port, groups)
        try:
            server.settle()
            asker = Asker(server.port, "shop.failover.test")
            old, before = asker.wait_for_answer(), server.revision()
            heads[PRIMARY].stop()
            began, longest = asker.time_of_change(old), 0.0
            while time.monotonic() < began + DEADLINE:
                asked = time.monotonic()
                now = server.revision()
                longest = max(longest, time.monotonic() - asked)
                if now > before + groups:  # one change is of the health
                    break
                time.sleep(0.01)
            seconds = time.monotonic() - began
        finally:
            server.stop()
            for head in heads.values():
                head.stop()
    return {
        "groups": groups,
        "seconds from the first to the last": round(seconds, 2),
        "switches a second": round(groups / seconds),
        "longest wait of a command, ms": round(longest * 1000, 1),
    }


def place(folder: str, name: str) -> Path:
    """Return a new folder inside a folder."""
    made = Path(folder, name)
    made.mkdir()
    return made


if __name__ == "__main__":
    main()
