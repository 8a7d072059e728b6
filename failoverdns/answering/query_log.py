"""The query log: every N-th query as a line of JSON, written by a thread of its own.

    note -> a queue with an end -> thread -> FILE, which becomes FILE.1 when it is full

Several processes may write to the same file.

Nothing here makes a query wait: when the queue is full, or the disk is, lines are lost and
counted.  FILE and FILE.1 together never have more than twice the limit.
Refuses to know what a line says: `protocol.query_lines` does.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Thread
from typing import Final

from failoverdns.model.change import Json
from failoverdns.model.commands.server import LogCommand, QueryLogOff, QueryLogOn
from failoverdns.model.errors import Rejected
from failoverdns.model.settings import QueryLogSettings
from failoverdns.protocol.query_lines import Exchange, exchange, query_line

MAX_WAITING: Final = 10_000
"""Queries that wait to be written; what is kept of one is at most 600 bytes."""

MAX_BATCH: Final = 1000


class QueryLog:
    """The query log of the process; off until it is told to be on."""

    def __init__(self, settings: QueryLogSettings | None) -> None:
        """Write as `settings` say; without any there is no query log."""
        self.settings = settings
        self._run: _Run | None = None

    @property
    def is_on(self) -> bool:
        """Whether queries are noted."""
        return self._run is not None

    def note(self, packet: bytes, reply: bytes | None, host: str, now: float, *, udp: bool) -> None:
        """Take a query, if it is one that is logged; never waits."""
        if self._run is not None and self._run.is_next():
            self._run.note(exchange(packet, reply, host, now, udp=udp))

    def carry_out(self, command: LogCommand) -> dict[str, Json]:
        """Turn the log on or off, and tell how it is doing; raises Rejected."""
        if isinstance(command, QueryLogOn):
            self._turn_on(command.sample)
        told = self._report()
        if isinstance(command, QueryLogOff):
            self.close()
            told["on"] = False
        return told

    def close(self) -> None:
        """Turn the log off; what waits is written by the thread, which then ends."""
        if self._run is not None:
            self._run.end()
            self._run = None

    def _turn_on(self, sample: int) -> None:
        if self.settings is None:
            text = "no query log is configured: give `querylog` a `file` in the configuration"
            raise Rejected("refused", text)
        try:
            fresh = _Run(self.settings, sample)
        except OSError as fault:
            text = f"querylog.file: {self.settings.file}: {fault.strerror}"
            raise Rejected("unavailable", text) from None
        self.close()
        self._run = fresh
        fresh.start()

    def _report(self) -> dict[str, Json]:
        file = str(self.settings.file) if self.settings is not None else None
        if self._run is None:
            return {"on": False, "file": file, "sample": None, "written": 0, "lost": 0}
        run = self._run
        return {
            "on": True,
            "file": file,
            "sample": run.sample,
            "written": run.written,
            "lost": run.lost + run.unwritten,
        }


class _Run:
    """From on to off: a file, a queue, and the thread between them."""

    def __init__(self, settings: QueryLogSettings, sample: int) -> None:
        self.sample = sample
        self.lost = self.written = self.unwritten = 0
        """Lines: that the queue had no room for; that were written; that could not be."""
        self._settings = settings
        self._count = 0
        self._queue: Queue[Exchange] = Queue(MAX_WAITING)
        self._ending = False
        self._file = _open(settings.file)
        self._thread = Thread(target=self._write_all, name="query log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def is_next(self) -> bool:
        """Count a query, and tell whether it is an N-th."""
        self._count += 1
        return self._count % self.sample == 0

    def note(self, seen: Exchange) -> None:
        """Put a query in line."""
        try:
            self._queue.put_nowait(seen)
        except Full:
            self.lost += 1

    def end(self) -> None:
        """Let the thread write what waits, and end."""
        self._ending = True

    def _write_all(self) -> None:
        while True:
            lines = self._take()
            if lines:
                try:
                    self._write(b"".join(lines), len(lines))
                except OSError:
                    self.unwritten += len(lines)
            elif self._ending:
                os.close(self._file)
                return

    def _take(self) -> list[bytes]:
        """Wait for a query for a moment, and take what there is."""
        lines: list[bytes] = []
        try:
            lines.append(query_line(self._queue.get(timeout=0.2)))
            while len(lines) < MAX_BATCH:
                lines.append(query_line(self._queue.get_nowait()))
        except Empty:
            pass
        return lines

    def _write(self, data: bytes, count: int) -> None:
        size = os.fstat(self._file).st_size
        if (size and size + len(data) > self._settings.max_size) or not self._is_current():
            self._begin_file()
        written = os.write(self._file, data)
        if written < len(data):
            raise OSError("the disk is full")
        self.written += count

    def _begin_file(self) -> None:
        """Go on in a new file; the one that is full is renamed, by one of those who write to it."""
        path = self._settings.file
        fcntl.flock(self._file, fcntl.LOCK_EX)
        if self._is_current():
            path.replace(f"{path}.1")
        fresh = _open(path)
        os.close(self._file)
        self._file = fresh

    def _is_current(self) -> bool:
        """Tell whether our file is still the one at its path."""
        try:
            return os.path.samestat(os.stat(self._settings.file), os.fstat(self._file))
        except FileNotFoundError:
            return False


def _open(path: Path) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    return os.open(path, flags, 0o640)
