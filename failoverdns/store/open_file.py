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
from typing import Final, NoReturn, TypeVar

from failoverdns.model.errors import Corrupt
from failoverdns.model.store_condition import Reserve, StoreCondition
from failoverdns.store.authentication import Authentication
from failoverdns.store.damage import MISREAD, damaged
from failoverdns.store.generation import begin_generation
from failoverdns.store.interface import Loaded, OutcomeUnknown, Unavailable
from failoverdns.store.place import Place
from failoverdns.store.reserve import ReserveFile
from failoverdns.store.state_file import (
    BUSY_TIMEOUT,
    Opened,
    connect,
    open_state_file,
    why_not_writable,
)
from failoverdns.store.wal import OpenLog, log_of
from failoverdns.store.whole_file import sync_again

LOG_PAGES: Final = 1000
LOG_PAGES_WITHOUT_RESERVE: Final = 100
"""The log is copied into the database when it is longer: 4 MiB, or less where room is short."""

T = TypeVar("T")

_FENCE = "INSERT INTO notes VALUES ('fence', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1"


class OpenFile:
    """One connection to a state file, and its mark; nothing is opened before `open`."""

    def __init__(self, path: Path, authentication: Authentication) -> None:
        self.path = path
        self._authentication = authentication
        self.connection: sqlite3.Connection | None = None
        self.place: Place | None = None
        self.is_writable = False
        """False if the connection only shows what the file holds."""
        self.fault: str | None = None
        """Why the last attempt to write failed; None after one that succeeded."""
        real = Path(os.path.realpath(path))
        self.reserve = ReserveFile(real.with_name(real.name + ".reserve"))
        self._log: OpenLog | None = None
        self._unsettled: str | None = None
        """Why it is not known what a restart would find; None if that is what is shown."""
        self._is_recovered = False
        """The database may lack transactions of the log that were never synced."""
        self._head: object = None

    def open(self) -> tuple[sqlite3.Connection, Loaded]:
        """Open the file, creating it if there never was one; return the connection and the state.

        If the disk is read-only or full, the state is shown, and nothing can be written.
        Raises Corrupt, with what is wrong and what to do; OSError if the file cannot be reached.
        """
        self.place = place = Place(self.path)
        self.reserve.keep()
        try:
            opened = self._open(place)
            place.remember(self.path)
            self.connection, self.is_writable = opened.connection, opened.is_writable
            if self.is_writable:
                self._prepare()
        except BaseException:
            self.close()
            raise
        return self.connection, opened.loaded

    def _open(self, place: Place) -> Opened:
        self.fault = why_not_writable(place.path) or self.reserve.why_no_room(place.path)
        if self.fault is not None:
            return open_state_file(place, BUSY_TIMEOUT, self._authentication, writing=False)
        try:
            return open_state_file(place, BUSY_TIMEOUT, self._authentication)
        except Corrupt as fault:
            if self.reserve.make_room(fault.__cause__):
                return open_state_file(place, BUSY_TIMEOUT, self._authentication)
            if not self.reserve.lacks_room(fault.__cause__):
                raise
            self.fault = f"{place.path}: {fault.__cause__}"
        return open_state_file(place, BUSY_TIMEOUT, self._authentication, writing=False)

    def _prepare(self) -> None:
        """Make sure that a restart finds what is shown; if not, no write begins before it is so."""
        assert self.place is not None
        assert self.connection is not None
        with suppress(OSError):
            self._log = OpenLog(self.place.path)
        self._unsettled = "the server before ended during a write"
        self._is_recovered = True
        try:
            self._settle(self.connection)
            if self.fold():  # the file itself gets a number that no backup made before has
                self._settle(self.connection)
        except Unavailable as fault:
            self.fault = str(fault)

    def condition(self) -> StoreCondition:
        """Return whether the file can be written, and how much room its disk has."""
        return StoreCondition(
            self.fault, not self.is_writable, self.reserve.state, self.reserve.free_bytes()
        )

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
        is_held = self.reserve.state is Reserve.HELD
        self.fold(LOG_PAGES if is_held else LOG_PAGES_WITHOUT_RESERVE)
        self.reserve.keep()
        return result

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._checked()
        if not self.is_writable:
            connection = self._open_again(connection)
        if self._unsettled is not None:
            self._settle(connection)
        try:
            return self._attempt(connection, work)
        except Unavailable as fault:
            if not self.reserve.make_room(fault.__cause__):
                raise
        return self._attempt(connection, work)

    def _attempt(
        self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]
    ) -> T:
        try:
            self._begin(connection)
            try:
                self._note_generation(connection)
                result = work(connection)
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OSError, *MISREAD) as fault:
            raise Unavailable(f"{self.path}: {fault}") from fault
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as fault:
            self._judge(connection, fault)
        if self.place is None or not self.place.is_unchanged():
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
            except (sqlite3.Error, OSError) as fault:
                if not self.reserve.make_room(fault):
                    raise
                self._fence(connection)
        except (sqlite3.Error, OSError, *MISREAD) as fault:
            text = f"{self.path}: {fault}, and it is not known what became of an earlier write"
            raise Unavailable(text) from fault
        self._unsettled, self._is_recovered = None, False
        if self.place is not None:
            self.place.remember(log_of(self.place.path))

    def _fence(self, connection: sqlite3.Connection) -> None:
        """Commit a transaction that changes no state, over what an earlier one may have left."""
        is_durable = not self._is_recovered or self.fold()
        self._begin(connection)
        if not is_durable and self.place is not None:
            sync_again(log_of(self.place.path))
        self._note_generation(connection)
        connection.execute(_FENCE)
        connection.execute("COMMIT")

    def _begin(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute("BEGIN IMMEDIATE")
        self._head = connection.execute("SELECT revision, hash FROM head").fetchone()

    def fold(self, pages: int = 0) -> bool:
        """Copy a log that is longer than that into the database; return whether that has all of it.

        It is copied as far as nobody reads an old state.
        """
        if self._log is None or self.connection is None:
            return False
        try:
            if self._log.length() <= pages:
                return self._log.is_copied()
            row = self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            return bool(row[1] == row[2])
        except (OSError, sqlite3.Error):  # the log keeps it, and the next write tries again
            return False

    def _note_generation(self, connection: sqlite3.Connection) -> None:
        """Begin a generation if this transaction will begin the log again."""
        with suppress(OSError):
            if self._log is not None and self._log.is_copied():
                begin_generation(connection)

    def _open_again(self, shown: sqlite3.Connection) -> sqlite3.Connection:
        """Return a connection that writes, after the disk could not be written when it started."""
        assert self.place is not None
        path, query = self.place.path, "SELECT revision, hash FROM head"
        fault = why_not_writable(path) or self.reserve.why_no_room(path)
        if fault is not None:
            raise Unavailable(fault)
        try:
            connection = connect(path, BUSY_TIMEOUT)
            if connection.execute(query).fetchone() != shown.execute(query).fetchone():
                connection.close()
                raise Unavailable(f"{path}: was changed by another program; restart failoverdns")
        except (sqlite3.Error, Corrupt, *MISREAD) as fault:
            raise Unavailable(f"{path}: {fault}") from fault
        shown.close()
        self.connection, self.is_writable = connection, True
        self._prepare()
        return connection

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Call `work`, which only reads; raises Unavailable, and Corrupt for text that is not."""
        connection = self._checked()
        try:
            return work(connection)
        except sqlite3.Error as fault:
            with suppress(sqlite3.Error):  # forget pages that may have been read wrongly
                connection.execute("PRAGMA shrink_memory")
            raise Unavailable(f"{self.path}: {fault}") from None
        except MISREAD as fault:
            raise Corrupt(f"{self.path}: {damaged(repr(fault))}") from None

    def acknowledge(self, revision: int) -> None:
        """Advance the mark to a committed revision.

        The commit stands if that fails: the mark is behind then, and is advanced with the next.
        """
        if self.place is not None:
            with suppress(OSError):
                self.place.mark.advance(revision)

    def close(self) -> None:
        """Fold the write-ahead log into the file, and close the file and its mark."""
        if self.connection is not None:
            with suppress(sqlite3.Error):
                self.connection.close()
            self.connection = None
        if self._log is not None:
            self._log.close()
            self._log = None
        if self.place is not None:
            self.place.close()
            self.place = None

    def _checked(self) -> sqlite3.Connection:
        """Return the connection if the file is still the one that was opened."""
        if self.connection is None or self.place is None or not self.place.is_unchanged():
            raise Unavailable(
                f"{self.path}: was moved or deleted while in use; restart failoverdns"
            )
        return self.connection
