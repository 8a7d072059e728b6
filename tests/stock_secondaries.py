"""Other name servers as child processes that transfer zones from a primary: secondaries.

Knot, NSD, BIND and PowerDNS, each with the configuration that docs/secondaries.md shows, but for
ports and folders.  Each listens on its own port of 127.0.0.1, has a TSIG key, takes NOTIFY with
that key only, and lets anybody on loopback read its zones with AXFR, so that a test can compare
them.  Knot and BIND can also read a catalog zone (RFC 9432).  NSD cannot before 4.9, and PowerDNS
transfers the members of a catalog zone without TSIG.
"""

from __future__ import annotations

import base64
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rdata
import dns.rdatatype
import dns.rdtypes.ANY.SOA
import dns.tsig
import dns.tsigkeyring
import dns.zone
from ports import free_port

DEADLINE = 60.0
"""Seconds that anything may take, which is enough for a slow machine."""


@dataclass(frozen=True, slots=True)
class Key:
    """A TSIG key: its name, its algorithm as name servers write it, and its secret in base64."""

    name: str = "xfr.failover.test"
    algorithm: str = "hmac-sha256"
    secret: str = base64.b64encode(bytes(range(32))).decode()

    @property
    def words(self) -> tuple[str, str]:
        """The arguments of dig, kdig and nsupdate for the key."""
        return "-y", f"{self.algorithm}:{self.name}:{self.secret}"

    @property
    def ring(self) -> dict[dns.name.Name, dns.tsig.Key]:
        """The key for a client of dnspython."""
        ring: dict[dns.name.Name, dns.tsig.Key] = dns.tsigkeyring.from_text(
            {self.name: (f"{self.algorithm}.", self.secret)}
        )
        return ring


@dataclass(frozen=True, slots=True)
class Primary:
    """Where secondaries transfer from, with which key, which zones or which catalog zone.

    With `tls`, NSD and BIND transfer over TLS (RFC 9103) from that port of 127.0.0.1, whose
    certificate `authority` has signed for the name `hostname`.
    """

    port: int
    key: Key
    zones: Sequence[str]
    catalog: str | None = None
    tls: int | None = None
    authority: Path | None = None
    hostname: str = "ns1.failover.test"


@dataclass(frozen=True, slots=True)
class Make:
    """A make of name server: its program, how it is configured, and its command line."""

    name: str
    program: str
    configure: Callable[[Path, int, Primary], Sequence[str | Path]]
    reads_catalogs: bool


def _knot(folder: Path, port: int, primary: Primary) -> Sequence[str | Path]:
    key = primary.key
    text = (
        f'server:\n  listen: 127.0.0.1@{port}\n  rundir: "{folder}"\n'
        "  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 2\n"
        f'database:\n  storage: "{folder}"\n'
        f"key:\n  - id: {key.name}\n    algorithm: {key.algorithm}\n    secret: {key.secret}\n"
        f"remote:\n  - id: ns1\n    address: 127.0.0.1@{primary.port}\n    key: {key.name}\n"
        f"acl:\n  - id: notify_from_ns1\n    address: 127.0.0.1\n    key: {key.name}\n"
        "    action: notify\n  - id: anybody\n    address: 127.0.0.0/8\n    action: transfer\n"
        "template:\n  - id: from_ns1\n    master: ns1\n    acl: [notify_from_ns1, anybody]\n"
        f'    storage: "{folder}"\n    zonefile-sync: -1\n    zonefile-load: none\n'
        "    journal-content: all\n"
        "log:\n  - target: stderr\n    any: info\nzone:\n"
    )
    if primary.catalog is None:
        text += "".join(f"  - domain: {zone}\n    template: from_ns1\n" for zone in primary.zones)
    else:
        text += (
            f"  - domain: {primary.catalog}\n    template: from_ns1\n"
            "    catalog-role: interpret\n    catalog-template: from_ns1\n"
        )
    file = folder / "knot.conf"
    file.write_text(text)
    return ["knotd", "-c", file]


