"""Measure what a reload of very many records holds up: switches and answers meanwhile.

A client switches a group twenty times a second, another one queries its name.  Each row is one
reload: of records that are all new, the same, all with another TTL, or gone again.  The longest
switch is also given without a reload, because it contains a write to the disk; and the seconds of
processor time of the control process, the reading process left out.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from measuring import (
    DEADLINE,
    EXECUTABLE,
    Asker,
    Process,
    connect,
    free_port,
    machine,
    print_table,
    write_json,
)

PER_FILE = 100_000
"""Records in a zone file, at most."""

FORMS = ("files", "yaml", "zones")
HEAD = ("reload", "seconds", "CPU s", "MiB", "switches", "longest, ms", "queries", "longest, ms")


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--records", type=int, default=50_000, help="records (50000)")
    parser.add_argument(
        "--form", choices=FORMS, default="files", help="where they are: zone files, YAML, or zones"
    )
    parser.add_argument("--workers", type=int, default=2, help="answering processes (2)")
    parser.add_argument("--json", metavar="FILE", help="write the figures to a file, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        server = Server(Path(name), options.form, options.workers)
        try:
            rows = server.measure(options.records)
        finally:
            server.stop()
    print_table([HEAD, *rows])
    print(f"machine: {machine()}")
    write_json(options.json, {"rows": [dict(zip(HEAD, row, strict=True)) for row in rows]})


@dataclass(frozen=True, slots=True)
class Took:
    """When something began, and how long it took, in seconds."""

    began: float
    seconds: float


class Server:
    """Our server, with clients that switch and query all the while."""

    def __init__(self, folder: Path, form: str, workers: int) -> None:
        self.folder, self.form, self.workers = folder, form, workers
        self.port = free_port()
        self.file = folder / "failoverdns.yaml"
        self.configure(0, 60)
        self.process = Process([EXECUTABLE, "serve", "--config", self.file], folder)
        self.control = connect(folder / "control.sock")
        self.replies = self.control.makefile("rb")
        for name, address in (("a", "192.0.2.10"), ("b", "198.51.100.20")):
            self.do(f"application add {name}")
            self.do(f"head add {name} lb --role load-balancer --address {address}")
        self.do("group add shop --label shop --zone failover.test --primary a --backup b")
        self.switches: list[Took] = []
        self.queries: list[Took] = []

    def configure(self, records: int, ttl: int) -> None:
        """Write the configuration."""
        lines = [f"h{n} {ttl} A 10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(records)]
        zones = "  failover.test: {nameservers: {ns1: [127.0.0.1]}}\n"
        if self.form == "zones":
            form = "  z{}.test: {{nameservers: {{ns.x.test: []}}, ttl: {}, records: [{}]}}\n"
            zones += "".join(form.format(n, ttl, line) for n, line in enumerate(lines))
        for at in range(0, records if self.form != "zones" else 0, PER_FILE):
            some, origin = lines[at : at + PER_FILE], f"z{at // PER_FILE}.test"
            zones += f"  {origin}:\n    nameservers: {{ns.x.test: []}}\n"
            if self.form == "files":
                (self.folder / f"{origin}.zone").write_text("\n".join(some) + "\n")
                zones += f"    records_files: [{origin}.zone]\n"
            else:
                zones += "    records:\n" + "".join(f"      - {line}\n" for line in some)
        self.file.write_text(
            f'zones:\n{zones}listen: ["127.0.0.1:{self.port}"]\nworkers: {self.workers}\n'
            "control: {socket: control.sock}\nstate: {sqlite: state.db}\n"
        )

    def do(self, line: str) -> None:
        """Carry out a command."""
        self.control.sendall(line.encode() + b"\n")
        reply = self.replies.readline()
        assert b'"ok": true' in reply, reply

    def measure(self, records: int) -> list[tuple[str, ...]]:
        """Reload again and again; return the rows."""
        over = threading.Event()
        threads = [
            threading.Thread(target=self._switch, args=(over,)),
            threading.Thread(target=self._query, args=(over,)),
        ]
        for one in threads:
            one.start()
        try:
            began = time.monotonic()
            time.sleep(3)
            rows = [self._row("none", began, 0.0, time.monotonic())]
            for name, count, ttl in (
                (f"{records:,} new", records, 60),
                ("the same", records, 60),
                ("another TTL", records, 61),
                ("gone", 0, 60),
            ):
                self.configure(count, ttl)
                rows.append(self._reload(name))
            return rows
        finally:
            over.set()
            for one in threads:
                one.join()

    def stop(self) -> None:
        """Stop the server."""
        self.process.stop()

    def _reload(self, name: str) -> tuple[str, ...]:
        log = self.folder / "log"
        seen, used = log.read_text().count("] reloaded"), self._cpu()
        began = time.monotonic()
        self.process.child.send_signal(signal.SIGHUP)
        while log.read_text().count("] reloaded") == seen:
            assert time.monotonic() - began < 10 * DEADLINE, log.read_text()
            time.sleep(0.02)
        ended = time.monotonic()
        time.sleep(0.5)
        return self._row(name, began, self._cpu() - used, ended)

    def _row(self, name: str, began: float, used: float, ended: float) -> tuple[str, ...]:
        row = [name, f"{ended - began:.1f}", f"{used:.2f}", f"{self.process.memory():.0f}"]
        for took in (self.switches, self.queries):
            found = [one.seconds for one in took if began <= one.began <= ended + 0.5]
            row += [str(len(found)), f"{max(found) * 1000:.1f}"]
        return tuple(row)

    def _cpu(self) -> float:
        stat = Path(f"/proc/{self.process.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def _switch(self, over: threading.Event) -> None:
        while not over.wait(0.05):
            began = time.monotonic()
            self.do("switch shop")
            self.switches.append(Took(began, time.monotonic() - began))

    def _query(self, over: threading.Event) -> None:
        asker = Asker(self.port, "shop.failover.test")
        while not over.wait(0.003):
            began = time.monotonic()
            while asker.ask() is None:
                pass
            self.queries.append(Took(began, time.monotonic() - began))
        asker.close()


if __name__ == "__main__":
    main()
