"""A copy of the state file while it is in use: of one revision, without a pause for commits.

A checkpoint folds the write-ahead log into the file, and then a connection of its own begins to
read.  It reads from the file alone, so no checkpoint of any process may write to the file until it
ends: commits go to the write-ahead log, which grows meanwhile, and the bytes of the file are the
state at one revision.  They are copied as they are, so that a copy takes no memory and no room
beside the state.  SQLite's own online backup starts over at each commit.

A descriptor of the file must not be closed while SQLite has the file open, as that would drop
SQLite's locks; so there is one, which stays open as long as the store.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from failoverdns.store.interface import Copied, Unavailable

CHUNK: Final = 1 << 20
"""Bytes that are copied at once."""

_SCHEMA_NUMBER = slice(40, 44)
"""Where the header of a database has it; SQLite reads its schema again if it changes."""

ENDING: Final = 2.0
"""Seconds to wait at the close of the store for the end of a copy."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The file at one revision, as long as `reader` reads."""

    reader: sqlite3.Connection
    in_use: Lock
    source: int
    size: int
    modified: int
    revision: int
    hash: str

    def copy(self, descriptor: int, proceed: Callable[[], bool]) -> Copied:
        """Write the file to an open file, and close this; it blocks, but no commit waits for it.

        Raises Unavailable if `proceed`, which is asked between pieces, returns False, or if another
        program wrote to the file; OSError if the copy cannot be written.
        """
        with self.in_use:
            try:
                return self._copy(descriptor, proceed)
            finally:
                self.close()

    def _copy(self, descriptor: int, proceed: Callable[[], bool]) -> Copied:
        done = 0
        while done < self.size:
            if not proceed():
                raise Unavailable("it was ended before it was complete")
            piece = os.pread(self.source, CHUNK, done)
            if not piece:
                break
            done += len(piece)
            if done == len(piece):
                piece = as_copy(piece)
            while piece:
                piece = piece[os.write(descriptor, piece) :]
        found = os.fstat(self.source)
        if (done, found.st_size, found.st_mtime_ns) != (self.size, self.size, self.modified):
            raise Unavailable("another program wrote to the file while it was copied")
        return Copied(self.revision, self.hash, done)

    def close(self) -> None:
        """Let checkpoints write to the file again."""
        self.reader.close()


class Copying:
    """Makes snapshots of a state file, one at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._source: int | None = None
        self._in_use = Lock()
        self._closing = False

    def begin(self, connection: sqlite3.Connection) -> Snapshot:
        """Return a snapshot of the present state; `connection` must be the only one that writes.

        Raises Unavailable, if another program reads the file at this moment.
        """
        if self._source is None:
            self._source = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        self._closing = False
        self._fold(connection)
        reader = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            reader.execute("BEGIN")
            revision, hash_ = reader.execute("SELECT revision, hash FROM head").fetchone()
            self._fold(connection)  # does nothing, unless another program wrote in between
            found = os.fstat(self._source)
            size, modified = found.st_size, found.st_mtime_ns
        except BaseException:
            reader.close()
            raise
        return Snapshot(reader, self._in_use, self._source, size, modified, revision, hash_)

    def close(self) -> None:
        """End a copy that is being made, and close the descriptor.

        SQLite must have closed the file before.  A copy that hangs keeps the descriptor.
        """
        self._closing = True
        if self._in_use.acquire(timeout=ENDING):
            if self._source is not None:
                os.close(self._source)
                self._source = None
            self._in_use.release()

    @property
    def is_ending(self) -> bool:
        """True when the store is being closed."""
        return self._closing

    def _fold(self, connection: sqlite3.Connection) -> None:
        """Write the whole write-ahead log to the file, without waiting for other readers."""
        _, frames, folded = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if frames != folded:
            raise Unavailable(f"{self._path}: another program reads it at this moment; try again")


def as_copy(start: bytes) -> bytes:
    """Return the start of a database with the next number of its schema, as SQLite's copies have.

    It shows that a write-ahead log of the original does not belong to it (`store.generation`).
    """
    number = int.from_bytes(start[_SCHEMA_NUMBER], "big") + 1 & 0xFFFFFFFF
    return start[: _SCHEMA_NUMBER.start] + number.to_bytes(4, "big") + start[_SCHEMA_NUMBER.stop :]