def _nsd(folder: Path, port: int, primary: Primary) -> Sequence[str | Path]:
    key = primary.key
    text = (
        f'server:\n  ip-address: 127.0.0.1@{port}\n  zonesdir: "{folder}"\n  pidfile: ""\n'
        f'  xfrdfile: "{folder}/xfrd"\n  xfrdir: "{folder}"\n  zonelistfile: "{folder}/zones"\n'
        '  database: ""\n  username: ""\n  chroot: ""\n  rrl-ratelimit: 0\n  server-count: 1\n'
        "  xfrd-reload-timeout: 0\n  verbosity: 1\n"
    )
    request = f"127.0.0.1@{primary.port} {key.name}"
    if primary.tls is not None:
        text += f'  tls-cert-bundle: "{primary.authority}"\n'
        request = f"127.0.0.1@{primary.tls} {key.name} ns1"
    text += (
        "remote-control:\n  control-enable: no\n"
        f'key:\n  name: "{key.name}"\n  algorithm: {key.algorithm}\n  secret: "{key.secret}"\n'
    )
    if primary.tls is not None:
        text += f'tls-auth:\n  name: "ns1"\n  auth-domain-name: "{primary.hostname}"\n'
    for zone in primary.zones:
        text += (
            f'zone:\n  name: "{zone}"\n  zonefile: "{zone}.zone"\n'
            f"  request-xfr: {request}\n  allow-notify: 127.0.0.1 {key.name}\n"
            "  provide-xfr: 127.0.0.0/8 NOKEY\n"
        )
    file = folder / "nsd.conf"
    file.write_text(text)
    return ["nsd", "-d", "-c", file]


def _bind(folder: Path, port: int, primary: Primary) -> Sequence[str | Path]:
    key = primary.key
    source, tls = f"{{ 127.0.0.1 port {primary.port} key {key.name}; }}", ""
    if primary.tls is not None:
        source = f"{{ 127.0.0.1 port {primary.tls} key {key.name} tls ns1; }}"
        tls = (
            f'tls ns1 {{ ca-file "{primary.authority}"; remote-hostname "{primary.hostname}"; '
            "protocols { TLSv1.3; }; };\n"
        )
    zones, catalog = primary.zones, ""
    if primary.catalog is not None:
        zones = [primary.catalog]
        catalog = (
            f'  catalog-zones {{ zone "{primary.catalog}" default-primaries {source}\n'
            f'    zone-directory "{folder}" min-update-interval 1; }};\n'
        )
    file = folder / "named.conf"
    file.write_text(
        f'key "{key.name}" {{ algorithm {key.algorithm}; secret "{key.secret}"; }};\n{tls}'
        f'options {{\n  directory "{folder}"; pid-file none; session-keyfile none;\n'
        f"  lock-file none; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n"
        "  recursion no; empty-zones-enable no; dnssec-validation no; notify no;\n"
        f"  allow-transfer {{ any; }}; allow-notify {{ key {key.name}; }};\n"
        f"  serial-query-rate 1000;\n{catalog}}};\ncontrols {{ }};\n"
        + "".join(
            f'zone "{zone}" {{ type secondary; primaries {source}; file "{zone}.db"; }};\n'
            for zone in zones
        )
    )
    return ["named", "-g", "-n", "1", "-c", file]


def _powerdns(folder: Path, port: int, primary: Primary) -> Sequence[str | Path]:
    database = folder / "pdns.sqlite3"
    folder.joinpath("pdns.conf").write_text(
        f"launch=gsqlite3\ngsqlite3-database={database}\ngsqlite3-pragma-synchronous=0\n"
        f"local-address=127.0.0.1\nlocal-port={port}\nsocket-dir={folder}\n"
        "secondary=yes\nxfr-cycle-interval=1\nallow-axfr-ips=127.0.0.0/8\n"
        "receiver-threads=1\ndistributor-threads=1\nloglevel=5\nsecurity-poll-suffix=\n"
    )
    if not database.exists():
        schema = Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql").read_text()
        with sqlite3.connect(database) as connection:
            connection.executescript(schema)
        connection.close()
        key = primary.key
        _pdnsutil(folder, "import-tsig-key", key.name, key.algorithm, key.secret)
        for zone in primary.zones:
            _pdnsutil(folder, "create-secondary-zone", zone, f"127.0.0.1:{primary.port}")
            _pdnsutil(folder, "activate-tsig-key", zone, key.name, "secondary")
            _pdnsutil(folder, "set-meta", zone, "IXFR", "1")
    return ["pdns_server", f"--config-dir={folder}"]


