"""A flood of connections without a certificate, and a path with a delay, as processes.

    python flooding.py flood PORT KIND RATE SECONDS SOURCE...
    python flooding.py delay LISTEN PORT SECONDS SOURCE

A flood opens RATE connections a second to 127.0.0.1:PORT, from the source addresses in turn, for
some seconds, and prints how many it opened.  Its kinds:

    silent   never sends a byte
    garbage  sends bytes that are not TLS
    half     sends a ClientHello, and nothing more
    whole    does a whole handshake without a certificate

A delay listens on 127.0.0.1:LISTEN and passes on what it gets, from SOURCE to 127.0.0.1:PORT and
back, SECONDS later.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import ssl
import sys
import time
from collections import deque
from contextlib import suppress

LASTING = 5.0
"""Seconds after which the flood closes a connection that is still open."""

MAX_OPEN = 8000
"""Connections that a flood has open at a time."""

IP_BIND_ADDRESS_NO_PORT = 24


def tls_context() -> ssl.SSLContext:
    """Return a context of a client that has no certificate and accepts any server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def client_hello() -> bytes:
    """Return a ClientHello."""
    out = ssl.MemoryBIO()
    client = tls_context().wrap_bio(ssl.MemoryBIO(), out)
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


class Flood:
    """Connections that are opened at a rate."""

    def __init__(self, port: int, kind: str, sources: list[str]) -> None:
        self.port = port
        self.kind = kind
        self.sources = sources
        self.selector = selectors.DefaultSelector()
        self.opened: deque[tuple[float, socket.socket]] = deque()
        self.tls: dict[socket.socket, tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]] = {}
        self.context = tls_context()
        self.first = {"garbage": b"\x00garbage" * 8, "half": client_hello()}.get(kind, b"")
        self.count = 0

    def run(self, rate: float, seconds: float) -> int:
        """Open connections for some seconds; return how many."""
        begin = time.monotonic()
        while (now := time.monotonic()) < begin + seconds:
            while self.count < (now - begin) * rate:
                self.open()
            while self.opened and (
                now > self.opened[0][0] + LASTING or len(self.opened) > MAX_OPEN
            ):
                self.close(self.opened.popleft()[1])
            for key, _ in self.selector.select(0.001):
                self.go_on(key.fileobj)  # type: ignore[arg-type]
        return self.count

    def open(self) -> None:
        """Open a connection, without waiting for it."""
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((self.sources[self.count % len(self.sources)], 0))
        self.count += 1
        sock.connect_ex(("127.0.0.1", self.port))
        self.opened.append((time.monotonic(), sock))
        self.selector.register(sock, selectors.EVENT_WRITE)

    def go_on(self, sock: socket.socket) -> None:
        """Send what the kind of flood sends, once connected or when something has come."""
        try:
            if self.selector.get_key(sock).events == selectors.EVENT_WRITE:
                self.selector.modify(sock, selectors.EVENT_READ)
                if self.kind == "whole":
                    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
                    self.tls[sock] = self.context.wrap_bio(coming, going), coming, going
                    self.shake(sock, b"")
                elif self.first:
                    sock.send(self.first)
            else:
                data = sock.recv(65536)
                if not data:
                    self.close(sock)
                elif self.kind == "whole":
                    self.shake(sock, data)
        except OSError:
            self.close(sock)

    def shake(self, sock: socket.socket, data: bytes) -> None:
        """Go on with a handshake."""
        client, coming, going = self.tls[sock]
        coming.write(data)
        with suppress(ssl.SSLWantReadError):
            client.do_handshake()
        said = going.read()
        if said:
            sock.send(said)

    def close(self, sock: socket.socket) -> None:
        """Close a connection, if it is open."""
        self.tls.pop(sock, None)
        if sock.fileno() >= 0:
            self.selector.unregister(sock)
            sock.close()


async def delay(listen: int, port: int, seconds: float, source: str) -> None:
    """Pass connections on with a delay in each direction, until the process is ended."""

    async def later(read: asyncio.StreamReader, write: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError):
            while data := await read.read(65536):
                loop.call_later(seconds, write.write, data)
        loop.call_later(seconds, write.close)

    async def passed_on(read: asyncio.StreamReader, write: asyncio.StreamWriter) -> None:
        far = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
        await asyncio.gather(later(read, far[1]), later(far[0], write), return_exceptions=True)

    server = await asyncio.start_server(passed_on, "127.0.0.1", listen)
    await server.serve_forever()


def main(words: list[str]) -> None:
    """Run a flood, or a delay."""
    if words[0] == "flood":
        port, kind, rate, seconds, *sources = words[1:]
        print(Flood(int(port), kind, sources).run(float(rate), float(seconds)))
    else:
        listen, port, seconds, source = words[1:]
        asyncio.run(delay(int(listen), int(port), float(seconds), source))


if __name__ == "__main__":
    main(sys.argv[1:])
