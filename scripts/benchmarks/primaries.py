"""Primaries of one zone, for stock secondaries to transfer: failoverdns, Knot and NSD.

Each serves `failover.test` on its own port of 127.0.0.1, gives it to whoever has the TSIG key, and
sends NOTIFY to the secondaries that it is given.  failoverdns and Knot can change the address of
`shop.failover.test` while they run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from measuring import EXECUTABLE, Process, connect, free_port

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from stock_secondaries import Key

ORIGIN = "failover.test"
HOSTNAME = f"shop.{ORIGIN}"
ADDRESSES = ("192.0.2.10", "198.51.100.20")
SOA = "ns1 hostmaster 1 300 60 1209600 60"


class Command(Protocol):
    """A change that has been asked for: `fileno` becomes readable when the primary replies."""

    def fileno(self) -> int:
        """Return the descriptor to wait for."""

    def finish(self) -> None:
        """Check that the command was successful."""


class Changing(Protocol):
    """A primary whose zone can be changed."""

    name: str

    def prepare(self, to: int) -> None:
        """Do what comes before a change of the answer to the address number `to`."""

    def change(self) -> Command:
        """Start the change."""

    def stop(self) -> None:
        """Stop the server."""


class FailoverDNS:
    """Our server, switched over the control socket."""

    name = "failoverdns"

    def __init__(
        self, folder: Path, key: Key, secondaries: Mapping[str, int], workers: int = 1
    ) -> None:
        """Start it with the port of each secondary, and with the state in `folder`, if any."""
        self.port = free_port()
        secret = folder / "xfr.key"
        secret.write_text(key.secret)
        secret.chmod(0o600)
        known = "".join(
            f'  {name.lower()}: {{address: "127.0.0.1:{port}", key: {key.name}}}\n'
            for name, port in secondaries.items()
        )
        config = folder / "failoverdns.yaml"
        config.write_text(
            f"zones: {{{ORIGIN}: {{nameservers: {{ns1: [127.0.0.1]}}}}}}\n"
            f'listen: ["127.0.0.1:{self.port}"]\nworkers: {workers}\n'
            "control: {socket: control.sock}\nstate: {sqlite: state.db}\n"
            f"tsig_keys: {{{key.name}: {{algorithm: {key.algorithm}, secret_file: xfr.key}}}}\n"
            f"secondaries:\n{known}"
        )
        self.process = Process([EXECUTABLE, "serve", "--config", config], folder)
        self._sock = connect(folder / "control.sock")
        self._replies = self._sock.makefile("rb", buffering=0)

    def add_group(self) -> None:
        """Add the group whose hostname is HOSTNAME."""
        for name, address in zip("ab", ADDRESSES, strict=True):
            self._do(f"application add {name}")
            self._do(f"head add {name} lb --role load-balancer --address {address}")
        self._do("group add shop --label shop --primary a --backup b")

    def prepare(self, to: int) -> None:
        """Write the command."""
        self._line = f"switch shop --to {('primary', 'backup')[to]}\n".encode()

    def change(self) -> Command:
        """Send the command without waiting for the reply."""
        self._sock.sendall(self._line)
        return self

    def fileno(self) -> int:
        """Return the descriptor of the control socket."""
        return self._sock.fileno()

    def finish(self) -> None:
        """Receive a reply, which must be a success."""
        reply = b""
        while not reply.endswith(b"\n"):
            part = self._replies.read(1 << 16)
            assert part, "the control socket was closed"
            reply += part
        assert b'"ok": true' in reply, reply

    def _do(self, line: str) -> None:
        self._sock.sendall(line.encode() + b"\n")
        self.finish()

    def stop(self) -> None:
        """Stop the server."""
        self.process.stop()


class Knot:
    """Knot DNS; a change is a transaction of knotc, of which only the commit counts."""

    name = "Knot"

    def __init__(
        self, folder: Path, key: Key, secondaries: Mapping[str, int], zone: Path | None = None
    ) -> None:
        """Start it on a zone file; without one, on a zone that has HOSTNAME only."""
        self.port = free_port()
        self._config = folder / "knot.conf"
        remotes = "".join(
            f"  - id: {name}\n    address: 127.0.0.1@{port}\n    key: {key.name}\n"
            for name, port in secondaries.items()
        )
        self._config.write_text(
            f'server:\n  listen: 127.0.0.1@{self.port}\n  rundir: "{folder}"\n'
            f'database:\n  storage: "{folder}"\n'
            f"key:\n  - id: {key.name}\n    algorithm: {key.algorithm}\n    secret: {key.secret}\n"
            f"{'remote:' if remotes else ''}\n{remotes}"
            f"acl:\n  - id: transfer\n    key: {key.name}\n    action: transfer\n"
            f'zone:\n  - domain: {ORIGIN}\n    storage: "{folder}"\n    acl: transfer\n'
            f"    file: {zone or 'zone'}\n    zonefile-sync: -1\n"
            + (f"    notify: [{', '.join(secondaries)}]\n" if secondaries else "")
        )
        if zone is None:
            folder.joinpath("zone").write_text(
                f"{ORIGIN}. 60 SOA {SOA}\n{ORIGIN}. 60 NS ns1\nns1.{ORIGIN}. 60 A 127.0.0.1\n"
                f"{HOSTNAME}. 60 A {ADDRESSES[0]}\n"
            )
        self.process = Process(["knotd", "-c", self._config], folder)

    def prepare(self, to: int) -> None:
        """Prepare the transaction."""
        for words in (
            ("zone-begin", ORIGIN),
            ("zone-unset", ORIGIN, "shop", "A"),
            ("zone-set", ORIGIN, "shop", "60", "A", ADDRESSES[to]),
        ):
            subprocess.run(self._knotc(*words), check=True, capture_output=True)

    def change(self) -> Command:
        """Start the commit."""
        return _Running(self._knotc("zone-commit", ORIGIN))

    def _knotc(self, *words: str) -> Sequence[str | Path]:
        return ["knotc", "-c", self._config, *words]

    def stop(self) -> None:
        """Stop the server."""
        self.process.stop()


class _Running:
    """A program that runs; its descriptor is readable when it has ended."""

    def __init__(self, command: Sequence[str | Path]) -> None:
        self._child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self._descriptor = os.pidfd_open(self._child.pid)

    def fileno(self) -> int:
        return self._descriptor

    def finish(self) -> None:
        os.close(self._descriptor)
        assert self._child.wait() == 0


class NSD:
    """NSD on a zone file, which it does not change."""

    name = "NSD"

    def __init__(self, folder: Path, key: Key, zone: Path) -> None:
        self.port = free_port()
        config = folder / "nsd.conf"
        config.write_text(
            f'server:\n  ip-address: 127.0.0.1@{self.port}\n  zonesdir: "{folder}"\n'
            f'  pidfile: ""\n  xfrdfile: "{folder}/xfrd"\n  xfrdir: "{folder}"\n'
            f'  zonelistfile: "{folder}/zones"\n  database: ""\n  username: ""\n  chroot: ""\n'
            "  rrl-ratelimit: 0\n  server-count: 1\n"
            "remote-control:\n  control-enable: no\n"
            f'key:\n  name: "{key.name}"\n  algorithm: {key.algorithm}\n'
            f'  secret: "{key.secret}"\n'
            f'zone:\n  name: {ORIGIN}\n  zonefile: "{zone}"\n'
            f"  provide-xfr: 127.0.0.1 {key.name}\n"
        )
        self.process = Process(["nsd", "-d", "-c", config], folder)

    def stop(self) -> None:
        """Stop the server."""
        self.process.stop()
