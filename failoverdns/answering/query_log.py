"""The query log: every N-th query as a line of JSON, written by a separate thread.

    note -> bounded queue -> thread -> FILE, which is renamed to FILE.1 when it is full

No query ever waits for the log: when the queue or the disk is full, lines are lost and counted.
FILE and FILE.1 together are never larger than twice the limit.  Several processes may write to the
same file.  The content of a line is made in `protocol.query_lines`.
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
"""Queries that wait to be written, each at most 600 bytes."""

MAX_BATCH: Final = 1000
"""Lines in one write."""


class QueryLog:
    """The query log of the process, which is off until a command turns it on."""

    def __init__(self, settings: QueryLogSettings | None) -> None:
        """Create the query log; with `settings` of None it cannot be turned on."""
        self.settings = settings
        self._run: _Run | None = None

    @property
    def is_on(self) -> bool:
        """Whether queries are logged."""
        return self._run is not None

    def note(self, packet: bytes, reply: bytes | None, host: str, now: float, *, udp: bool) -> None:
        """Log a query if it is an N-th one; never waits."""
        if self._run is not None and self._run.is_next():
            self._run.note(exchange(packet, reply, host, now, udp=udp))

    def carry_out(self, command: LogCommand) -> dict[str, Json]:
        """Turn the log on or off if `command` says so, and return its status; raises Rejected."""
        if isinstance(command, QueryLogOn):
            self._turn_on(command.sample)
        report = self._report()
        if isinstance(command, QueryLogOff):
            self.close()
            report["on"] = False
        return report

    def close(self) -> None:
        """Turn the log off; the thread writes the lines that wait, and ends."""
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
    """One run of the query log, from on to off: a queue, a file, and the thread between them."""

    def __init__(self, settings: QueryLogSettings, sample: int) -> None:
        self.sample = sample
        self.lost = self.written = self.unwritten = 0
        """Numbers of lines: lost to a full queue; written; failed to be written."""
        self._settings = settings
        self._count = 0
        self._queue: Queue[Exchange] = Queue(MAX_WAITING)
        self._ending = False
        self._file = _open(settings.file)
        self._thread = Thread(target=self._write_all, name="query log", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def is_next(self) -> bool:
        """Count a query, and return whether it is an N-th one."""
        self._count += 1
        return self._count % self.sample == 0

    def note(self, seen: Exchange) -> None:
        """Add a query to the queue, or count it as lost."""
        try:
            self._queue.put_nowait(seen)
        except Full:
            self.lost += 1

    def end(self) -> None:
        """Let the thread write the lines that wait, and end."""
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
        """Wait up to 0.2 s for a query, and return the lines of all queries in the queue."""
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
        """Continue in a new file; one of the processes that write to the full one renames it."""
        path = self._settings.file
        fcntl.flock(self._file, fcntl.LOCK_EX)
        if self._is_current():
            path.replace(f"{path}.1")
        fresh = _open(path)
        os.close(self._file)
        self._file = fresh

    def _is_current(self) -> bool:
        """Return whether our file is still the one at its path."""
        try:
            return os.path.samestat(os.stat(self._settings.file), os.fstat(self._file))
        except FileNotFoundError:
            return False


def _open(path: Path) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    return os.open(path, flags, 0o640)
