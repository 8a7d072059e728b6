"""Other name servers as child processes, to compare our answers with theirs.

Each loads one zone file and answers on its own port of 127.0.0.1, without rate limits and with
minimal responses where it has that option.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query
from ports import free_port

DEADLINE = 60.0
"""Seconds that a server may take to start."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A server: its name, its program, its configuration file, and its command line."""

    name: str
    program: str
    configuration: Callable[[Path, int, str, Path], str]
    command: tuple[str, ...]


def _nsd(folder: Path, port: int, origin: str, zone: Path) -> str:
    return (
        f'server:\n  ip-address: 127.0.0.1@{port}\n  zonesdir: "{folder}"\n  pidfile: ""\n'
        f'  xfrdfile: "{folder}/xfrd"\n  xfrdir: "{folder}"\n  zonelistfile: "{folder}/zones"\n'
        '  database: ""\n  username: ""\n  chroot: ""\n  minimal-responses: yes\n'
        "  rrl-ratelimit: 0\n  ipv4-edns-size: 1232\n  server-count: 1\n"
        "remote-control:\n  control-enable: no\n"
        f'zone:\n  name: {origin}\n  zonefile: "{zone}"\n'
    )


def _knot(folder: Path, port: int, origin: str, zone: Path) -> str:
    return (
        f'server:\n  listen: 127.0.0.1@{port}\n  rundir: "{folder}"\n'
        "  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n"
        f'database:\n  storage: "{folder}/db"\n'
        f'zone:\n  - domain: {origin}\n    storage: "{folder}"\n    file: "{zone}"\n'
        "    zonefile-sync: -1\n"
    )


def _bind(folder: Path, port: int, origin: str, zone: Path) -> str:
    return (
        f'options {{ directory "{folder}"; pid-file none; session-keyfile none;\n'
        f"  lock-file none; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n"
        "  recursion no; empty-zones-enable no; minimal-responses yes; minimal-any yes;\n"
        "  max-udp-size 1232; edns-udp-size 1232; answer-cookie no; notify no;\n"
        "  dnssec-validation no; allow-transfer { none; }; check-names primary ignore;\n"
        "  rrset-order { order none; }; zero-no-soa-ttl no;\n};\n"
        "controls { };\n"
        f'zone "{origin}" {{ type primary; file "{zone}"; }};\n'
    )


PEERS: Mapping[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("NSD", "nsd", _nsd, ("-d", "-c")),
        Peer("Knot", "knotd", _knot, ("-c",)),
        Peer("BIND", "named", _bind, ("-f", "-n", "1", "-c")),
    )
}


class Running:
    """A running peer, in a folder of its own."""

    def __init__(self, peer: Peer, program: str, folder: Path, origin: str, zone: Path) -> None:
        """Start `program` on the zone file `zone` of the zone `origin`."""
        folder.mkdir()
        self.name = peer.name
        self.port = free_port()
        self.log = folder / "log"
        file = folder / "configuration"
        file.write_text(peer.configuration(folder, self.port, origin, zone))
        with self.log.open("wb") as log:
            self._child = subprocess.Popen(
                [program, *peer.command, file], cwd=folder, stdout=log, stderr=log
            )
        self._origin = origin

    def wait(self) -> None:
        """Wait until the peer answers for its zone."""
        query = dns.message.make_query(self._origin, "SOA")
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            assert self._child.poll() is None, f"{self.name} ended:\n{self.log.read_text()}"
            try:
                if dns.query.tcp(query, "127.0.0.1", port=self.port, timeout=2).answer:
                    return
            except (OSError, dns.exception.DNSException):
                pass
            time.sleep(0.05)
        raise AssertionError(f"{self.name} does not answer:\n{self.log.read_text()}")

    def stop(self) -> None:
        """Stop the process."""
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
            try:
                self._child.wait(10)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
