"""Trimming the history: a checkpoint of all entities takes the place of the oldest changes.

The cut of the history is an entity (`model.history_cut`): a change, which the chain covers like any
other, names the revision of the cut, the digest of the checkpoint and that of the trimmed hashes.
A trim has three parts, each in pieces that take some milliseconds, so that commits do not wait:

1. The changes before the new cut are verified and replayed; the documents that they leave are
   stored `ahead` of the checkpoint, and both digests are computed.
2. The ledger commits the new cut.
3. The changes up to it are deleted, their hashes kept, and `ahead` is folded into the checkpoint.

A stop in between loses nothing: the next trim continues.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from hashlib import sha256
from typing import Final
from zlib import crc32

from failoverdns.model.errors import Corrupt
from failoverdns.model.history_cut import HistoryCut
from failoverdns.store import documents
from failoverdns.store.chain import START, next_hash
from failoverdns.store.history_rows import chain_rows

AT_ONCE: Final = 100
BYTES_AT_ONCE: Final = 1 << 18
"""Changes, and bytes of their texts, in one piece, at most."""

ROWS_AT_ONCE: Final = 1000
"""Documents or hashes that are read in one piece."""


def cut_of(connection: sqlite3.Connection) -> HistoryCut | None:
    """Return the committed cut; None if the history was never trimmed."""
    query = "SELECT document FROM entities WHERE key = 'cut/history'"
    row = connection.execute(query).fetchone()
    cut = documents.read_entity(json.loads(row[0])) if row is not None else None
    assert cut is None or isinstance(cut, HistoryCut)
    return cut


def begin(connection: sqlite3.Connection, before: float) -> None:
    """Drop what was prepared for a cut that is later than the time `before`."""
    end = _prepared(connection)
    if end <= _cut_revision(connection):
        return
    with closing(chain_rows(connection, end - 1)) as rows:
        link = next(rows, None)
    if link is None or json.loads(link.text)["time"] >= before:
        connection.execute("DELETE FROM ahead")
        connection.execute("DELETE FROM notes WHERE name = 'ahead'")


def prepare(connection: sqlite3.Connection, before: float) -> bool:
    """Replay the next changes older than `before` (seconds since 1970); return if there are more.

    The newest change always stays.  Raises Corrupt for a change that does not fit the chain.
    """
    start = max(_prepared(connection), _cut_revision(connection))
    (last,) = connection.execute("SELECT revision FROM head").fetchone()
    known: dict[str, documents.Document | None] = {}
    end, size, previous = start, 0, hash_at(connection, start)

    def current(key: str) -> documents.Document | None:
        if key not in known:
            known[key] = _document(connection, key)
        return known[key]

    more = False
    with closing(chain_rows(connection, start)) as rows:
        for row in rows:
            if end - start >= AT_ONCE or size >= BYTES_AT_ONCE:
                more = True
                break
            if row.revision >= last:
                break
            made = next_hash(previous, row.text)
            if (row.revision, made.encode()) != (end + 1, row.hash) or (
                crc32(row.text) != row.checksum
            ):
                raise Corrupt(f"revision {end + 1} does not fit the chain: see history --verify")
            change = json.loads(row.text)
            if change["time"] >= before:
                break
            known.update(documents.redone(change, current))
            end, previous, size = end + 1, made, size + len(row.text)
    texts = ((key, None if d is None else _text(d)) for key, d in known.items())
    connection.executemany("INSERT OR REPLACE INTO ahead VALUES (?, ?)", texts)
    connection.execute("INSERT OR REPLACE INTO notes VALUES ('ahead', ?)", (end,))
    return more


class Digests:
    """Both digests of a cut, computed in pieces: of the trimmed hashes, and of the checkpoint.

    `cut` is the cut that is verified; None computes those of the cut that was prepared.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        cut: HistoryCut | None = None,
        expected: str | None = None,
    ) -> None:
        self._end = cut.revision if cut is not None else _prepared(connection)
        self._expected = expected
        self._hashes, self._checkpoint = sha256(), sha256()
        self._revision, self._key = 0, ""
        self._hash = START
        self.is_met = False
        """True when a change up to the cut has the hash `expected`."""

    @property
    def cut(self) -> HistoryCut:
        """Return the cut that these digests are of."""
        return HistoryCut(
            self._end, self._hash, self._hashes.hexdigest(), self._checkpoint.hexdigest()
        )

    def read(
        self,
        connection: sqlite3.Connection,
        keep: Callable[[Sequence[tuple[str, str]]], object] = len,
    ) -> bool:
        """Read the next piece; return whether there is more.

        `keep` is called with keys and documents of the checkpoint.
        """
        if self._revision < self._end:
            found = connection.execute(_HASHES, (self._revision, self._end, ROWS_AT_ONCE))
            for revision, hash_ in (rows := found.fetchall()):
                self._hashes.update(hash_.encode())
                self._revision, self._hash = revision, hash_
                self.is_met = self.is_met or hash_ == self._expected
            if rows:
                return True
        documents_ = list(_checkpoint(connection, self._key, _prepared(connection) == self._end))
        for key, text in documents_:
            self._checkpoint.update(f"{key}\n{text}\n".encode())
            self._key = key
        keep(documents_)
        return bool(documents_)


