"""A DNS client that queries a server without a pause from many ports, and records the replies."""

from __future__ import annotations

import socket
import struct
import threading
import time
from dataclasses import dataclass, field

import dns.message

PATIENCE = 3.0
"""Seconds after which a reply counts as lost."""

WELL = 20
"""The replies that a client must get; with fewer, a test has observed too little."""


@dataclass
class Asker:
    """A client that repeats one query from several ports in turn, so that it reaches every process.

    It runs in a thread of its own while the context is open.
    """

    port: int
    name: str
    ports: int = 16
    patience: float = PATIENCE
    seen: list[tuple[float, float, frozenset[str]]] = field(default_factory=list)
    """When the query was sent, when the reply came, and the addresses in it."""
    lost: int = 0

    def __post_init__(self) -> None:
        """Open the sockets."""
        self._question = dns.message.make_query(self.name, "A", use_edns=-1).to_wire()[2:]
        self._sockets = [self._open() for _ in range(self.ports)]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask_on)
        self._fault: BaseException | None = None

    def __enter__(self) -> Asker:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Stop; raise what ended the thread early, or AssertionError after too few replies."""
        self._stop.set()
        self._thread.join(2 * self.patience)
        ended = not self._thread.is_alive()
        for sock in self._sockets:
            sock.close()
        if self._fault is not None:
            raise self._fault  # an exception of the test becomes its context
        if kind is None:
            assert ended, "the client did not stop asking"
            assert len(self.seen) >= WELL, f"only {len(self.seen)} replies came"

    def ask_each(self) -> list[frozenset[str]]:
        """Query once from each port and return the answers; only while the thread does not run."""
        return [self._ask(number) for number in range(self.ports)]

    def wait_for_more(self, count: int = 100) -> None:
        """Wait until `count` more replies have come; fail if they do not come in time."""
        wanted, until = len(self.seen) + count, time.monotonic() + 10 * self.patience
        while len(self.seen) < wanted:
            assert self._fault is None, f"the client has ended: {self._fault!r}"
            assert time.monotonic() < until, f"{len(self.seen)} of {wanted} replies came"
            time.sleep(0.01)

    def _open(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.settimeout(self.patience)
        sock.connect(("127.0.0.1", self.port))
        return sock

    def _ask_on(self) -> None:
        try:
            number = 0
            while not self._stop.is_set():
                number += 1
                sent = time.monotonic()
                try:
                    addresses = self._ask(number)
                except OSError:
                    self.lost += 1
                    self._begin_again(number)
                else:
                    self.seen.append((sent, time.monotonic(), addresses))
        except BaseException as fault:  # raised again by `__exit__`
            self._fault = fault

    def _begin_again(self, number: int) -> None:
        """Replace a port whose late reply could be mistaken for that to a later query."""
        self._sockets[number % self.ports].close()
        self._sockets[number % self.ports] = self._open()

    def _ask(self, number: int) -> frozenset[str]:
        """Query from one port; raise OSError if no reply comes, AssertionError if it is wrong."""
        sock, id_ = self._sockets[number % self.ports], struct.pack(">H", number & 0xFFFF)
        sock.send(id_ + self._question)
        reply = sock.recv(512)
        assert reply[:2] == id_, "the reply to another question"
        message = dns.message.from_wire(reply)
        assert len(message.answer) == 1, f"a reply without the answer:\n{message}"
        return frozenset(str(rdata) for rdata in message.answer[0])
