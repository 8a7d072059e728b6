"""Whether the write-ahead log beside a state file belongs to it.

SQLite applies any log that it finds beside a database.  If a backup is copied over the file of a
server that was killed, and the log is left, the backup becomes the newest state again, or a
mixture.  So each time the log begins again, a number for its *generation* is drawn and written to
the table `notes`, with that of the generation before it, its *base*.  The database without the log
is of one of the two, or the log belongs to another one.

A copy that was made while the log was in use has its generation.  But SQLite increases the number
of the schema (its `schema_version`) of every copy that it makes, by `.backup` and `VACUUM INTO`,
and the notes hold that number too.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from random import SystemRandom
from typing import Final
from urllib.parse import quote

from failoverdns.model.errors import Corrupt
from failoverdns.store.damage import MISREAD
from failoverdns.store.wal import has_log, index_of, log_of

WITH_GENERATIONS: Final = 5
"""The first schema with notes."""

_DRAW = SystemRandom()

Generation = tuple[int, int]
"""Its number, and the number of the schema; (0, 0) if there is none yet."""


def begin_generation(connection: sqlite3.Connection) -> None:
    """Draw the number of a generation, within a transaction.

    The database must hold everything that the log has, and both must be synced.
    """
    number, _ = _noted(connection, "generation")
    schema = connection.execute("PRAGMA schema_version").fetchone()[0]
    notes = {
        "base": number,
        "base.schema": schema,
        "generation": _DRAW.getrandbits(62) + 1,
        "generation.schema": schema,
    }
    connection.executemany("INSERT OR REPLACE INTO notes VALUES (?, ?)", notes.items())


def note_schema(connection: sqlite3.Connection) -> None:
    """Note the number of the schema again, in the transaction that begins a generation.

    The database without the log has the number of before, which is that of its base.
    """
    schema = connection.execute("PRAGMA schema_version").fetchone()[0]
    query = "INSERT OR REPLACE INTO notes VALUES ('generation.schema', ?)"
    connection.execute(query, (schema,))


def generation_without_log(path: Path) -> Generation | None:
    """Return the generation of a state file alone; None if no log is beside it, or not known.

    No other connection of this process may have the file open: its locks would end.
    """
    if not has_log(path):
        return None
    try:
        with closing(read_only(path, options="&immutable=1")) as connection:
            if connection.execute("PRAGMA user_version").fetchone()[0] < WITH_GENERATIONS:
                return (0, 0)
            number, _ = _noted(connection, "generation")
            actual = connection.execute("PRAGMA schema_version").fetchone()[0]
            return (number, actual) if number else (0, 0)
    except (sqlite3.Error, *MISREAD):  # perhaps only half of the log was copied into it
        return None


def check_log(path: Path, without_log: Generation | None, connection: sqlite3.Connection) -> None:
    """Raise Corrupt if the log beside a state file belongs to another one.

    `connection` shows the file with the log.  Raises sqlite3.Error if that cannot be read.
    """
    if without_log is None:
        return
    if connection.execute("PRAGMA user_version").fetchone()[0] < WITH_GENERATIONS:
        return
    if without_log not in (_noted(connection, "generation"), _noted(connection, "base")):
        raise Corrupt(
            f"is a copy or another file than the one that {log_of(path).name} beside it was "
            f"written for. {remedy(path)}"
        )


def remedy(path: Path) -> str:
    """Return what to do with a log that does not belong to the file beside it."""
    return (
        f"If it is a backup that you put in place, delete {log_of(path)} and {index_of(path)}, "
        "and start again; if not, put back the file that was there before; nothing was changed"
    )


def read_only(path: Path, timeout: float = 5.0, options: str = "") -> sqlite3.Connection:
    """Return a connection that never writes to a database; raises sqlite3.Error.

    `timeout` is the time in seconds to wait for a lock of another process.
    """
    uri = f"file:{quote(str(path))}?mode=ro{options}"
    return sqlite3.connect(
        uri, uri=True, isolation_level=None, check_same_thread=False, timeout=timeout
    )


def _noted(connection: sqlite3.Connection, name: str) -> Generation:
    query = "SELECT coalesce((SELECT value FROM notes WHERE name = ?), 0)"
    number = connection.execute(query, (name,)).fetchone()[0]
    schema = connection.execute(query, (f"{name}.schema",)).fetchone()[0]
    return (number, schema) if number else (0, 0)
