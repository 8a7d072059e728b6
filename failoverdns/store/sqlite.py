"""The store for one machine: a SQLite file in WAL mode, synced at every commit.

Knows what a commit is in SQL; what is in the file's tables is told in `store.state_file`.
Refuses to know threads: `run` is told where blocking calls are made.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from failoverdns.model.change import Change, Operation
from failoverdns.store import documents
from failoverdns.store.interface import (
    Conflict,
    Loaded,
    Notify,
    OutcomeUnknown,
    Unavailable,
)
from failoverdns.store.mark import Mark
from failoverdns.store.state_file import checked, open_state_file, sealed

Run = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Makes a blocking call, and returns an awaitable of its result."""


class SQLiteStore:
    """Implements `store.interface.Store` in one file, with one writer: this object."""

    def __init__(self, path: Path, run: Run) -> None:
        """Keep the state in the file `path`; nothing is opened before `load`."""
        self.path = path
        self._run = run
        self._watchers: list[Notify] = []
        self._mark: Mark | None = None
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    async def load(self) -> Loaded:
        """Open the file, creating it if there never was one, and return all that is stored.

        Raises Corrupt, with what is wrong and what to do; OSError if the file cannot be reached.
        """
        loaded: Loaded = await self._run(self._load)
        return loaded

    async def commit(
        self, expected: int, changes: Sequence[Change], operations: Sequence[Operation] = ()
    ) -> None:
        """Make changes durable in one transaction: on disk when this returns."""
        await self._run(lambda: self._commit(expected, changes, operations))
        for change in changes:
            for notify in self._watchers:
                notify(change)

    async def operation(self, op_id: str) -> Operation | None:
        """Return the operation recorded under `op_id`."""
        query = "SELECT document, checksum FROM operations WHERE op_id = ?"
        rows: list[Any] = await self._read(query, (op_id,))
        return documents.read_operation(rows[0]) if rows else None

    async def history(self, subjects: Sequence[str] | None, limit: int) -> tuple[Change, ...]:
        """Return at most `limit` changes, newest first."""
        where, values = "", list[object]()
        if subjects is not None:
            places = ", ".join("?" * len(subjects))
            where = f"WHERE revision IN (SELECT revision FROM subjects WHERE subject IN ({places}))"
            values += subjects
        query = f"SELECT document, checksum FROM history {where} ORDER BY revision DESC LIMIT ?"
        rows: list[Any] = await self._read(query, (*values, limit))
        return tuple(documents.read_change(row) for row in rows)

    async def changes_after(self, revision: int) -> tuple[Change, ...]:
        """Return the changes committed after `revision`, oldest first."""
        query = "SELECT document, checksum FROM history WHERE revision > ? ORDER BY revision"
        rows: list[Any] = await self._read(query, (revision,))
        return tuple(documents.read_change(row) for row in rows)

    def watch(self, notify: Notify) -> None:
        """Call `notify` with each change committed from now on."""
        self._watchers.append(notify)

    async def close(self) -> None:
        """Fold the write-ahead log into the file and let go of it."""
        await self._run(self._close)

    def _load(self) -> Loaded:
        mark = Mark(self.path.with_name(self.path.name + ".acknowledged"))
        try:
            self._connection, loaded = open_state_file(self.path, mark)
        except BaseException:
            mark.close()
            raise
        self._inode = os.stat(self.path).st_ino
        self._mark = mark
        return loaded

    def _commit(
        self, expected: int, changes: Sequence[Change], operations: Sequence[Operation]
    ) -> None:
        connection = self._open()
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                _write(connection, expected, changes, operations)
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
        if self._mark is not None:
            try:
                self._mark.advance(expected + len(changes))
            except OSError as fault:  # committed all the same: whoever asks is told so
                raise OutcomeUnknown(f"{self._mark.path}: {fault}") from None

    async def _read(self, query: str, values: Sequence[object]) -> list[Any]:
        def read() -> list[Any]:
            try:
                return list(checked(self._open().execute(query, values)))
            except sqlite3.Error as fault:
                raise Unavailable(f"{self.path}: {fault}") from None

        rows: list[Any] = await self._run(read)
        return rows

    def _open(self) -> sqlite3.Connection:
        """Return the connection if the file is still the one that was opened."""
        try:
            same = os.stat(self.path).st_ino == self._inode
        except OSError:
            same = False
        if self._connection is None or not same:
            raise Unavailable(
                f"{self.path}: was moved or deleted while in use; restart failoverdns"
            )
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._mark is not None:
            self._mark.close()
            self._mark = None


def _write(
    connection: sqlite3.Connection,
    expected: int,
    changes: Sequence[Change],
    operations: Sequence[Operation],
) -> None:
    writes = [write for change in changes for write in change.writes]
    created = sum((w.after is not None) - (w.before is not None) for w in writes)
    cursor = connection.execute(
        "UPDATE head SET revision = ?, entities = entities + ? WHERE revision = ?",
        (expected + len(changes), created, expected),
    )
    if cursor.rowcount != 1:
        raise Conflict(f"the store is not at revision {expected}")
    for write in writes:
        if write.after is not None:
            connection.execute(
                "INSERT INTO entities VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE "
                "SET document = excluded.document, checksum = excluded.checksum",
                (documents.key_of(write.after), *sealed(documents.write_entity(write.after))),
            )
        elif write.before is not None:
            key = documents.key_of(write.before)
            connection.execute("DELETE FROM entities WHERE key = ?", (key,))
    connection.executemany(
        "INSERT INTO history VALUES (?, ?, ?)",
        ((change.revision, *sealed(documents.write_change(change))) for change in changes),
    )
    connection.executemany(
        "INSERT INTO subjects VALUES (?, ?)",
        ((subject, change.revision) for change in changes for subject in change.subjects),
    )
    connection.executemany(
        "INSERT INTO operations VALUES (?, ?, ?)",
        ((op.op_id, *sealed(documents.write_operation(op))) for op in operations),
    )
