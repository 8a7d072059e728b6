"""Measure the CPU time of probing, beside two programs that one would write instead.

Many heads, each at its own address on loopback, are probed once a second; their server is
another process on another core.  The peers use standard means: asyncio's streams, and Twisted's
endpoints and Agent, each with a time-out for each probe.  All take turns in several rounds; figures
are medians, and ratios are computed in each round.
HTTPS is probed at a fraction of the rate, because the server of the heads cannot keep up with it.
Its share of a core is computed from the CPU time of one probe.
The goal is 2,000 probes a second (tcp and http) in a fifth of a core.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import multiprocessing
import os
import random
import resource
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from measuring import machine, print_table, write_json
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.internet.task import LoopingCall
from twisted.web.client import Agent, readBody
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from failoverdns.model.health import (
    Check,
    CheckKind,
    HttpExpectation,
    ProbeResult,
    ProbeTarget,
    TlsExpectation,
)
from failoverdns.net.descriptors import allow_descriptors
from failoverdns.net.process import take_reactor
from failoverdns.probing.probe_loop import Probing
from failoverdns.probing.prober import Prober

sys.path.append(str(Path(__file__).parents[2] / "tests"))
from authority import Authority

GOAL = 0.20
"""The share of a core that `RATE` probes a second may take."""

RATE = 2000
HTTPS_PART = 10
"""The rate of HTTPS probes is `RATE` divided by this."""

NAME = "www.shop.example"
BODY = b"<html><body>all is well</body></html>\n"
RESPONSE = (
    b"HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Thu, 26 Nov 2026 10:00:00 GMT\r\n"
    b"Content-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
    % (len(BODY), BODY)
)
TICK = 0.05
WARM_UP = 1.5


@dataclass(frozen=True)
class Work:
    """The task of a prober: a number of heads at `port`, each probed once a second."""

    kind: CheckKind
    port: int
    heads: int
    ca_file: str
    seconds: float

    def addresses(self) -> list[str]:
        """Return the addresses of the heads."""
        return [str(IPv4Address("127.1.0.0") + 1 + number) for number in range(self.heads)]

    def per_tick(self) -> float:
        """Return the number of probes that begin in a tick."""
        return self.heads * TICK


class Meter:
    """Counts good and other probes, and the CPU seconds between `begin` and `end`."""

    def __init__(self) -> None:
        self.good = self.bad = 0
        self._mark = (0.0, 0.0, 0, 0)

    def note(self, good: bool) -> None:
        """Count a probe."""
        self.good += good
        self.bad += not good

    def begin(self) -> None:
        """Begin the measurement."""
        gc.collect()
        self._mark = (_cpu(), time.monotonic(), self.good, self.bad)

    def end(self) -> dict[str, float]:
        """End the measurement; return its figures."""
        cpu, began, good, bad = self._mark
        return {
            "cpu": _cpu() - cpu,
            "seconds": time.monotonic() - began,
            "good": self.good - good,
            "bad": self.bad - bad,
        }


def probe_ours(work: Work) -> dict[str, float]:
    """Probe with failoverdns, as its server does."""
    reactor, meter = take_reactor(), Meter()
    check = Check(
        "bench",
        work.kind,
        work.port,
        interval=1.0,
        http=HttpExpectation(body="all is well" if work.kind is not CheckKind.TCP else None),
        tls=TlsExpectation(ca_file=work.ca_file),
    )

    def learn(key: str, result: ProbeResult) -> bool:
        meter.note(result.is_good)
        return True

    prober = Prober(reactor, max_probes=512, max_programs=32)
    probing: Probing[str] = Probing(prober, learn, reactor, random.Random(1))
    probing.set_targets(
        {
            address: ProbeTarget(check, "shop", address, IPv4Address(address), (NAME,))
            for address in work.addresses()
        }
    )
    return _run_reactor(reactor, meter, work.seconds)


def probe_twisted(work: Work) -> dict[str, float]:
    """Probe with Twisted's endpoints and Agent."""
    reactor, meter = take_reactor(), Meter()
    # By default Agent makes a context for each connection, which costs more than all else.
    trusted = Certificate.loadPEM(Path(work.ca_file).read_bytes())
    elsewhere = _Elsewhere(reactor, optionsForClientTLS(NAME, trusted))
    agent = Agent.usingEndpointFactory(reactor, elsewhere)
    headers = Headers({"User-Agent": ["bench"], "Connection": ["close"], "Host": [NAME]})

    def probe(address: str) -> None:
        if work.kind is CheckKind.TCP:
            factory = Factory.forProtocol(Protocol)
            waiting: Deferred[Any] = TCP4ClientEndpoint(reactor, address, work.port, 3).connect(
                factory
            )
            waiting.addCallback(lambda protocol: protocol.transport.loseConnection())
        else:
            elsewhere.address = address
            url = f"{work.kind.value}://{NAME}:{work.port}/"
            waiting = agent.request(b"GET", url.encode(), headers).addCallback(readBody)
            waiting.addCallback(_expect_body)
        waiting.addTimeout(3.0, reactor)
        waiting.addCallbacks(lambda _: meter.note(True), lambda _: meter.note(False))

    begin = _spread(work, probe)
    ticking = LoopingCall(begin)
    ticking.clock = reactor
    reactor.callWhenRunning(ticking.start, TICK)
    return _run_reactor(reactor, meter, work.seconds)


