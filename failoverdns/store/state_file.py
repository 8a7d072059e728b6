"""The state file is created, opened, checked and read, or refused if it cannot be trusted.

A file is refused if it is damaged, truncated, of a newer version, of another program, or older
than the acknowledged revision (`store.mark`), or if the log beside it is of another file
(`store.generation`).  A refusal changes nothing.  `store.loading` has what is checked in it.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from failoverdns.model.errors import Corrupt
from failoverdns.store.authentication import Authentication
from failoverdns.store.damage import MISREAD, damaged, explain
from failoverdns.store.database_schema import SCHEMA_VERSION, create, upgrade
from failoverdns.store.generation import (
    check_log,
    generation_without_log,
    read_only,
    remedy,
)
from failoverdns.store.interface import Loaded
from failoverdns.store.loading import load, revision_of, version_of
from failoverdns.store.place import Place
from failoverdns.store.wal import committed, has_log
from failoverdns.store.whole_file import sync_folder

BUSY_TIMEOUT: Final = 5.0
"""Seconds to wait while another process has the file locked."""

_MAGIC = b"SQLite format 3\0"
_SMALLEST = 512
"""The size of the smallest database in bytes."""

_WAL_VERSIONS = slice(18, 20)
"""The bytes of a database that say whether it has a write-ahead log."""

_NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection to a state file, and the state in it; it `is_writable`, or only shows that."""

    connection: sqlite3.Connection
    loaded: Loaded
    is_writable: bool


def open_state_file(
    place: Place, busy_timeout: float, authentication: Authentication, *, writing: bool = True
) -> Opened:
    """Open a state file, creating it if there never was one, and return the state in it.

    `busy_timeout` is the time in seconds to wait for a lock of another process, now and later.
    `authentication` opens the key file, and refuses a state that something else has changed.
    The connection may be used from any thread, one at a time.  Without `writing`, nothing is
    written to the disk, not even beside the file.
    Raises Corrupt, with what is wrong and what to do; OSError if the file cannot be reached.
    """
    path = place.path
    try:
        _check_file(place)
        place.lock_file()
        if writing:
            opened = _open(place, busy_timeout, authentication)
        else:
            opened = _show(place, authentication)
    except Corrupt as fault:
        raise _about(path, str(fault)) from None
    except (sqlite3.Error, *MISREAD) as fault:
        raise _about(path, explain(fault)) from fault
    place.accept(opened.loaded.revision)
    return opened


def why_not_writable(path: Path) -> str | None:
    """Return why a state file cannot be written at all, None if it may be."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
        if not os.access(path.parent, os.W_OK | os.X_OK):
            return f"{path.parent}: {os.strerror(errno.EACCES)}"
    except OSError as fault:
        if fault.errno in _NOT_WRITABLE:
            return f"{path}: {fault.strerror}"
    return None


def connect(path: Path, busy_timeout: float) -> sqlite3.Connection:
    """Return a connection that writes; raises sqlite3.Error."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=busy_timeout
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    upgrade(connection, version_of(connection))
    return connection


def _about(path: Path, what: str) -> Corrupt:
    """Return that a file is refused, with another cause if a log is beside a damaged one."""
    text = what if what.startswith(f"{path.parent}/") else f"{path}: {what}"
    if "is damaged" in text and has_log(path):
        text += f". {remedy(path)}"
    return Corrupt(text)


def _open(place: Place, busy_timeout: float, authentication: Authentication) -> Opened:
    """Open a state file for writing, after it was judged without that."""
    path = place.path
    loaded, without_log = None, generation_without_log(path)
    with closing(read_only(path, busy_timeout)) as connection:
        version = version_of(connection)
        check_log(path, without_log, connection)
        _check_revision(revision_of(connection), place)
        authentication.begin(connection, version, may_create=True)
        if version == SCHEMA_VERSION:
            loaded = load(connection, authentication)
    writing = connect(path, busy_timeout)
    return Opened(writing, loaded or load(writing, authentication), is_writable=True)


def _show(place: Place, authentication: Authentication) -> Opened:
    """Return the state of a file that cannot be written, with what is in the log beside it."""
    path = place.path
    pages: dict[int, bytes] = {}
    with suppress(FileNotFoundError):
        pages, size = committed(path)
    without_log = generation_without_log(path)
    connection = read_only(path, options="&immutable=1")
    version = version_of(connection) if not pages else 0  # the file alone may not be readable
    if pages or version < SCHEMA_VERSION:
        connection.close()
        data = bytearray(path.read_bytes())
        if pages:
            page_size = len(pages[1] if 1 in pages else next(iter(pages.values())))
            data[size * page_size :] = bytes(max(0, size * page_size - len(data)))
            for number, page in pages.items():
                data[(number - 1) * page_size : number * page_size] = page
        data[_WAL_VERSIONS] = b"\1\1"
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        connection.deserialize(bytes(data))
        version = version_of(connection)
        upgrade(connection, version)
    check_log(path, without_log, connection)
    _check_revision(revision_of(connection), place)
    authentication.begin(connection, version, may_create=True)
    return Opened(connection, load(connection, authentication), is_writable=False)


def _check_revision(revision: int, place: Place) -> None:
    """Raise Corrupt if the state is older than what was acknowledged."""
    if revision < place.acknowledged:
        raise Corrupt(
            f"is at revision {revision}, but revision {place.acknowledged} was acknowledged: "
            f"changes are lost. Was {place.path.name}-wal deleted, or an old copy put in its "
            f"place? Put the right file back; or, to go on from revision {revision}, delete "
            f"{place.marks}"
        )


def _check_file(place: Place) -> None:
    """Create the file if there never was one; raise Corrupt if it is not a SQLite file."""
    path = place.path
    if not path.exists():
        if place.acknowledged:
            raise Corrupt(
                f"is missing, but revision {place.acknowledged} was acknowledged: put it back "
                f"from a backup; or, to start with nothing, delete {place.marks}"
            )
        if has_log(path):
            raise Corrupt(f"is missing, but its log is there. {remedy(path)}")
        _create(path)
        return
    if not path.is_file():  # opening a pipe would wait for its other end
        raise Corrupt("is not a regular file: choose another state.sqlite")
    with path.open("rb") as file:
        start = file.read(len(_MAGIC))
    if start != _MAGIC:
        what = "is empty" if not start else "is not a SQLite database"
        raise Corrupt(
            f"{what}: put a backup in its place; or, to start with nothing, move it away"
            + (f" and delete {place.marks}" if place.acknowledged else "")
        )
    if path.stat().st_size < _SMALLEST:
        raise Corrupt(damaged("it ends in its header"))


def _create(path: Path) -> None:
    """Create an empty state file at `path`, completely or not at all; raises OSError."""
    new = path.with_name(path.name + ".new")
    for rest in ("", "-journal", "-wal", "-shm"):
        new.with_name(new.name + rest).unlink(missing_ok=True)
    os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(new, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        create(connection)
    new.rename(path)
    sync_folder(path.parent)
