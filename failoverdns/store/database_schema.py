"""The tables of the state file, and the upgrade of files of older versions.

A new file is made as one of version 1 and then upgraded like an old one.  Versions 3 and 4 also
have documents that versions before them cannot read.  The upgrade reads no table but the history,
to which it adds the hash chain, and copies the entities.

| table        | holds                                                             |
|--------------|-------------------------------------------------------------------|
| `entities`   | the state: one document an entity, numbered, because `VACUUM`     |
|              | gives rows without a number of their own other ones               |
| `history`    | every change, with what differs in the entities, as a chain       |
|              | (`store.chain`); it is append-only                                |
| `subjects`   | which changes are about which application or group                |
| `operations` | replies to commands that had an `op_id`, for some days            |
| `bundles`    | the vault: chains, and private keys, encrypted (`store.vault`)    |
| `needs`      | which entity needs which bundle                                   |
| `fetches`    | which client fetched which certificate                            |
| `hooks`      | the progress of each hook                                         |
| `trimmed`    | the hash of each change that was trimmed from the history         |
| `checkpoint` | the documents of all entities as of the cut of the history        |
| `ahead`      | those that differ at the next cut (`store.trimming`)              |
| `uses`       | when, and from where, each token was last used                    |
| `notes`      | numbers that the store notes for itself, by name                  |
| `head`       | one row: the revision, how many entities there are, the hash of   |
|              | the last change, and the tag that authenticates them (`store.tags`) |
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import lru_cache
from typing import Final

from failoverdns.model.change import EVERYBODY
from failoverdns.model.errors import Corrupt
from failoverdns.model.printable import printable
from failoverdns.store.chain import START, linked
from failoverdns.store.generation import WITH_GENERATIONS, begin_generation, note_schema

SCHEMA_VERSION: Final = 6
APPLICATION_ID: Final = 0x464F4456

_VERSION_1 = (
    "CREATE TABLE head (revision INTEGER NOT NULL, entities INTEGER NOT NULL)",
    "CREATE TABLE entities ("
    "key TEXT NOT NULL UNIQUE, document TEXT NOT NULL, checksum INTEGER NOT NULL)",
    "CREATE TABLE history ("
    "revision INTEGER PRIMARY KEY, document TEXT NOT NULL, checksum INTEGER NOT NULL)",
    "CREATE TABLE subjects ("
    "subject TEXT NOT NULL, revision INTEGER NOT NULL, PRIMARY KEY (subject, revision)"
    ") WITHOUT ROWID",
    "CREATE TABLE operations ("
    "op_id TEXT PRIMARY KEY, document TEXT NOT NULL, checksum INTEGER NOT NULL)",
    "INSERT INTO head VALUES (0, 0)",
    f"PRAGMA application_id = {APPLICATION_ID}",
)

_SINCE_2 = (
    "CREATE TABLE bundles (id TEXT PRIMARY KEY, document TEXT NOT NULL, checksum INTEGER NOT NULL)",
    "CREATE TABLE needs (key TEXT PRIMARY KEY, bundle TEXT NOT NULL) WITHOUT ROWID",
    "CREATE INDEX needed ON needs (bundle)",
    "CREATE TABLE fetches (number INTEGER PRIMARY KEY, application TEXT NOT NULL, "
    "document TEXT NOT NULL, checksum INTEGER NOT NULL)",
    "CREATE INDEX fetched ON fetches (application, number)",
    "CREATE TABLE hooks (name TEXT PRIMARY KEY, document TEXT NOT NULL, checksum INTEGER NOT NULL)",
)

_SINCE_4 = (
    "ALTER TABLE history RENAME TO unlinked",
    "CREATE TABLE history (revision INTEGER PRIMARY KEY, document TEXT NOT NULL, "
    "checksum INTEGER NOT NULL, hash TEXT NOT NULL)",
    f"ALTER TABLE head ADD COLUMN hash TEXT NOT NULL DEFAULT '{START}'",
)

_SINCE_5 = (
    "ALTER TABLE entities RENAME TO unnumbered",
    "CREATE TABLE entities (number INTEGER PRIMARY KEY, "
    "key TEXT NOT NULL UNIQUE, document TEXT NOT NULL, checksum INTEGER NOT NULL)",
    "INSERT INTO entities SELECT rowid, key, document, checksum FROM unnumbered ORDER BY rowid",
    "DROP TABLE unnumbered",
    "ALTER TABLE head ADD COLUMN tag TEXT NOT NULL DEFAULT ''",
    "CREATE TABLE notes (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "ALTER TABLE operations RENAME TO unowned",
    "CREATE TABLE operations (principal TEXT NOT NULL, op_id TEXT NOT NULL, "
    "document TEXT NOT NULL, checksum INTEGER NOT NULL, time REAL NOT NULL, "
    "PRIMARY KEY (op_id, principal))",
    "INSERT INTO operations "
    f"SELECT '{EVERYBODY}', op_id, document, checksum, strftime('%s', 'now') FROM unowned",
    "DROP TABLE unowned",
    "CREATE INDEX operated ON operations (time)",
    "CREATE TABLE trimmed (revision INTEGER PRIMARY KEY, hash BLOB NOT NULL)",
    "CREATE TABLE checkpoint (key TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE ahead (key TEXT PRIMARY KEY, document TEXT) WITHOUT ROWID",
    *(
        f"CREATE TRIGGER trimmed_takes_no_{what.lower()} BEFORE {what} ON trimmed "
        "BEGIN SELECT RAISE(ABORT, 'the hashes of trimmed changes stay'); END"
        for what in ("UPDATE", "DELETE")
    ),
    "CREATE TRIGGER trimmed_takes_the_next_before_the_cut BEFORE INSERT ON trimmed "
    "WHEN NEW.revision <> 1 + (SELECT coalesce(max(revision), 0) FROM trimmed) "
    "OR NEW.revision > coalesce((SELECT json_extract(document, '$.revision') FROM entities "
    "WHERE key = 'cut/history'), 0) "
    "OR lower(hex(NEW.hash)) <> coalesce("
    "(SELECT hash FROM history WHERE revision = NEW.revision), '') "
    "BEGIN SELECT RAISE(ABORT, 'only the next change before the cut can be trimmed'); END",
    "DROP TRIGGER history_takes_no_delete",
    "CREATE TRIGGER history_takes_no_delete BEFORE DELETE ON history "
    "WHEN NOT EXISTS (SELECT 1 FROM trimmed "
    "WHERE revision = OLD.revision AND lower(hex(hash)) = OLD.hash) "
    "BEGIN SELECT RAISE(ABORT, 'history is append-only'); END",
)
"""Operations of before get the time of the upgrade: they are kept as long as new ones.

