"""Measure the time from sending a switch to the first new answer, beside peers.

Each server answers for one name, and a switch changes its address.  One process sends the command,
then queries over UDP without a pause until the answer is the new one.  The servers take turns, so
that other load on the machine affects all of them.

  failoverdns socket   a line to the control socket, over an open connection
  failoverdns transfer the same, with another certificate to transfer each time
  failoverdns CLI      `failoverdns switch`, including the start of Python
  Knot transaction     knotc zone-begin, zone-unset, zone-set, zone-commit
  gdnsd admin_state    a new admin_state file, which gdnsd checks every other second
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from measuring import (
    EXECUTABLE,
    Asker,
    Process,
    connect,
    free_port,
    machine,
    print_table,
    quantiles,
    version_of,
    write_json,
)

ADDRESSES = ("192.0.2.10", "198.51.100.20")
REFERENCE = {
    "failoverdns socket": "under 1",
    "Knot transaction": "45",
    "gdnsd admin_state": "2020",
}
"""The milliseconds that the design expects."""


class Peer(Protocol):
    """A server that can be switched."""

    name: str
    hostname: str
    port: int

    def switch(self, to: int) -> None:
        """Start to switch the answer to the address number `to`."""

    def settle(self) -> None:
        """Wait until the command is complete."""

    def stop(self) -> None:
        """Stop the server."""


class FailoverDNS:
    """Our server, switched over the control socket."""

    name = "failoverdns socket"
    hostname = "shop.failover.test"

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        config = folder / "failoverdns.yaml"
        config.write_text(
            "zones: {failover.test: {nameservers: {ns1: [127.0.0.1]}}}\n"
            f'listen: ["127.0.0.1:{self.port}"]\n'
            "workers: 0\ncontrol: {socket: control.sock}\nstate: {sqlite: state.db}\n"
        )
        self.control = folder / "control.sock"
        self._process = Process([EXECUTABLE, "serve", "--config", config], folder)
        self._sock = connect(self.control)
        self._replies = self._sock.makefile("rb")
        for name, address in zip("ab", ADDRESSES, strict=True):
            self._do(f"application add {name}")
            self._do(f"head add {name} lb --role load-balancer --address {address}")
        self._do("group add shop --label shop --primary a --backup b")

    def _do(self, line: str) -> None:
        self._sock.sendall(line.encode() + b"\n")
        self.settle()

    def switch(self, to: int) -> None:
        """Send the command without waiting for the reply."""
        side = ("primary", "backup")[to]
        self._sock.sendall(b"switch shop --to %s\n" % side.encode())

    def settle(self) -> None:
        """Receive the reply."""
        reply = self._replies.readline()
        assert b'"ok": true' in reply, reply

    def stop(self) -> None:
        """Stop the server."""
        self._process.stop()


class FailoverDNSTransfer(FailoverDNS):
    """Our server, switched over the control socket with a certificate to transfer."""

    name = "failoverdns transfer"

    def switch(self, to: int) -> None:
        """Send the command without waiting for the reply."""
        super().switch(to)
        self._active = "ab"[to]

    def settle(self) -> None:
        """Receive the reply, and install the certificate that the next switch transfers."""
        super().settle()
        active = getattr(self, "_active", None)
        if active is not None:
            chain, key = self_signed(self.hostname)
            request = {"command": "certificate install", "application": active}
            self._sock.sendall(json.dumps({**request, "chain": chain, "key": key}).encode() + b"\n")
            super().settle()


class FailoverDNSCommand(FailoverDNS):
    """Our server, switched by the command line."""

    name = "failoverdns CLI"

    def switch(self, to: int) -> None:
        """Start the command without waiting for it."""
        side = ("primary", "backup")[to]
        words = [EXECUTABLE, "--socket", self.control, "switch", "shop", "--to", side]
        self._command = subprocess.Popen(words, stdout=subprocess.DEVNULL)

    def settle(self) -> None:
        """Wait for the command to end, if one was started."""
        if hasattr(self, "_command"):
            assert self._command.wait() == 0
        else:
            super().settle()


class Knot:
    """Knot DNS, switched by a transaction of knotc."""

    name = "Knot transaction"
    hostname = "shop.failover.test"

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._config = folder / "knot.conf"
        self._config.write_text(
            f'server:\n  listen: 127.0.0.1@{self.port}\n  rundir: "{folder}"\n'
            f'database:\n  storage: "{folder}"\n'
            f'template:\n  - id: default\n    storage: "{folder}"\n    zonefile-sync: -1\n'
            "zone:\n  - domain: failover.test\n    file: zone\n"
        )
        folder.joinpath("zone").write_text(
            "failover.test. 60 SOA ns1 hostmaster 1 3600 600 1209600 60\n"
            "failover.test. 60 NS ns1\nns1.failover.test. 60 A 127.0.0.1\n"
            f"{self.hostname}. 60 A {ADDRESSES[0]}\n"
        )
        self._process = Process(["knotd", "-c", self._config], folder)

    def switch(self, to: int) -> None:
        """Run a transaction."""
        zone, owner = "failover.test", "shop"
        for words in (
            ("zone-begin", zone),
            ("zone-unset", zone, owner, "A"),
            ("zone-set", zone, owner, "60", "A", ADDRESSES[to]),
            ("zone-commit", zone),
        ):
            command = ["knotc", "-c", self._config, *words]
            subprocess.run(command, check=True, capture_output=True)

    def settle(self) -> None:
        """Do nothing, because knotc has waited."""

    def stop(self) -> None:
        """Stop the server."""
        self._process.stop()


class Gdnsd:
    """gdnsd with its simplefo plugin, switched by the admin_state file."""

    name = "gdnsd admin_state"
    hostname = "shop.failover.test"

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        for name in ("zones", "run", "state"):
            folder.joinpath(name).mkdir()
        folder.joinpath("config").write_text(
            f'options => {{ listen => ["127.0.0.1:{self.port}"], run_dir => "{folder}/run", '
            f'state_dir => "{folder}/state" }}\n'
            "plugins => { simplefo => { shop => "
            f"{{ primary => {ADDRESSES[0]}, secondary => {ADDRESSES[1]} }} }} }}\n"
        )
        folder.joinpath("zones/failover.test").write_text(
            "@ 60 SOA ns1 hostmaster 1 3600 600 1209600 60\n"
            "@ 60 NS ns1\nns1 60 A 127.0.0.1\nshop 60 DYNA simplefo!shop\n"
        )
        self._state = folder / "state" / "admin_state"
        self._process = Process(["gdnsd", "-c", folder, "start"], folder)

    def switch(self, to: int) -> None:
        """Replace the admin_state file."""
        new = self._state.with_suffix(".new")
        new.write_text(f"{ADDRESSES[0]}/up => {('UP', 'DOWN')[to]}\n")
        new.rename(self._state)

    def settle(self) -> None:
        """Do nothing, because gdnsd does not report the change."""

    def stop(self) -> None:
        """Stop the server."""
        self._process.stop()


PEERS: dict[type[Peer], tuple[str, ...]] = {
    FailoverDNS: (str(EXECUTABLE), "version"),
    FailoverDNSTransfer: (str(EXECUTABLE), "version"),
    FailoverDNSCommand: (str(EXECUTABLE), "version"),
    Knot: ("knotd", "--version"),
    Gdnsd: ("gdnsd", "-h"),
}
SLOW = {FailoverDNSCommand: 10, Knot: 10, Gdnsd: 50}
"""Peers that switch in one of this number of rounds only."""


def self_signed(name: str) -> tuple[str, str]:
    """Return a new certificate for a name and its key, both as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    nobody = x509.Name([])
    certificate = (
        x509.CertificateBuilder(nobody, nobody, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=True)
        .sign(key, SHA256())
    )
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM).decode(), text.decode()


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=500, help="switches of failoverdns (500)")
    parser.add_argument("--json", metavar="FILE", help="also write the figures to a file")
    arguments = parser.parse_args()
    versions = {kind: version_of(*words) for kind, words in PEERS.items()}
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        running: list[Peer] = []
        try:
            for number, kind in enumerate(k for k in PEERS if versions[k]):
                place = Path(folder, str(number))
                place.mkdir()
                running.append(kind(place))  # type: ignore[call-arg]
            askers = {peer.name: Asker(peer.port, peer.hostname) for peer in running}
            for asker in askers.values():
                asker.wait_for_answer()
            for turn in range(arguments.rounds):
                for peer in running:
                    every = SLOW.get(type(peer), 1)
                    if turn % every == 0:
                        to = 1 - turn // every % 2
                        times.setdefault(peer.name, []).append(measure(peer, askers, to))
        finally:
            for peer in running:
                peer.stop()
    figures = {name: quantiles(values) for name, values in times.items()}
    report(figures, {kind.name: versions[kind] for kind in PEERS}, arguments.json)


def measure(peer: Peer, askers: dict[str, Asker], to: int) -> float:
    """Switch once; return the seconds until the first new answer."""
    asker = askers[peer.name]
    old = asker.wait_for_answer()
    began = time.monotonic()
    peer.switch(to)
    seconds = asker.time_of_change(old) - began
    peer.settle()
    return seconds


def report(
    figures: dict[str, dict[str, float]], versions: dict[str, str], path: str | None
) -> None:
    """Print the table, with ratios to the first row."""
    base = next(iter(figures.values()))["median_ms"]
    rows: list[tuple[object, ...]] = [
        ("switch to first new answer", "runs", "median ms", "p99 ms", "ratio", "design, ms")
    ]
    for name, row in figures.items():
        ratio = f"{row['median_ms'] / base:.1f}"
        expected = REFERENCE.get(name, "")
        rows.append((name, row["runs"], row["median_ms"], row["p99_ms"], ratio, expected))
    print_table(rows)
    for name, version in versions.items():
        print(f"{name}: {version or 'not installed'}")
    print(f"machine: {machine()}")
    write_json(path, {"figures": figures, "versions": versions, "machine": machine()})


if __name__ == "__main__":
    main()
