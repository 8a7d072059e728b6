"""The state is read from its file, and everything that it consists of is checked.

A start reads no more than it needs: neither the history nor what only commands read.  Damage there
cannot change what is served; `history --verify` finds it.  docs/decisions/history-chain.md says
what is checked when.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final

from failoverdns.model.entity import Entity
from failoverdns.model.errors import Corrupt
from failoverdns.store import documents
from failoverdns.store.authentication import Authentication
from failoverdns.store.chain import START
from failoverdns.store.damage import MISREAD, damaged
from failoverdns.store.database_schema import APPLICATION_ID, SCHEMA_VERSION
from failoverdns.store.interface import Loaded
from failoverdns.store.rows import checked

_STATE: Final = ("entities", "head", "needs", "bundles", "hooks", "notes", "uses")
"""The tables that a start reads or writes, and whose size does not grow with the history."""


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of a state file; raises Corrupt if this program cannot read it."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION_ID:
        raise Corrupt("is a SQLite database of another program: choose another state.sqlite")
    if version > SCHEMA_VERSION:
        raise Corrupt(
            f"was written by a newer failoverdns (schema {version}; this version knows "
            f"{SCHEMA_VERSION}): upgrade failoverdns, or put back the copy made before"
        )
    return version


def revision_of(connection: sqlite3.Connection) -> int:
    """Return the revision of a state file of any version; raises Corrupt."""
    rows = connection.execute("SELECT revision FROM head LIMIT 2").fetchall()
    if len(rows) != 1 or not isinstance(rows[0][0], int):
        raise Corrupt(damaged(f"{len(rows)} heads"))
    revision: int = rows[0][0]
    return revision


def load(connection: sqlite3.Connection, authentication: Authentication) -> Loaded:
    """Return the state in a file of the current version; raises Corrupt or sqlite3.Error.

    `authentication` has begun; it refuses a state that something else has changed.
    """
    for table in _STATE:
        found = connection.execute(f"PRAGMA quick_check('{table}')").fetchone()[0]
        if found != "ok":
            raise Corrupt(damaged(found))
    authentication.check_schema(connection)
    revision = revision_of(connection)
    count, hash_ = connection.execute("SELECT entities, hash FROM head").fetchone()
    summing = authentication.summing(connection)
    try:
        found = summing.documents(connection) if summing is not None else _checked(connection)
        entities = tuple(documents.read_entity(document) for document in found)
    except (Corrupt, *MISREAD):
        _find_damage(connection)
        raise
    if len(entities) != count:
        raise Corrupt(damaged(f"{count} entities were written, {len(entities)} are left"))
    _check_end_of_history(connection, revision, hash_, authentication)
    missing = connection.execute(
        "SELECT key FROM needs LEFT JOIN bundles ON bundle = id WHERE id IS NULL LIMIT 1"
    ).fetchone()
    if missing is not None:
        raise Corrupt(damaged(f"the vault lacks the bundle of {missing[0]}"))
    if summing is not None and not authentication.is_right(connection, summing):
        _find_damage(connection)
        raise authentication.refusal(connection)
    _check_needs(connection, entities)
    return Loaded(revision, entities)


def _checked(connection: sqlite3.Connection) -> Iterator[documents.Document]:
    """Yield the documents of all entities; raises Corrupt for one with a wrong checksum."""
    return checked(connection.execute("SELECT document, checksum FROM entities ORDER BY number"))


def _find_damage(connection: sqlite3.Connection) -> None:
    """Raise Corrupt if a document has a wrong checksum; so it is damaged, not changed."""
    for _ in _checked(connection):
        pass


def _check_needs(connection: sqlite3.Connection, entities: Iterable[Entity]) -> None:
    """Raise Corrupt if the table that says who needs which bundle is not what the entities say.

    By that table, bundles that nobody needs any longer are deleted.
    """
    stored = dict(connection.execute("SELECT key, bundle FROM needs"))
    for entity in entities:
        bundle = documents.bundle_of(entity)
        if bundle is not None and stored.pop(key := documents.key_of(entity), None) != bundle:
            raise Corrupt(damaged(f"it is not noted that {key} needs the bundle {bundle}"))
    if stored:
        raise Corrupt(damaged(f"{next(iter(stored))} needs a bundle, but it has none"))


def _check_end_of_history(
    connection: sqlite3.Connection, revision: int, hash_: str, authentication: Authentication
) -> None:
    """Raise Corrupt if the last change is not the last one that was committed."""
    query = "SELECT revision, hash FROM history ORDER BY revision DESC LIMIT 1"
    last = connection.execute(query).fetchone()
    found, ends = (last[1], last[0]) if last else (START, 0)
    if found != hash_:
        right = (
            "(SELECT hash FROM history ORDER BY revision DESC LIMIT 1)" if ends else f"'{START}'"
        )
        raise Corrupt(
            f"was tampered with, or is damaged: its history ends with revision {ends}, whose hash "
            f"is not the one that was noted when revision {revision} was committed. Put a backup "
            "in its place; or, to go on with a history that `history --verify` will refuse for "
            f'ever: sqlite3 FILE "UPDATE head SET hash = {right}", and {authentication.remedy}'
        )
