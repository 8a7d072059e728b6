"""Web heads on loopback, healthy and faulty ones, and a prober that probes them."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any

from authority import Issued
from twisted.internet.epollreactor import EPollReactor

from failoverdns.model.health import Check, CheckKind, ProbeResult, ProbeTarget
from failoverdns.probing.prober import Prober

DEADLINE = 20.0
"""Seconds after which a test fails."""

LOOPBACK = "127.0.0.1"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"

Behaviour = Callable[[socket.socket], None]
"""What a head does with a connection, which is closed afterwards."""


class Head:
    """A server that treats each connection in the same way, until a test replaces `behave`.

    `peers` are the addresses of its clients so far.
    """

    def __init__(self, behave: Behaviour, host: str = LOOPBACK, port: int = 0) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.behave = behave
        self._listening = socket.create_server((host, port), family=family, backlog=1024)
        self.host = host
        self.port: int = self._listening.getsockname()[1]
        self.peers: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Close the listening socket."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, peer = self._listening.accept()
                self.peers.append(peer[0])
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, suppress(OSError):
            sock.settimeout(DEADLINE)
            self.behave(sock)


@contextmanager
def head(behave: Behaviour, host: str = LOOPBACK) -> Iterator[Head]:
    """Run a head while a test runs."""
    made = Head(behave, host)
    try:
        yield made
    finally:
        made.close()


def read_request(sock: socket.socket) -> bytes:
    """Read a request up to the end of its header."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += (piece := sock.recv(4096))
        if not piece:
            break
    return data


def answering(*pieces: bytes, pause: float = 0.0) -> Behaviour:
    """Answer each request with the same bytes, piece by piece, `pause` seconds apart."""

    def behave(sock: socket.socket) -> None:
        read_request(sock)
        for piece in pieces:
            sock.sendall(piece)
            time.sleep(pause)

    return behave


def stalled(sock: socket.socket) -> None:
    """Accept the connection and send nothing until the client closes it."""
    while sock.recv(4096):
        pass


def stalled_after(data: bytes) -> Behaviour:
    """Answer a request with some bytes, and send no more until the client closes."""

    def behave(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(data)
        stalled(sock)

    return behave


def resetting(sock: socket.socket) -> None:
    """Read a request and reset the connection."""
    read_request(sock)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def over_tls(issued: Issued, folder: Path, behave: Behaviour) -> Behaviour:
    """Behave like `behave`, over TLS with a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*issued.save(folder, "head"))

    def serve(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as secure:
            behave(secure)

    return serve


@lru_cache(maxsize=1)
def _taken() -> socket.socket:
    sock = socket.socket()
    sock.bind(("0.0.0.0", 0))
    return sock


def closed_port() -> int:
    """Return a port on which nothing listens or can listen."""
    port: int = _taken().getsockname()[1]
    return port


def make_target(
    kind: CheckKind,
    port: int = 0,
    *,
    host: str = LOOPBACK,
    names: tuple[str, ...] = (),
    **settings: Any,
) -> ProbeTarget:
    """Return a target on loopback; `settings` are fields of its check."""
    check = Check("test", kind, port, **{"timeout": DEADLINE, **settings})
    return ProbeTarget(check, "shop-eu", "web1", ip_address(host), names)


@lru_cache(maxsize=1)
def reactor() -> Any:
    """Return the reactor of these tests, which runs only while a test waits for a result."""
    made: Any = EPollReactor()  # type: ignore[no-untyped-call]
    made.seconds = time.monotonic
    return made


class Probed:
    """A prober that runs the reactor until each probe has reported its result."""

    def __init__(self, *, max_probes: int = 512, max_programs: int = 32) -> None:
        self.prober = Prober(reactor(), max_probes=max_probes, max_programs=max_programs)

    def __call__(self, target: ProbeTarget) -> ProbeResult:
        """Probe a target once; return the result."""
        (result,) = self.all(target)
        return result

    def all(self, *targets: ProbeTarget) -> list[ProbeResult]:
        """Probe all targets at the same time; return the results in the order of arrival."""
        found: list[ProbeResult] = []
        for target in targets:
            self.prober.probe(target, found.append)
        assert not found, "a result arrived before `probe` returned"
        turn_until(lambda: len(found) >= len(targets))
        return found


def turn_until(condition: Callable[[], bool], seconds: float = DEADLINE) -> int:
    """Run the reactor until a condition holds; return the number of its iterations."""
    until, turns = time.monotonic() + seconds, 0
    while not condition():
        assert time.monotonic() < until, "the condition did not hold in time"
        reactor().iterate(0.02)
        turns += 1
    return turns


def addresses(count: int) -> list[IPv4Address]:
    """Return that number of different addresses on loopback."""
    return [IPv4Address("127.1.0.0") + 1 + number for number in range(count)]
