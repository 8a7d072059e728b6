"""An operator who switches groups in turn, over one connection to the control socket."""

from __future__ import annotations

import errno
import json
import select
import socket
import time
from contextlib import suppress
from pathlib import Path

from attacks.exchanges import Loop
from attacks.judging import GROUPS, NEVER, SIDES, Judge

RECONNECT = 0.02


class Operator:
    """Sends a switch when it is due, as soon as the one before has its reply."""

    def __init__(self, path: Path, judge: Judge, rate: float, loop: Loop) -> None:
        self._path = str(path)
        self._judge = judge
        self._rate = rate
        self._loop = loop
        self._sock: socket.socket | None = None
        self._buffer = b""
        self._due = self._retry_at = time.monotonic()
        self._number = 0
        self._sent_at: float | None = None
        self.took: list[float] = []
        self.refused = self.unknown = 0
        self.problems: list[str] = []

    def tick(self, now: float, switching: bool = True) -> None:
        """Send the next switch if it is due."""
        if not switching or not self._rate or self._sent_at is not None or now < self._due:
            return
        if self._sock is None and (now < self._retry_at or not self._connect(now)):
            return
        assert self._sock is not None
        self._number += 1
        sides = self._judge.sides[self._number % len(GROUPS)]
        side = 1 - next(side for side in reversed(sides) if side != NEVER)
        sides.append(side)
        group = GROUPS[self._number % len(GROUPS)]
        request = {"command": "switch", "groups": [group], "to": SIDES[side]}
        self._sent_at = now
        self._due = max(self._due + 1 / self._rate, now - 1)
        try:
            self._sock.send(json.dumps(request).encode() + b"\n")
        except OSError:
            self._break(now)

    def figures(self) -> dict[str, object]:
        """Return the counts of switches by outcome, and how long they took."""
        took = sorted(self.took) or [0.0]
        return {
            "acknowledged": len(self.took),
            "refused": self.refused,
            "unknown": self.unknown,
            "median_ms": round(took[len(took) // 2] * 1000, 1),
            "p99_ms": round(took[min(len(took) - 1, len(took) * 99 // 100)] * 1000, 1),
            "slowest_ms": round(took[-1] * 1000, 1),
            "problems": self.problems,
        }

    def _connect(self, now: float) -> bool:
        self._retry_at = now + RECONNECT
        sock = socket.socket(socket.AF_UNIX)
        sock.setblocking(False)
        if sock.connect_ex(self._path) not in (0, errno.EINPROGRESS):
            sock.close()
            return False
        self._sock, self._buffer = sock, b""
        self._loop.watch(sock, self._receive, select.EPOLLIN)
        return True

    def _receive(self, _: int, now: float) -> None:
        assert self._sock is not None
        data = b""
        with suppress(OSError):
            data = self._sock.recv(1 << 20)
        if not data:
            self._break(now)
            return
        self._buffer += data
        while b"\n" in self._buffer:
            line, self._buffer = self._buffer.split(b"\n", 1)
            self._end(json.loads(line), now)

    def _end(self, reply: dict[str, object], now: float) -> None:
        assert self._sent_at is not None
        group = self._number % len(GROUPS)
        if reply["ok"]:
            self.took.append(now - self._sent_at)
            self._judge.acknowledged[group] = len(self._judge.sides[group]) - 1
        else:
            text = json.dumps(reply["error"])
            if '"unknown-outcome"' in text:
                self.unknown += 1
            else:
                self.refused += 1
                self._judge.sides[group][-1] = NEVER
            if len(self.problems) < 5:
                self.problems.append(text)
        self._sent_at = None

    def _break(self, now: float) -> None:
        """Note that the connection broke; a switch without a reply may have been done."""
        if self._sent_at is not None:
            self.unknown += 1
            self._sent_at = None
        if self._sock is not None:
            self._loop.forget(self._sock)
            self._sock = None
        self._retry_at = now + RECONNECT