Their principals are not known, so that they answer a retry by any of them.
"""

_SINCE_6 = (
    "CREATE TABLE uses (token TEXT PRIMARY KEY, document TEXT NOT NULL, checksum INTEGER NOT NULL)",
)

_APPEND_ONLY = tuple(
    f"CREATE TRIGGER history_takes_no_{what.split()[0].lower()} BEFORE {what} "
    "BEGIN SELECT RAISE(ABORT, 'history is append-only'); END"
    for what in (
        "UPDATE ON history",
        "DELETE ON history",
        "INSERT ON history WHEN NEW.revision <= (SELECT max(revision) FROM history)",
    )
)
"""The third is needed because `INSERT OR REPLACE` removes rows without firing the second."""


def create(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty database."""
    with _transaction(connection):
        _execute(connection, _VERSION_1)
    upgrade(connection, 1)


def upgrade(connection: sqlite3.Connection, version: int) -> None:
    """Upgrade a file of `version` to the current one, completely or not at all.

    If the database holds all that its log has, the upgrade begins a generation of the log, because
    it changes the number of the schema, by which a log is recognized (`store.generation`).
    """
    if version == SCHEMA_VERSION:
        return
    begins = version >= WITH_GENERATIONS and _is_folded(connection)
    with _transaction(connection):
        if begins:
            begin_generation(connection)
        if version < 2:
            _execute(connection, _SINCE_2)
        if version < 4:
            _link_history(connection)
        if version < 5:
            _execute(connection, _SINCE_5)
        _execute(connection, _SINCE_6)
        if begins:
            note_schema(connection)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def check_schema(connection: sqlite3.Connection) -> None:
    """Raise Corrupt if a file of the current version has a trigger, view or table that is not ours.

    A trigger could change entities within a commit, which then makes a right tag for them.  Tables
    and indexes with other names do nothing by themselves.
    """
    ours = _definitions()
    query = "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL"
    for kind, name, sql in connection.execute(query):
        is_other = kind in ("table", "index") and name not in ours
        if not is_other and ours.get(name) != _plain(sql):
            raise Corrupt(
                f"has a {kind} that failoverdns did not make, and that could change the state: "
                f"{printable(name)}. Put a backup in its place; nothing was changed"
            )


@lru_cache(maxsize=1)
def _definitions() -> Mapping[str, str]:
    """Return the definition of everything in a new file, by name."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        create(connection)
        query = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL"
        return {name: _plain(sql) for name, sql in connection.execute(query)}


def _plain(sql: str) -> str:
    """Return a definition without white space, which differs between versions."""
    return "".join(str(sql).split())


def _link_history(connection: sqlite3.Connection) -> None:
    """Add the hash chain to the stored history, unverified, and make the history append-only."""
    _execute(connection, _SINCE_4)
    query = "SELECT revision, document, checksum FROM unlinked ORDER BY revision"
    rows = linked(START, connection.execute(query))
    connection.executemany("INSERT INTO history VALUES (?, ?, ?, ?)", rows)
    connection.execute(
        "UPDATE head SET hash = coalesce("
        "(SELECT hash FROM history ORDER BY revision DESC LIMIT 1), hash)"
    )
    connection.execute("DROP TABLE unlinked")
    _execute(connection, _APPEND_ONLY)


def _is_folded(connection: sqlite3.Connection) -> bool:
    """Copy the write-ahead log into the database; return whether that has all of it now."""
    row = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return bool(row[0] == 0)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _execute(connection: sqlite3.Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        connection.execute(statement)
