"""An open state file, and transactions on it, as long as it is not moved or deleted.

When a commit fails, its pages may be in the write-ahead log all the same, and a restart would find
them.  So "nothing was changed" (`Unavailable`) is raised only if the log shows that they are not
there, or after another transaction, a *fence*, was written over them and synced.  Otherwise the
outcome is unknown, and no further transaction begins before a fence succeeds.
docs/decisions/refusals.md has the cases.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, TypeVar

from failoverdns.store.interface import Loaded, OutcomeUnknown, Unavailable
from failoverdns.store.mark import Mark
from failoverdns.store.reserve import NO_ROOM, ReserveFile
from failoverdns.store.state_file import BUSY_TIMEOUT, open_state_file
from failoverdns.store.wal import OpenLog, log_of

T = TypeVar("T")

_FENCE = "INSERT INTO notes VALUES ('fence', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1"
_ROOM_ERRORS = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
"""Primary result codes that may also mean that there is no room."""


class OpenFile:
    """One connection to a state file, and its mark; nothing is opened before `open`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection: sqlite3.Connection | None = None
        self.mark: Mark | None = None
        self.reserve = ReserveFile(path.with_name(path.name + ".reserve"))
        self.fault: str | None = None
        """Why the last attempt to write failed; None after one that succeeded."""
        self._log: OpenLog | None = None
        self._inodes: dict[Path, int] = {}
        self._unsettled: str | None = None
        """Why it is not known what a restart would find; None if that is what is shown."""
        self._is_recovered = False
        """The database may lack transactions of the log that were never synced."""
        self._head: object = None

    def open(self) -> tuple[sqlite3.Connection, Loaded]:
        """Open the file, creating it if there never was one; return the connection and the state.

        Raises Corrupt, with what is wrong and what to do; OSError if the file cannot be reached.
        """
        self.mark = Mark(self.path.with_name(self.path.name + ".acknowledged"))
        try:
            self.connection, loaded = open_state_file(self.path, self.mark, BUSY_TIMEOUT)
            self._inodes = {self.path: os.stat(self.path).st_ino}
            self._log = OpenLog(self.path)
        except BaseException:
            self.close()
            raise
        self.reserve.keep()
        self._unsettled, self._is_recovered = "the server before ended during a write", True
        try:
            self._settle(self.connection)
        except Unavailable as fault:
            self.fault = str(fault)
        return self.connection, loaded

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Call `work` in a transaction and commit it; raises Unavailable or OutcomeUnknown.

        `work` is called again if there was no room until the reserve was freed.
        """
        try:
            result = self._write(work)
        except (Unavailable, OutcomeUnknown) as fault:
            self.fault = str(fault)
            raise
        self.fault = None
        self.reserve.keep()
        return result

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._checked()
        if self._unsettled is not None:
            self._settle(connection)
        try:
            return self._attempt(connection, work)
        except Unavailable as fault:
            if not self._make_room(fault.__cause__):
                raise
        return self._attempt(connection, work)

    def _attempt(
        self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]
    ) -> T:
        try:
            self._begin(connection)
            try:
                result = work(connection)
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
        except (sqlite3.Error, UnicodeError, OSError) as fault:
            raise Unavailable(f"{self.path}: {fault}") from fault
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as fault:
            self._judge(connection, fault)
        if not self._is_in_place():
            raise OutcomeUnknown(f"{self.path}: was moved or deleted during a write")
        return result

    def _judge(self, connection: sqlite3.Connection, fault: sqlite3.Error) -> NoReturn:
        """Raise what became of a transaction whose commit failed."""
        text = f"{self.path}: {fault}"
        if self._log is not None and not self._log.holds_more():
            raise Unavailable(text) from fault
        self._unsettled, before = text, self._head
        try:
            self._settle(connection)
        except Unavailable:
            raise OutcomeUnknown(text) from fault
        if self._head != before:
            raise OutcomeUnknown(text) from fault
        raise Unavailable(text) from fault

    def _settle(self, connection: sqlite3.Connection) -> None:
        """Make sure that a restart finds what this connection shows; raises Unavailable."""
        try:
            try:
                self._fence(connection)
            except sqlite3.Error as fault:
                if not self._make_room(fault):
                    raise
                self._fence(connection)
        except (sqlite3.Error, UnicodeError) as fault:
            text = f"{self.path}: {fault}, and it is not known what became of an earlier write"
            raise Unavailable(text) from fault
        self._unsettled, self._is_recovered = None, False
        with suppress(OSError):
            self._inodes[log_of(self.path)] = os.stat(log_of(self.path)).st_ino

    def _fence(self, connection: sqlite3.Connection) -> None:
        """Commit a transaction that changes no state, over what an earlier one may have left."""
        if self._is_recovered:
            _copy_log(connection)
        self._begin(connection)
        connection.execute(_FENCE)
        connection.execute("COMMIT")

    def _begin(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute("BEGIN IMMEDIATE")
        self._head = connection.execute("SELECT revision, hash FROM head").fetchone()

    def _make_room(self, fault: BaseException | None) -> bool:
        """Free the reserve if a write failed for want of room; return whether that helped."""
        if isinstance(fault, sqlite3.Error):
            code = getattr(fault, "sqlite_errorcode", 0) & 0xFF
            lacks_room = code == sqlite3.SQLITE_FULL or (
                code in _ROOM_ERRORS and self.reserve.lacks_room()
            )
        else:
            lacks_room = isinstance(fault, OSError) and fault.errno in NO_ROOM
        return lacks_room and self.reserve.free()

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Call `work`, which only reads; raises Unavailable, and Corrupt for text that is not."""
        connection = self._checked()
        try:
            return work(connection)
        except sqlite3.Error as fault:
            with suppress(sqlite3.Error):  # forget pages that may have been read wrongly
                connection.execute("PRAGMA shrink_memory")
            raise Unavailable(f"{self.path}: {fault}") from None

    def acknowledge(self, revision: int) -> None:
        """Advance the mark to a committed revision.

        The commit stands if that fails: the mark is behind then, and is advanced with the next.
        """
        if self.mark is not None:
            with suppress(OSError):
                self.mark.advance(revision)

    def close(self) -> None:
        """Fold the write-ahead log into the file, and close the file and its mark."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        if self._log is not None:
            self._log.close()
            self._log = None
        if self.mark is not None:
            self.mark.close()
            self.mark = None

    def _checked(self) -> sqlite3.Connection:
        """Return the connection if the file is still the one that was opened."""
        if self.connection is None or not self._is_in_place():
            raise Unavailable(
                f"{self.path}: was moved or deleted while in use; restart failoverdns"
            )
        return self.connection

    def _is_in_place(self) -> bool:
        """Return whether the file and its log are still those that were opened."""
        try:
            return all(os.stat(path).st_ino == inode for path, inode in self._inodes.items())
        except OSError:
            return False


def _copy_log(connection: sqlite3.Connection) -> None:
    """Copy the whole log into the database, and sync it; raises sqlite3.Error.

    What was found in the log may never have reached the disk, if a sync failed before.
    """
    row = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if row[1] != row[2]:
        raise sqlite3.OperationalError("another program holds an old state of it open")