def _pdnsutil(folder: Path, *words: str) -> None:
    command = ["pdnsutil", f"--config-dir={folder}", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"


MAKES: Mapping[str, Make] = {
    make.name: make
    for make in (
        Make("Knot", "knotd", _knot, reads_catalogs=True),
        Make("NSD", "nsd", _nsd, reads_catalogs=False),
        Make("BIND", "named", _bind, reads_catalogs=True),
        Make("PowerDNS", "pdns_server", _powerdns, reads_catalogs=False),
    )
}


class Secondary:
    """A secondary, in a folder of its own, which can be stopped and started again."""

    def __init__(self, make: Make, folder: Path, primary: Primary, port: int | None = None) -> None:
        """Write the configuration into `folder`, which may exist; do not start the server.

        A port can be given, because the primary is configured with it before.
        """
        folder.mkdir(exist_ok=True)
        self.name = make.name
        self.port = port or free_port()
        self.log = folder / "log"
        self._folder = folder
        self._command = make.configure(folder, self.port, primary)
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> Secondary:
        """Start the server without waiting for it; return self."""
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self._command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Stop the server, with SIGKILL if it does not end in time."""
        child, self._child = self._child, None
        if child is None or child.poll() is not None:
            return
        child.send_signal(number)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def serial(self, zone: str) -> int | None:
        """Query the SOA record over UDP; return the serial, or None while it serves none."""
        return serial_at(zone, self.port)

    def wait_for(self, zone: str, serial: int | None) -> float:
        """Wait until the zone is served with this serial, or with any, or, for None, is not.

        Returns the seconds that this took.
        """
        began = time.monotonic()
        while (found := self.serial(zone)) != serial:
            self._check(began, f"serves serial {found} of {zone}, not {serial}")
            time.sleep(0.002)
        return time.monotonic() - began

    def wait_for_any(self, zone: str) -> int:
        """Wait until the zone is served, and return its serial."""
        began = time.monotonic()
        while (found := self.serial(zone)) is None:
            self._check(began, f"does not serve {zone}")
            time.sleep(0.01)
        return found

    def transfer(self, zone: str) -> list[str]:
        """Transfer the zone from it with dig; return its records in canonical form, sorted."""
        return transfer(zone, self.port)

    def _check(self, began: float, what: str) -> None:
        ended = self._child is None or self._child.poll() is not None
        assert not ended, f"{self.name} has ended:\n{self.last_lines()}"
        late = time.monotonic() > began + DEADLINE
        assert not late, f"{self.name} {what}:\n{self.last_lines()}"

    def last_lines(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-4000:]


def serial_at(zone: str, port: int) -> int | None:
    """Query a port of 127.0.0.1 for an SOA record; return the serial, or None without a record."""
    query = dns.message.make_query(zone, "SOA")
    query.flags &= ~dns.flags.RD
    with suppress(OSError, dns.exception.DNSException):
        reply = dns.query.udp(query, "127.0.0.1", 2.0, port)
        for rrset in reply.answer:
            for rdata in rrset:
                if isinstance(rdata, dns.rdtypes.ANY.SOA.SOA):
                    return int(rdata.serial)
    return None


def transfer(zone: str, port: int, *words: str, program: str = "dig") -> list[str]:
    """Transfer a zone from a port of 127.0.0.1 with dig or kdig.

    `words` are further arguments, such as a TSIG key.  Returns the records, one a line, in one form
    and order, so that what two servers have can be compared.
    """
    return records_of(transferred_text(zone, port, *words, program=program), zone)


def transferred_text(zone: str, port: int, *words: str, program: str = "dig") -> str:
    """Transfer a zone with dig or kdig; return what it prints: a zone file."""
    command = [program, "@127.0.0.1", "-p", str(port), "AXFR", zone, "+noall", "+answer", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def records_of(text: str, zone: str) -> list[str]:
    """Return the records of a zone file, one a line, in canonical form and order (RFC 4034, 6)."""
    read = dns.zone.from_text(text, origin=zone, relativize=False, check_origin=False)
    return sorted(
        f"{name.canonicalize()} {ttl} {dns.rdatatype.to_text(rdata.rdtype)} {_canonical(rdata)}"
        for name, ttl, rdata in read.iterate_rdatas()
    )


def _canonical(rdata: dns.rdata.Rdata) -> dns.rdata.Rdata:
    """Return a record with its names in lower case, as some servers send them."""
    wire = rdata.to_digestable()
    return dns.rdata.from_wire(rdata.rdclass, rdata.rdtype, wire, 0, len(wire))
