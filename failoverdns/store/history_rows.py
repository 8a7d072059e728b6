"""The rows of the history in the state file: packed, and read as entries or changes.

A row has the text of a change, its checksum and its hash.  A long text is compressed; checksum and
hash are of the text.  Every function reads within one call, between which commits can be made.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Final
from zlib import compress, crc32, decompressobj
from zlib import error as ZlibError  # noqa: N812

from failoverdns.model.change import Change, HistoryEntry, Write
from failoverdns.model.entity import Entity
from failoverdns.model.errors import Corrupt
from failoverdns.store import documents
from failoverdns.store.chain import ChainLink

LONG: Final = 4096
"""Bytes of a text from which on it is compressed."""

LONGEST: Final = 1 << 28
"""Bytes that a compressed text may have, so that a damaged row does not fill the memory."""


def packed(text: str) -> str | bytes:
    """Return the text of a change as it is stored."""
    data = text.encode()
    return compress(data) if len(data) >= LONG else text


def unpacked(stored: str | bytes) -> bytes:
    """Return the text of a change, from how it is stored; no text if that is damaged."""
    if isinstance(stored, str):
        return stored.encode("utf-8", "surrogatepass")
    try:
        return decompressobj().decompress(stored, LONGEST)
    except ZlibError:
        return b""


def last_entries(
    connection: sqlite3.Connection, subjects: Sequence[str] | None, limit: int
) -> tuple[HistoryEntry, ...]:
    """Return at most `limit` changes, newest first; with `subjects`, those about any of them."""
    where, values = "", list[object]()
    if subjects is not None:
        places = ", ".join("?" * len(subjects))
        where = f"WHERE revision IN (SELECT revision FROM subjects WHERE subject IN ({places}))"
        values += subjects
    query = (
        f"SELECT revision, document, checksum FROM history {where} ORDER BY revision DESC LIMIT ?"
    )
    rows = connection.execute(query, (*values, limit))
    return tuple(documents.read_entry(document) for document in _documents(rows))


def entries_after(
    connection: sqlite3.Connection, revision: int, limit: int
) -> tuple[HistoryEntry, ...]:
    """Return at most `limit` changes after a revision, oldest first."""
    rows = connection.execute(f"{_AFTER} LIMIT ?", (revision, limit))
    return tuple(documents.read_entry(document) for document in _documents(rows))


def changes_after(connection: sqlite3.Connection, revision: int) -> tuple[Change, ...]:
    """Return all changes after a revision with their writes, oldest first.

    The writes are made backwards from the entities as they are now.
    """
    now: dict[str, documents.Document | None] = {}

    def current(key: str) -> documents.Document | None:
        if key not in now:
            query = "SELECT document FROM entities WHERE key = ?"
            row = connection.execute(query, (key,)).fetchone()
            now[key] = json.loads(row[0]) if row is not None else None
        return now[key]

    found: list[Change] = []
    for document in reversed(list(_documents(connection.execute(_AFTER, (revision,))))):
        sides = documents.undone(document, current)
        entry = documents.read_entry(document)
        writes = tuple(Write(_entity(before), _entity(after)) for _, before, after in sides)
        found.append(
            Change(
                entry.revision,
                entry.time,
                entry.principal,
                entry.command,
                entry.changed,
                entry.subjects,
                writes,
            )
        )
        now.update((key, before) for key, before, _ in reversed(sides))
    return tuple(reversed(found))


def chain_rows(connection: sqlite3.Connection, after: int) -> Generator[ChainLink, None, None]:
    """Yield the rows of the history after a revision; the texts may be anything."""
    query = (
        "SELECT revision, typeof(document), CAST(document AS BLOB), checksum, CAST(hash AS BLOB) "
        "FROM history WHERE revision > ? ORDER BY revision"
    )
    with closing(connection.execute(query, (after,))) as cursor:
        for revision, kind, data, checksum, hash_ in cursor:
            text = unpacked(data) if kind == "blob" else data
            yield ChainLink(revision, text, checksum, hash_)


_AFTER = "SELECT revision, document, checksum FROM history WHERE revision > ? ORDER BY revision"


def _documents(rows: Iterable[tuple[int, str | bytes, int]]) -> Iterator[documents.Document]:
    """Yield the documents of rows; raises Corrupt for one with a wrong checksum."""
    for revision, stored, checksum in rows:
        text = unpacked(stored)
        try:
            if crc32(text) != checksum:
                raise ValueError("its checksum is wrong")
            yield json.loads(text)
        except (ValueError, RecursionError) as fault:
            raise Corrupt(f"revision {revision} of the history is damaged: {fault}") from None


def _entity(document: documents.Document | None) -> Entity | None:
    return documents.read_entity(document) if document is not None else None