_HASHES = (
    "SELECT revision, lower(hex(hash)) FROM trimmed WHERE revision > ?1 AND revision <= ?2 "
    "UNION ALL SELECT revision, hash FROM history WHERE revision > ?1 AND revision <= ?2 "
    "ORDER BY revision LIMIT ?3"
)


def trim(connection: sqlite3.Connection) -> bool:
    """Delete the next changes before the cut, then fold `ahead`; return whether there is more."""
    cut = cut_of(connection)
    if cut is None:
        return False
    size = count = 0
    with closing(chain_rows(connection, 0)) as rows:
        gone = []
        for row in rows:
            if row.revision > cut.revision or count >= AT_ONCE or size >= BYTES_AT_ONCE:
                break
            gone.append(row)
            size, count = size + len(row.text), count + 1
    for row in gone:
        hash_ = bytes.fromhex(row.hash.decode())
        connection.execute("INSERT INTO trimmed VALUES (?, ?)", (row.revision, hash_))
        connection.executemany(
            "DELETE FROM subjects WHERE subject = ? AND revision = ?",
            ((subject, row.revision) for subject in json.loads(row.text)["subjects"]),
        )
        connection.execute("DELETE FROM history WHERE revision = ?", (row.revision,))
    if gone or _prepared(connection) != cut.revision:
        return bool(gone)
    query = "SELECT key, document FROM ahead ORDER BY key LIMIT ?"
    for key, text in connection.execute(query, (AT_ONCE,)).fetchall():
        if text is None:
            connection.execute("DELETE FROM checkpoint WHERE key = ?", (key,))
        else:
            connection.execute("INSERT OR REPLACE INTO checkpoint VALUES (?, ?)", (key, text))
        connection.execute("DELETE FROM ahead WHERE key = ?", (key,))
    return connection.execute("SELECT 1 FROM ahead LIMIT 1").fetchone() is not None


def trimmed_to(connection: sqlite3.Connection) -> int:
    """Return the last revision whose change was deleted; 0 if none was."""
    return int(connection.execute("SELECT coalesce(max(revision), 0) FROM trimmed").fetchone()[0])


def hash_at(connection: sqlite3.Connection, revision: int) -> str:
    """Return the hash of a change, trimmed or not; START if there is none."""
    query = (
        "SELECT hash FROM history WHERE revision = ?1 "
        "UNION ALL SELECT lower(hex(hash)) FROM trimmed WHERE revision = ?1"
    )
    row = connection.execute(query, (revision,)).fetchone()
    return str(row[0]) if row is not None else START


def _checkpoint(
    connection: sqlite3.Connection, after: str, with_ahead: bool
) -> Iterator[tuple[str, str]]:
    """Yield keys and documents of the checkpoint after a key, in order of keys."""
    query = "SELECT key, document FROM checkpoint WHERE key > ?1 "
    if with_ahead:
        query += (
            "AND key NOT IN (SELECT key FROM ahead) UNION ALL "
            "SELECT key, document FROM ahead WHERE key > ?1 AND document IS NOT NULL "
        )
    yield from connection.execute(f"{query} ORDER BY key LIMIT ?2", (after, ROWS_AT_ONCE))


def _document(connection: sqlite3.Connection, key: str) -> documents.Document | None:
    """Return the document of an entity at the end of what is prepared."""
    query = (
        "SELECT document FROM ahead WHERE key = ?1 UNION ALL "
        "SELECT document FROM checkpoint WHERE key = ?1"
    )
    row = connection.execute(query, (key,)).fetchone()
    found: documents.Document | None = json.loads(row[0]) if row and row[0] is not None else None
    return found


def _prepared(connection: sqlite3.Connection) -> int:
    """Return the revision that the checkpoint with `ahead` is of; 0 if none was prepared."""
    row = connection.execute("SELECT value FROM notes WHERE name = 'ahead'").fetchone()
    return int(row[0]) if row is not None else 0


def _cut_revision(connection: sqlite3.Connection) -> int:
    cut = cut_of(connection)
    return cut.revision if cut is not None else 0


def _text(document: documents.Document) -> str:
    return json.dumps(document, separators=(",", ":"), sort_keys=True)
