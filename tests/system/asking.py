"""Ask a server without a pause from many ports, and note what came back."""

from __future__ import annotations

import socket
import struct
import threading
import time
from dataclasses import dataclass, field

import dns.message

PATIENCE = 3.0
"""Seconds after which a reply is not awaited any more: it was lost."""


@dataclass
class Asker:
    """Asks one question again and again; each port in turn, so that each process is asked."""

    port: int
    name: str
    ports: int = 16
    seen: list[tuple[float, float, frozenset[str]]] = field(default_factory=list)
    """When the question was sent, when the answer came, and the addresses in it."""
    lost: int = 0

    def __post_init__(self) -> None:
        """Open the sockets."""
        self._question = dns.message.make_query(self.name, "A", use_edns=-1).to_wire()[2:]
        self._sockets = [
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(self.ports)
        ]
        for sock in self._sockets:
            sock.settimeout(PATIENCE)
            sock.connect(("127.0.0.1", self.port))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask_on)

    def __enter__(self) -> Asker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(2 * PATIENCE)
        for sock in self._sockets:
            sock.close()

    def ask_each(self) -> list[frozenset[str]]:
        """Ask once from each port; only while it does not ask on by itself."""
        return [self._ask(number) for number in range(self.ports)]

    def _ask_on(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            sent = time.monotonic()
            try:
                addresses = self._ask(number)
            except OSError:
                self.lost += 1
            else:
                self.seen.append((sent, time.monotonic(), addresses))

    def _ask(self, number: int) -> frozenset[str]:
        sock, id_ = self._sockets[number % self.ports], struct.pack(">H", number & 0xFFFF)
        sock.send(id_ + self._question)
        reply = sock.recv(512)
        assert reply[:2] == id_
        return frozenset(str(rdata) for rdata in dns.message.from_wire(reply).answer[0])