@implementer(IAgentEndpointFactory)
class _Elsewhere:
    """An endpoint factory for Agent that connects to an address, though the URL has a name."""

    def __init__(self, reactor: Any, options: Any) -> None:
        self.address = ""
        self._reactor = reactor
        self._options = options

    def endpointForURI(self, uri: Any) -> Any:  # noqa: N802
        """Return the endpoint to connect to, with TLS for https."""
        endpoint = TCP4ClientEndpoint(self._reactor, self.address, uri.port, 3)
        return wrapClientTLS(self._options, endpoint) if uri.scheme == b"https" else endpoint


def probe_asyncio(work: Work) -> dict[str, float]:
    """Probe with asyncio's streams."""
    meter = Meter()
    context = ssl.create_default_context(cafile=work.ca_file)
    request = f"GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode()

    async def talk(address: str) -> bool:
        if work.kind is CheckKind.HTTPS:
            reader, writer = await asyncio.open_connection(
                address, work.port, ssl=context, server_hostname=NAME
            )
        else:
            reader, writer = await asyncio.open_connection(address, work.port)
        try:
            if work.kind is CheckKind.TCP:
                return True
            writer.write(request)
            header = await reader.readuntil(b"\r\n\r\n")
            return header.startswith(b"HTTP/1.1 200 ") and b"all is well" in await reader.read(
                65536
            )
        finally:
            writer.close()

    async def probe(address: str) -> None:
        try:
            meter.note(await asyncio.wait_for(talk(address), 3.0))
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            meter.note(False)

    async def run() -> dict[str, float]:
        tasks: set[asyncio.Task[None]] = set()

        def begin_one(address: str) -> None:
            task = asyncio.create_task(probe(address))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        begin, until, measured = _spread(work, begin_one), None, False
        started = time.monotonic()
        while until is None or time.monotonic() < until:
            begin()
            if not measured and time.monotonic() - started > WARM_UP:
                meter.begin()
                measured, until = True, time.monotonic() + work.seconds
            await asyncio.sleep(TICK)
        return meter.end()

    return asyncio.run(run())


PROBERS: dict[str, Callable[[Work], dict[str, float]]] = {
    "failoverdns": probe_ours,
    "asyncio streams": probe_asyncio,
    "Twisted endpoints, Agent": probe_twisted,
}


def _spread(work: Work, probe: Callable[[str], None]) -> Callable[[], None]:
    """Return a function that starts all probes that are due, one head after the other."""
    addresses, begun, started = work.addresses(), 0, time.monotonic()

    def begin() -> None:
        nonlocal begun
        while begun < (time.monotonic() - started) * work.heads:
            probe(addresses[begun % len(addresses)])
            begun += 1

    return begin


def _expect_body(body: bytes) -> None:
    if b"all is well" not in body:
        raise ValueError("another body")


def _run_reactor(reactor: Any, meter: Meter, seconds: float) -> dict[str, float]:
    figures: dict[str, float] = {}

    def end() -> None:
        figures.update(meter.end())
        reactor.stop()

    reactor.callLater(WARM_UP, meter.begin)
    reactor.callLater(WARM_UP + seconds, end)
    reactor.run(installSignalHandlers=False)
    return figures


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def serve(chain: str, key: str, core: int, ready: Connection) -> None:
    """Answer HTTP requests with and without TLS, at two ports that are sent through `ready`."""
    os.sched_setaffinity(0, {core})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)

    async def run() -> None:
        allow_descriptors(8192)
        ports = []
        for tls in (None, context):
            server = await asyncio.get_running_loop().create_server(
                _Answering, "0.0.0.0", 0, ssl=tls, backlog=4096
            )
            ports.append(server.sockets[0].getsockname()[1])
        ready.send(ports)
        await asyncio.Event().wait()

    asyncio.run(run())


