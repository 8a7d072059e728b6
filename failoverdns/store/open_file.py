"""An open state file, and transactions on it, as long as it is not moved or deleted.

The mark beside it has the acknowledged revision (`store.mark`).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from failoverdns.store.interface import Loaded, OutcomeUnknown, Unavailable
from failoverdns.store.mark import Mark
from failoverdns.store.state_file import BUSY_TIMEOUT, open_state_file

T = TypeVar("T")


class OpenFile:
    """One connection to a state file, and its mark; nothing is opened before `open`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection: sqlite3.Connection | None = None
        self.mark: Mark | None = None
        self._inode = 0
        self.fault: str | None = None
        """Why the last attempt to write failed; None after one that succeeded."""

    def open(self) -> tuple[sqlite3.Connection, Loaded]:
        """Open the file, creating it if there never was one; return the connection and the state.

        Raises Corrupt, with what is wrong and what to do; OSError if the file cannot be reached.
        """
        self.mark = Mark(self.path.with_name(self.path.name + ".acknowledged"))
        try:
            self.connection, loaded = open_state_file(self.path, self.mark, BUSY_TIMEOUT)
            self._inode = os.stat(self.path).st_ino
        except BaseException:
            self.close()
            raise
        return self.connection, loaded

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Call `work` in a transaction and commit it; raises Unavailable or OutcomeUnknown."""
        try:
            result = self._write(work)
        except (Unavailable, OutcomeUnknown) as fault:
            self.fault = str(fault)
            raise
        self.fault = None
        return result

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._checked()
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as fault:
            raise Unavailable(f"{self.path}: {fault}") from None
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as fault:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise OutcomeUnknown(f"{self.path}: {fault}") from None
        return result

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Call `work`, which only reads; raises Unavailable."""
        try:
            return work(self._checked())
        except sqlite3.Error as fault:
            raise Unavailable(f"{self.path}: {fault}") from None

    def acknowledge(self, revision: int) -> None:
        """Advance the mark to a committed revision; raises OutcomeUnknown if that fails."""
        if self.mark is not None:
            try:
                self.mark.advance(revision)
            except OSError as fault:  # committed nevertheless: `changes_after` shows it
                raise OutcomeUnknown(f"{self.mark.path}: {fault}") from None

    def close(self) -> None:
        """Fold the write-ahead log into the file, and close the file and its mark."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        if self.mark is not None:
            self.mark.close()
            self.mark = None

    def _checked(self) -> sqlite3.Connection:
        """Return the connection if the file is still the one that was opened."""
        try:
            same = os.stat(self.path).st_ino == self._inode
        except OSError:
            same = False
        if self.connection is None or not same:
            raise Unavailable(
                f"{self.path}: was moved or deleted while in use; restart failoverdns"
            )
        return self.connection
