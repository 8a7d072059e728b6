"""DNS clients with a steady rate over UDP and TCP, and an operator who switches: one process.

    python -m attacks.traffic PORT CONTROL_SOCKET SWITCHES_A_SECOND SHARE_OF_THE_QUERIES

It prints `ready`, sends until standard input ends, and then prints its figures as JSON.  Queries
are sent when they are due, whatever happened to those before, and never again; a reply is late or
lost counted from when the query was sent.  After an acknowledged switch a query must get the new
answer.
"""

from __future__ import annotations

import gc
import json
import os
import select
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from attacks.exchanges import Connections, Datagrams, Handler, Source, Visits
from attacks.judging import Judge
from attacks.switching import Operator

UDP_RATE, TCP_RATE, VISITS = 2000, 2000, 100
"""Queries a second over UDP and over open connections, and new connections a second."""

TICK = 0.002
PATIENCE = 2.0
"""Seconds after which a query is lost."""

OWN_LATE = 0.05
"""Seconds by which a query that was sent later than it was due shows that this process was slow."""


class Traffic:
    """The loop that sends what is due and receives what comes."""

    def __init__(self, port: int, control: Path, switches: float, share: float) -> None:
        self._poll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self.judge = Judge()
        self.operator = Operator(control, self.judge, switches, self)
        self._sources: list[tuple[float, Source]] = [
            (UDP_RATE * share, Datagrams(port, self.judge, self)),
            (TCP_RATE * share, Connections(port, self.judge, self)),
            (VISITS * share, Visits(port, self.judge, self)),
        ]
        self.own_delay = 0.0
        self.own_late = 0

    def watch(self, sock: socket.socket, handler: Handler, events: int) -> None:
        """Call `handler` with the events of a socket from now on."""
        self._handlers[sock.fileno()] = handler
        try:
            self._poll.register(sock, events)
        except FileExistsError:
            self._poll.modify(sock, events)

    def forget(self, sock: socket.socket) -> None:
        """Close a socket that was watched."""
        with suppress(KeyError, OSError):
            del self._handlers[sock.fileno()]
            self._poll.unregister(sock)
        sock.close()

    def run(self) -> None:
        """Send until standard input ends, and receive until no query can be answered in time."""
        ended = False

        def end(_: int, __: float) -> None:
            nonlocal ended
            ended = not os.read(0, 100)

        self._handlers[0] = end
        self._poll.register(0, select.EPOLLIN)
        began = time.monotonic()
        sent = [0] * len(self._sources)
        while not ended:
            now = time.monotonic()
            for index, (rate, source) in enumerate(self._sources):
                while (due := began + sent[index] / rate) <= now:
                    at = time.monotonic()
                    source.send(at)
                    sent[index] += 1
                    self._note_delay(at - due)
            self._tick(now)
            self._receive()
        self._poll.unregister(0)
        until = time.monotonic() + PATIENCE + 0.1
        while (now := time.monotonic()) < until:
            self._tick(now, switching=False)
            self._receive()

    def figures(self) -> dict[str, object]:
        """Return the counts of all exchanges."""
        return {
            **{source.tally.name: source.tally.figures() for _, source in self._sources},
            "wrong": self.judge.wrong,
            "examples": self.judge.examples,
            "switches": self.operator.figures(),
            "own_delay_ms": round(self.own_delay * 1000, 1),
            "own_late": self.own_late,
            "own_cpu": round(time.process_time(), 1),
        }

    def _tick(self, now: float, switching: bool = True) -> None:
        self.operator.tick(now, switching)
        for _, source in self._sources:
            source.expire(now - PATIENCE)

    def _receive(self) -> None:
        for number, events in self._poll.poll(TICK):
            handler = self._handlers.get(number)
            if handler is not None:
                handler(events, time.monotonic())

    def _note_delay(self, delay: float) -> None:
        self.own_delay = max(self.own_delay, delay)
        self.own_late += delay > OWN_LATE


def main() -> None:
    """Run until standard input ends."""
    port, control, switches, share = sys.argv[1:]
    _take_precedence()
    traffic = Traffic(int(port), Path(control), float(switches), float(share))
    gc.collect()
    gc.freeze()
    gc.disable()
    print("ready", flush=True)
    traffic.run()
    print(json.dumps(traffic.figures()), flush=True)


def _take_precedence() -> None:
    """Run before other processes: real clients do not wait for the server's processors."""
    with suppress(OSError):
        os.nice(-20)
        Path("/proc/self/autogroup").write_text("-20")


if __name__ == "__main__":
    main()