class _Answering(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(RESPONSE)
        self.transport.close()


def run_prober(name: str, work: Work, core: int, answer: Connection) -> None:
    """Probe in a process of its own, and send the figures through `answer`."""
    os.sched_setaffinity(0, {core})
    allow_descriptors(8192)
    answer.send(PROBERS[name](work))


def measure(seconds: float, rounds: int, rate: int) -> list[dict[str, Any]]:
    """Let all probers take turns; return a row of figures for each kind and prober."""
    context = multiprocessing.get_context("spawn")
    cores = sorted(os.sched_getaffinity(0))
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Authority("Bench")
        chain, key = root.issue(NAME).save(Path(folder), "server")
        ca_file = Path(folder) / "ca.pem"
        ca_file.write_text(root.pem)
        ours, theirs = context.Pipe()
        arguments = (str(chain), str(key), cores[-1], theirs)
        server = context.Process(target=serve, args=arguments, daemon=True)
        server.start()
        plain, secure = ours.recv()
        try:
            for kind in (CheckKind.TCP, CheckKind.HTTP, CheckKind.HTTPS):
                is_tls = kind is CheckKind.HTTPS
                heads = rate // HTTPS_PART if is_tls else rate
                work = Work(kind, secure if is_tls else plain, heads, str(ca_file), seconds)
                runs: dict[str, list[dict[str, float]]] = {name: [] for name in PROBERS}
                for _ in range(rounds):
                    for name in PROBERS:
                        runs[name].append(_in_process(context, name, work, cores[0]))
                rows += [_row(kind, name, runs, rate) for name in PROBERS]
        finally:
            server.terminate()
            server.join(10)
    return rows


def _in_process(context: Any, name: str, work: Work, core: int) -> dict[str, float]:
    ours, theirs = context.Pipe()
    process = context.Process(target=run_prober, args=(name, work, core, theirs), daemon=True)
    process.start()
    if not ours.poll(WARM_UP + work.seconds + 60):
        process.kill()
        raise RuntimeError(f"{name} does not end")
    figures: dict[str, float] = ours.recv()
    process.join(10)
    return figures


def _row(
    kind: CheckKind, name: str, runs: dict[str, list[dict[str, float]]], rate: int
) -> dict[str, Any]:
    def per_probe(figures: dict[str, float]) -> float:
        return figures["cpu"] / max(1, figures["good"] + figures["bad"])

    mine = [per_probe(figures) for figures in runs[name]]
    ours = [per_probe(figures) for figures in runs["failoverdns"]]
    median = statistics.median(mine)
    return {
        "kind": kind.value,
        "prober": name,
        "rate": statistics.median((f["good"] + f["bad"]) / f["seconds"] for f in runs[name]),
        "bad": int(sum(figures["bad"] for figures in runs[name])),
        "us": median * 1e6,
        "core": median * rate,
        "ratio": statistics.median(a / b for a, b in zip(mine, ours, strict=True)),
    }


def main() -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="for each run, 1 to 60 (5)")
    parser.add_argument("--rounds", type=int, default=3, help="1 to 20 (3)")
    parser.add_argument("--rate", type=int, default=RATE, help="probes a second (2000)")
    parser.add_argument("--json", metavar="FILE", help="also write the figures to a file")
    arguments = parser.parse_args()
    seconds = min(max(arguments.seconds, 1.0), 60.0)
    rounds, rate = min(max(arguments.rounds, 1), 20), min(max(arguments.rate, 10), 20000)
    print(machine())
    rows = measure(seconds, rounds, rate)
    heading = ("kind", "prober", "probes/s", "bad", "us CPU", f"core at {rate}/s", "x ours", "")
    print_table(
        [
            heading,
            *(
                (
                    row["kind"],
                    row["prober"],
                    f"{row['rate']:.0f}",
                    row["bad"],
                    f"{row['us']:.1f}",
                    f"{row['core']:.3f}",
                    f"{row['ratio']:.2f}",
                    _verdict(row),
                )
                for row in rows
            ),
        ]
    )
    write_json(arguments.json, {"machine": machine(), "rows": rows})


def _verdict(row: dict[str, Any]) -> str:
    """Compare a row of failoverdns with the goal; there is none for HTTPS."""
    if row["prober"] != "failoverdns" or row["kind"] == "https":
        return ""
    return f"{'within' if row['core'] <= GOAL else 'OVER'} {GOAL:.2f} of a core"


if __name__ == "__main__":
    main()
