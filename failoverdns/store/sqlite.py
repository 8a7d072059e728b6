"""The store for one machine: a SQLite file in WAL mode, synced at every commit.

Knows SQLite's traps, and refuses to start on a file that is torn, truncated, from a newer
version, somebody else's, or older than what was acknowledged (`store.mark`).
Refuses to know threads: `run` is told where blocking calls are made.

| table        | holds                                                             |
|--------------|-------------------------------------------------------------------|
| `entities`   | the state: one document an entity                                 |
| `history`    | every change, with the entities before and after it               |
| `subjects`   | which changes are about which application or group                |
| `operations` | replies to commands that had an `op_id`                           |
| `head`       | one row: the revision, and how many entities there are            |
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeVar
from zlib import crc32

from failoverdns.model.change import Change, Operation
from failoverdns.model.errors import Corrupt
from failoverdns.store import documents
from failoverdns.store.interface import (
    Conflict,
    Loaded,
    Notify,
    OutcomeUnknown,
    Unavailable,
)
from failoverdns.store.mark import Mark

SCHEMA_VERSION: Final = 1
APPLICATION_ID: Final = 0x464F4456
_MAGIC = b"SQLite format 3\0"
_UNUSABLE = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}
"""Primary result codes that say nothing about what is in the file."""


_SCHEMA = f"""
CREATE TABLE head (revision INTEGER NOT NULL, entities INTEGER NOT NULL);
CREATE TABLE entities (
    key TEXT NOT NULL UNIQUE, document TEXT NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE history (
    revision INTEGER PRIMARY KEY, document TEXT NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE subjects (
    subject TEXT NOT NULL, revision INTEGER NOT NULL, PRIMARY KEY (subject, revision)
) WITHOUT ROWID;
CREATE TABLE operations (
    op_id TEXT PRIMARY KEY, document TEXT NOT NULL, checksum INTEGER NOT NULL);
INSERT INTO head VALUES (0, 0);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""

_T = TypeVar("_T")
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
            self._check_file(mark)
            self._connection = _connect(self.path)
            self._inode = os.stat(self.path).st_ino
            loaded = self._read_all(self._connection)
            if loaded.revision < mark.revision:
                raise Corrupt(
                    f"is at revision {loaded.revision}, but revision {mark.revision} was "
                    f"acknowledged: changes are lost. Was {self.path.name}-wal deleted, or an old "
                    "copy put in its place? Put the right file back; or, to go on from revision "
                    f"{loaded.revision}, delete {mark.path}"
                )
            mark.advance(loaded.revision)
        except Corrupt as fault:
            mark.close()
            raise Corrupt(f"{self.path}: {fault}") from None
        except sqlite3.DatabaseError as fault:
            mark.close()
            raise Corrupt(f"{self.path}: {_explain(fault)}") from None
        except BaseException:
            mark.close()
            raise
        self._mark = mark
        return loaded

    def _check_file(self, mark: Mark) -> None:
        """Create the file if there never was one; raise Corrupt if what is there is none."""
        if not self.path.exists():
            if mark.revision:
                raise Corrupt(
                    f"is missing, but revision {mark.revision} was acknowledged: put it back from "
                    f"a backup; or, to start with nothing, delete {mark.path}"
                )
            _create(self.path)
            return
        with self.path.open("rb") as file:
            start = file.read(len(_MAGIC))
        if start != _MAGIC:
            what = "is empty" if not start else "is not a SQLite database"
            raise Corrupt(
                f"{what}: put a backup in its place; or, to start with nothing, move it away"
                + (f" and delete {mark.path}" if mark.revision else "")
            )

    def _read_all(self, connection: sqlite3.Connection) -> Loaded:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if application != APPLICATION_ID:
            raise Corrupt("is a SQLite database of another program: choose another state.sqlite")
        if version > SCHEMA_VERSION:
            raise Corrupt(
                f"was written by a newer failoverdns (schema {version}; this version knows "
                f"{SCHEMA_VERSION}): upgrade failoverdns, or put back the copy made before"
            )
        damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            raise Corrupt(_damaged(damage))
        revision, count = connection.execute("SELECT revision, entities FROM head").fetchone()
        rows = connection.execute("SELECT document, checksum FROM entities ORDER BY rowid")
        entities = tuple(documents.read_entity(document) for document in _checked(rows))
        if len(entities) != count:
            raise Corrupt(_damaged(f"{count} entities were written, {len(entities)} are left"))
        return Loaded(revision, entities)

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
            self._mark.advance(expected + len(changes))

    async def _read(self, query: str, values: Sequence[object]) -> list[Any]:
        def read() -> list[Any]:
            try:
                return list(_checked(self._open().execute(query, values)))
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


def _create(path: Path) -> None:
    """Make an empty state file appear at `path` whole, or not at all."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with closing(sqlite3.connect(new, isolation_level=None)) as connection:
        connection.executescript("PRAGMA synchronous = FULL; BEGIN;" + _SCHEMA + "COMMIT;")
    new.chmod(0o600)
    new.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


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
                (documents.key_of(write.after), *_sealed(documents.write_entity(write.after))),
            )
        elif write.before is not None:
            key = documents.key_of(write.before)
            connection.execute("DELETE FROM entities WHERE key = ?", (key,))
    connection.executemany(
        "INSERT INTO history VALUES (?, ?, ?)",
        ((change.revision, *_sealed(documents.write_change(change))) for change in changes),
    )
    connection.executemany(
        "INSERT INTO subjects VALUES (?, ?)",
        ((subject, change.revision) for change in changes for subject in change.subjects),
    )
    connection.executemany(
        "INSERT INTO operations VALUES (?, ?, ?)",
        ((op.op_id, *_sealed(documents.write_operation(op))) for op in operations),
    )


def _sealed(document: documents.Document) -> tuple[str, int]:
    """Return a document's text and checksum: SQLite has none, and a flipped bit would be served."""
    text = json.dumps(document, separators=(",", ":"))
    return text, crc32(text.encode())


def _checked(rows: Iterable[tuple[str, int]]) -> Iterable[documents.Document]:
    for text, checksum in rows:
        if not isinstance(text, str) or crc32(text.encode()) != checksum:
            raise Corrupt(_damaged(f"the checksum of a row is wrong: {text[:100]!r}"))
        yield json.loads(text)


def _explain(fault: sqlite3.DatabaseError) -> str:
    """Tell a file that is damaged from one that cannot be used as things are."""
    code = getattr(fault, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if code in _UNUSABLE:
        return (
            f"cannot be used ({fault}): see that it and its folder belong to the user that "
            "failoverdns runs as, that the disk is sound and not full, and that nothing else "
            "has it locked"
        )
    return _damaged(str(fault))


def _damaged(what: str) -> str:
    return (
        f"is damaged ({what}): put a backup in its place, or try `sqlite3 FILE .recover`; "
        "nothing was changed"
    )
