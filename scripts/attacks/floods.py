"""Floods of HTTP clients, and how switches, answers and memory are meanwhile.

Each flood is a small program in C with the lowest priority, so that it takes little of what the
server needs.  Meanwhile an operator switches over the control socket and over HTTP, from another
address than those of the flood, and a DNS client asks.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import dns.message
import dns.query
from authority import Authority
from system.server import DEADLINE, wait_for

from attacks.target import Target

SOURCE = Path(__file__).parent / "native" / "http_clients.c"
GROUP, HOSTNAME = "shop", "shop.failover.test"
EU, US = "192.0.2.10", "198.51.100.20"
WRONG = "fdns_aaaaaaaaaa_" + "a" * 52
HTTP = """\
http: {listen: ["127.0.0.1:0"]}
"""
HTTPS = """\
http: {listen: ["127.0.0.1:0"], certificate: web.pem, key: web.key}
"""


@dataclass(frozen=True, slots=True)
class Flood:
    """What clients send, and how: see `native/http_clients.c`."""

    path: str = ""
    """What to GET; nothing for a ClientHello."""
    kind: str = "requests"
    connections: int = 50
    rate: int = 1000
    networks: int = 1
    token: str = ""
    """The token that they show: of a viewer if it is empty."""
    changed: int = 0
    """Groups that are switched together, four times a second, so that events are long."""

    @property
    def is_secure(self) -> bool:
        """Whether it is for a server with TLS."""
        return not self.path


STATUS = "/api/v1/status"
FLOODS: dict[str, Flood] = {
    "nothing else": Flood(STATUS, rate=0),
    "1,000/s of a viewer: status of a group": Flood(f"{STATUS}?group={GROUP}"),
    "1,000/s of a viewer: status of all": Flood(STATUS),
    "200 event streams that never read": Flood(
        "/api/v1/events", "deaf", connections=200, rate=200, networks=2, changed=150
    ),
    "10,000/s wrong tokens, one address": Flood(STATUS, connections=200, rate=10_000, token=WRONG),
    "10,000/s wrong tokens, 250 addresses": Flood(
        STATUS, connections=250, rate=10_000, networks=250, token=WRONG
    ),
    "2,000 half requests, one address": Flood(STATUS, "drip", connections=2000, rate=2000),
    "2,000 half requests, 250 addresses": Flood(
        STATUS, "drip", connections=2000, rate=2000, networks=250
    ),
    "nothing else, with TLS": Flood(rate=0),
    "1,000/s TLS handshakes, one address": Flood(kind="once", connections=500),
    "1,000/s TLS handshakes, 250 addresses": Flood(kind="once", connections=500, networks=250),
}
"""The floods by name.  A token is that of a viewer, unless it is wrong."""


@dataclass
class Seen:
    """What the operator and the DNS client saw."""

    switches: list[float] = field(default_factory=list)
    over_http: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    http_failures: int = 0
    """Requests of the operator that got no 200."""


class Stage:
    """A server with groups, an operator's and a viewer's token, and the program that floods it."""

    def __init__(self, folder: Path, *, groups: int = 1000, is_secure: bool = False) -> None:
        self.target = Target(folder, workers=1)
        self.target.precedes = True
        self.is_secure = is_secure
        self.context = ssl.create_default_context()
        if is_secure:
            authority = Authority()
            authority.issue("localhost").save(folder, "web")
            self.context = ssl.create_default_context(cadata=authority.pem)
        text = self.target.config.read_text()
        self.target.config.write_text(text + (HTTPS if is_secure else HTTP))
        self.flooder = folder / "http_clients"
        subprocess.run(["cc", "-O2", "-o", self.flooder, SOURCE], check=True)
        self.target.start()
        wait_for(lambda: "HTTP is served" in self.target.log.read_text())
        found = re.search(r"HTTPS? on 127\.0\.0\.1:(\d+)", self.target.log.read_text())
        assert found is not None
        self.port = int(found[1])
        self._fill(groups)
        self.tokens = {
            role: self.target.do(command="token add", name=role, role=role)["token"]
            for role in ("viewer", "operator")
        }

    def close(self) -> None:
        """Stop the server."""
        self.target.kill()

    def measure(self, flood: Flood, seconds: float) -> dict[str, Any]:
        """Flood the server for some seconds; return the figures."""
        before, used = self.memory(), self.used()
        highest = dict(before)
        with self._flooding(flood, seconds) as process:
            time.sleep(0.5)
            with self._watching(flood.changed) as seen:
                until = time.monotonic() + seconds
                while time.monotonic() < until:
                    time.sleep(0.25)
                    for name, size in self.memory().items():
                        highest[name] = max(highest.get(name, 0.0), size)
            used = {name: round(after - used[name], 2) for name, after in self.used().items()}
            clients = json.loads(process.communicate()[0]) if process is not None else {}
        return {
            "switch_ms": _figures(seen.switches),
            "http_switch_ms": _figures(seen.over_http),
            "answer_ms": _figures(seen.answers),
            "http_failures": seen.http_failures,
            "broken": seen.broken,
            "memory_mib": {name: [before[name], highest[name]] for name in before},
            "processor_s": used,
            "clients": clients,
        }

    def memory(self) -> dict[str, float]:
        """Return the resident memory of the control process and of the web process in MiB."""
        found = {}
        for name, pid in self._processes():
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            found[name] = round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)
        return found

    def used(self) -> dict[str, float]:
        """Return the processor time of both in seconds."""
        found = {}
        for name, pid in self._processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            found[name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return found

    def _processes(self) -> Iterator[tuple[str, int]]:
        for pid in self.target.processes():
            with suppress(OSError):
                title = Path(f"/proc/{pid}/cmdline").read_bytes()
                for name in ("control", "http"):
                    if title.startswith(f"failoverdns: {name}".encode()):
                        yield name, pid

    def _fill(self, groups: int) -> None:
        lines = [
            "application add shop-eu",
            f"head add shop-eu lb1 --role load-balancer --address {EU}",
            "application add shop-us",
            f"head add shop-us lb1 --role load-balancer --address {US}",
            f"group add {GROUP} --label {GROUP} --primary shop-eu --backup shop-us",
            *(f"group add g{n} --primary shop-eu --backup shop-us" for n in range(groups - 1)),
        ]
        with self.target.connect() as client:
            for line in lines:
                reply = client.ask(line.encode() + b"\n")
                assert reply["ok"], reply

    @contextmanager
    def _flooding(self, flood: Flood, seconds: float) -> Iterator[subprocess.Popen[str] | None]:
        if flood.rate == 0:
            yield None
            return
        file = self.target.folder / "request"
        file.write_bytes(self._bytes(flood))
        words: dict[str, object] = {
            "port": self.port,
            "file": file,
            "kind": flood.kind,
            "connections": flood.connections,
            "rate": flood.rate,
            "networks": flood.networks,
            "seconds": seconds + 1,
        }
        command = ["nice", "-n", "19", str(self.flooder)]
        command += [str(word) for name, value in words.items() for word in (f"--{name}", value)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
            except BaseException:
                process.kill()
                raise

    def _bytes(self, flood: Flood) -> bytes:
        if not flood.path:
            out = ssl.MemoryBIO()
            with suppress(ssl.SSLWantReadError):
                self.context.wrap_bio(
                    ssl.MemoryBIO(), out, server_hostname="localhost"
                ).do_handshake()
            return out.read()
        token = flood.token or self.tokens["viewer"]
        return (
            f"GET {flood.path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
        ).encode()

    @contextmanager
    def _watching(self, changed: int) -> Iterator[Seen]:
        """Switch and ask all the while; switch `changed` other groups together, too."""
        seen, over = Seen(), threading.Event()

        def repeated(act: Callable[[int], None], pause: float) -> None:
            number = 0
            while not over.wait(pause):
                try:
                    act(number)
                except Exception as fault:
                    seen.broken.append(f"{act.__name__}: {fault!r}")
                number += 1

        client = self.target.connect()

        def switch(number: int) -> None:
            side = ("backup", "primary")[number % 2]
            began = time.monotonic()
            client.send({"command": "switch", "groups": [GROUP], "to": side})
            reply = client.receive()
            seen.switches.append(time.monotonic() - began)
            assert reply["ok"], reply
            found = self.target.resolve(HOSTNAME)
            assert found == [(US, EU)[number % 2]], f"{found} after a switch to {side}"

        def switch_over_http(number: int) -> None:
            began = time.monotonic()
            status = self._post(
                "switch", {"groups": ["g1"], "to": ("backup", "primary")[number % 2]}
            )
            if status == 200:
                seen.over_http.append(time.monotonic() - began)
            else:
                seen.http_failures += 1

        def switch_many(number: int) -> None:
            groups = [f"g{n + 2}" for n in range(changed)]
            side = ("backup", "primary")[number % 2]
            with self.target.connect() as other:
                other.send({"command": "switch", "groups": groups, "to": side})
                assert other.receive()["ok"]

        query = dns.message.make_query(HOSTNAME, "A", use_edns=-1)

        def ask(number: int) -> None:
            began = time.monotonic()
            assert dns.query.udp(query, "127.0.0.1", 5, self.target.port).answer, number
            seen.answers.append(time.monotonic() - began)

        repeating = [(switch, 0.05), (switch_over_http, 0.1), (ask, 0.01)]
        if changed:
            repeating.append((switch_many, 0.25))
        threads = [threading.Thread(target=repeated, args=one) for one in repeating]
        for thread in threads:
            thread.start()
        try:
            yield seen
        finally:
            over.set()
            for thread in threads:
                thread.join()
            client.close()

    def _post(self, command: str, fields: dict[str, Any]) -> int:
        """Send a command of the operator on a new connection; return the status, 0 for none."""
        where: tuple[str, int] = ("localhost", self.port)
        client = (
            http.client.HTTPSConnection(*where, timeout=DEADLINE, context=self.context)
            if self.is_secure
            else http.client.HTTPConnection(*where, timeout=DEADLINE)
        )
        headers = {
            "Authorization": f"Bearer {self.tokens['operator']}",
            "Content-Type": "application/json",
        }
        try:
            client.request("POST", f"/api/v1/{command}", json.dumps(fields), headers)
            response = client.getresponse()
            response.read()
            return response.status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            client.close()


def _figures(seconds: list[float]) -> dict[str, float]:
    """Return number, median, 99th percentile and maximum, in milliseconds."""
    ordered = sorted(seconds) or [0.0]
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    found = {"median": median(ordered), "p99": p99, "max": ordered[-1]}
    return {"number": len(seconds), **{name: round(x * 1000, 1) for name, x in found.items()}}


def rows(results: dict[str, dict[str, Any]]) -> list[tuple[object, ...]]:
    """Return the rows of a table of figures by flood."""

    def times(figures: dict[str, float]) -> str:
        return " / ".join(f"{figures[name]:g}" for name in ("median", "p99", "max"))

    found: list[tuple[object, ...]] = [
        (
            "flood",
            "switch, ms: median / 99 % / longest",
            "switch over HTTP, ms",
            "without a reply",
            "answer, ms",
            "control and web process, at most MiB",
            "sent, 2xx, 4xx",
        )
    ]
    for name, result in results.items():
        memory, clients = result["memory_mib"], result["clients"]
        counts = (clients.get(key, 0) for key in ("sent", "2xx", "4xx"))
        tried = result["http_switch_ms"]["number"] + result["http_failures"]
        found.append(
            (
                name,
                times(result["switch_ms"]),
                times(result["http_switch_ms"]),
                f"{result['http_failures']} of {tried}",
                times(result["answer_ms"]),
                ", ".join(f"{memory[kind][1]:g}" for kind in ("control", "http")),
                ", ".join(f"{count:,}" for count in counts),
            )
        )
    return found
