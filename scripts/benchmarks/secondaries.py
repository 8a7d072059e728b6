"""Measure the time from a change at a primary to the new answer at stock secondaries.

failoverdns and Knot, as primaries, each have the same secondaries with the same configurations:
Knot, NSD, BIND and PowerDNS.  The primaries take turns.  One thread sends the command, and queries
every secondary over UDP, at most twice a millisecond, until the answer is the new one.

  failoverdns   a switch over the control socket; the reply is the line that it sends back
  Knot          knotc zone-commit of a transaction that is prepared before; the reply is its end

PowerDNS is measured apart, in fewer rounds: it waits up to a second before it looks at a NOTIFY.
"""

from __future__ import annotations

import argparse
import random
import select
import socket
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from ipaddress import IPv4Address
from pathlib import Path

import dns.message
from measuring import DEADLINE, free_port, machine, print_table, quantiles, version_of, write_json
from primaries import ADDRESSES, HOSTNAME, ORIGIN, Changing, Command, FailoverDNS, Knot

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from stock_secondaries import MAKES, Key, Primary, Secondary

INTERVAL = 0.0005
"""Seconds between two queries to one secondary."""
SLOW = ("PowerDNS",)
VERSIONS = {
    "Knot": ("knotd", "--version"),
    "NSD": ("nsd", "-v"),
    "BIND": ("named", "-v"),
    "PowerDNS": ("pdns_server", "--version"),
}


class Watched:
    """A secondary that is queried until it has the new answer."""

    def __init__(self, port: int) -> None:
        self._question = dns.message.make_query(HOSTNAME, "A", use_edns=-1).to_wire()
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        self._sock.connect(("127.0.0.1", port))

    def fileno(self) -> int:
        """Return the descriptor of the socket."""
        return self._sock.fileno()

    def send(self) -> None:
        """Send the query."""
        with suppress(ConnectionRefusedError):  # it has not started yet
            self._sock.send(self._question)

    def has(self, address: bytes) -> bool:
        """Receive what has arrived; return whether a reply has this address."""
        found = False
        try:
            while True:
                found |= address in self._sock.recv(4096)
        except BlockingIOError:
            return found
        except ConnectionRefusedError:  # it has not started yet
            return False


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=200, help="changes of each primary (200)")
    parser.add_argument("--slow-rounds", type=int, default=20, help="for PowerDNS (20)")
    parser.add_argument("--json", metavar="FILE", help="also write the figures to a file")
    arguments = parser.parse_args()
    versions = {name: version_of(*words) for name, words in VERSIONS.items()}
    there = [name for name, version in versions.items() if version]
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for names, rounds in (
        ([n for n in there if n not in SLOW], arguments.rounds),
        ([n for n in there if n in SLOW], arguments.slow_rounds),
    ):
        if names and rounds:
            for title, times in run(names, rounds).items():
                figures[title] = {kind: quantiles(seconds) for kind, seconds in times.items()}
    rows: list[tuple[object, ...]] = [
        ("primary, secondary", "changes", "from reply, ms", "p99", "from command, ms", "p99")
    ]
    for title, row in figures.items():
        reply, command = row["reply"], row["command"]
        runs, values = reply["runs"], (reply["median_ms"], reply["p99_ms"])
        rows.append((title, runs, *values, command["median_ms"], command["p99_ms"]))
    print_table(rows)
    for name, version in versions.items():
        print(f"{name}: {version or 'not installed'}")
    print(f"machine: {machine()}")
    write_json(arguments.json, {"figures": figures, "versions": versions, "machine": machine()})


def run(names: Sequence[str], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Change each primary `rounds` times; return seconds by primary and secondary.

    `command` counts from the command, `reply` from the reply, and is negative where a secondary
    has the new answer before the command is acknowledged.
    """
    times: dict[str, dict[str, list[float]]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        setups = [(kind, *start(kind, folder, names, stack)) for kind in ("failoverdns", "Knot")]
        for turn in range(rounds + 1):
            to = 1 - turn % 2
            for kind, primary, watched in setups:
                time.sleep(random.uniform(0.02, 0.1))
                replied, served = race(primary, watched, to)
                for name, seconds in served.items() if turn else []:
                    row = times.setdefault(f"{kind}, {name}", {"command": [], "reply": []})
                    row["command"].append(seconds)
                    row["reply"].append(seconds - replied)
    return times


def start(
    kind: str, folder: Path, names: Sequence[str], stack: ExitStack
) -> tuple[Changing, dict[str, Watched]]:
    """Start a primary and its secondaries, and wait until each serves the first answer."""
    key, place = Key(), folder / kind
    place.mkdir()
    ports = {name: free_port() for name in names}
    primary: FailoverDNS | Knot
    if kind == "Knot":
        primary = Knot(place, key, ports)
    else:
        primary = FailoverDNS(place, key, ports)
        primary.add_group()
    stack.callback(primary.stop)
    source = Primary(primary.port, key, [ORIGIN])
    for name, port in ports.items():
        secondary = Secondary(MAKES[name], place / name, source, port)
        stack.callback(secondary.stop)
        secondary.start()
    watched = {name: Watched(port) for name, port in ports.items()}
    wait_for(watched, 0, time.monotonic())
    return primary, watched


def race(
    primary: Changing, watched: Mapping[str, Watched], to: int
) -> tuple[float, dict[str, float]]:
    """Change the primary once; return the seconds to its reply, and to each new answer."""
    primary.prepare(to)
    began = time.monotonic()
    return wait_for(watched, to, began, primary.change())


def wait_for(
    watched: Mapping[str, Watched], to: int, began: float, command: Command | None = None
) -> tuple[float, dict[str, float]]:
    """Query until every secondary has the address number `to`.

    Returns the seconds from `began` to the reply to a command, and to the answer of each secondary.
    """
    address = IPv4Address(ADDRESSES[to]).packed
    pending = {one: name for name, one in watched.items()}
    replied = 0.0
    served: dict[str, float] = {}
    while pending or command is not None:
        if time.monotonic() > began + DEADLINE:
            raise RuntimeError(f"no answer from {', '.join(pending.values()) or 'the primary'}")
        for one in pending:
            one.send()
        until = time.monotonic() + INTERVAL
        while (left := until - time.monotonic()) > 0:
            waiting: list[Command | Watched] = [*pending]
            if command is not None:
                waiting.append(command)
            ready, _, _ = select.select(waiting, [], [], left)
            now = time.monotonic() - began
            for thing in ready:
                if isinstance(thing, Watched):
                    if thing.has(address):
                        served[pending.pop(thing)] = now
                elif command is not None:
                    command.finish()
                    replied, command = now, None
    return replied, served


if __name__ == "__main__":
    main()
