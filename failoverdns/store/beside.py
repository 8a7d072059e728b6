"""Reading a state file beside the server that uses it, to check whether this version can use it.

Nothing is written, created, upgraded or locked.  The history is not read.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from failoverdns.model.errors import Corrupt
from failoverdns.store import documents
from failoverdns.store.authentication import Authentication
from failoverdns.store.database_schema import SCHEMA_VERSION
from failoverdns.store.generation import read_only
from failoverdns.store.interface import Loaded
from failoverdns.store.loading import load, revision_of, version_of
from failoverdns.store.mark import SUFFIX
from failoverdns.store.rows import checked
from failoverdns.store.state_file import why_not_writable
from failoverdns.store.vault import Vault

PATIENCE: Final = 30.0
"""Seconds to wait while the server has the file locked."""

_WITH_VAULT: Final = 2
"""The first version of the file that has a vault."""


def read_beside(path: Path, vault: Vault) -> Loaded:
    """Return the state in the file `path`, which a server may be using; no entity without a file.

    Raises Corrupt if this version could not use the file, or the key file of `vault`.
    """
    if not path.exists():
        return Loaded(0, ())
    options = "&immutable=1" if why_not_writable(path) else ""
    try:
        with closing(read_only(path, PATIENCE, options)) as connection:
            connection.execute("BEGIN")
            return _read(connection, vault)
    except Corrupt as fault:
        raise Corrupt(f"{path}: {fault}") from None
    except (sqlite3.Error, UnicodeError, OverflowError) as fault:
        raise Corrupt(f"{path}: cannot be read: {fault}") from None


def check_unused(path: Path) -> None:
    """Raise Corrupt if a server uses the state file `path`."""
    file = Path(os.path.realpath(path))
    for locked in (file, file.with_name(file.name + SUFFIX)):
        try:
            with locked.open("rb") as opened:
                fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            continue
        except BlockingIOError:
            raise Corrupt(f"{path}: another failoverdns is using this state") from None


def _read(connection: sqlite3.Connection, vault: Vault) -> Loaded:
    version = version_of(connection)
    authentication = Authentication(vault)
    authentication.begin(connection, version, may_create=False)
    if version == SCHEMA_VERSION:
        loaded = load(connection, authentication)
    else:  # what an upgrade leaves as it is
        rows = connection.execute("SELECT document, checksum FROM entities ORDER BY rowid")
        entities = tuple(documents.read_entity(document) for document in checked(rows))
        loaded = Loaded(revision_of(connection), entities)
    if version >= _WITH_VAULT:
        _check_key(connection, vault)
    return loaded


def _check_key(connection: sqlite3.Connection, vault: Vault) -> None:
    """Raise Corrupt if a private key is stored and cannot be decrypted."""
    rows = connection.execute("SELECT id, document, checksum FROM bundles LIMIT 1").fetchall()
    for id_, *row in rows:
        for bundle in checked([(row[0], row[1])]):
            vault.decrypt(id_, bundle["key"])
