"""What a start does not read is read in pieces, to find damage in it.

The history itself is verified by its chain (`store.chain`); these are the other tables that grow,
and their indexes.  To read every row finds pages that are damaged or missing.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import Any, Final

from failoverdns.model.errors import Corrupt
from failoverdns.store.damage import MISREAD, damaged, is_unusable
from failoverdns.store.rows import checked

PIECE: Final = 2000
"""Rows that are read at once; commits wait meanwhile."""

_QUERIES: Final = (
    "SELECT subject, revision FROM subjects WHERE (subject, revision) > (?, ?) "
    "ORDER BY subject, revision LIMIT ?",
    "SELECT application, number FROM fetches INDEXED BY fetched WHERE (application, number) > "
    "(?, ?) ORDER BY application, number LIMIT ?",
    "SELECT op_id, principal FROM operations WHERE (op_id, principal) > (?, ?) "
    "ORDER BY op_id, principal LIMIT ?",
    "SELECT '', rowid, document, checksum FROM operations WHERE ? <= '' AND rowid > ? "
    "ORDER BY rowid LIMIT ?",
    "SELECT '', number, document, checksum FROM fetches WHERE ? <= '' AND number > ? "
    "ORDER BY number LIMIT ?",
    "SELECT '', rowid, document, checksum FROM bundles WHERE ? <= '' AND rowid > ? "
    "ORDER BY rowid LIMIT ?",
)
_BEFORE_ALL: Final = ("", -(2**63))


@dataclass
class Reading:
    """How far the tables have been read."""

    _queries: list[str] = field(default_factory=lambda: list(_QUERIES))
    _after: tuple[Any, Any] = _BEFORE_ALL

    def follow(self, connection: sqlite3.Connection) -> bool:
        """Read the next piece; return False after the last; raises Corrupt or sqlite3.Error."""
        left = PIECE
        while left > 0 and self._queries:
            rows = self._read(connection, left)
            left -= len(rows)
            if rows:
                self._after = rows[-1][:2]
            else:
                self._after = _BEFORE_ALL
                self._queries.pop(0)
        return bool(self._queries)

    def _read(self, connection: sqlite3.Connection, limit: int) -> list[Any]:
        query = self._queries[0]
        try:
            rows = connection.execute(query, (*self._after, limit)).fetchall()
        except (sqlite3.Error, *MISREAD) as fault:
            if is_unusable(fault):
                raise
            table = query.partition("FROM ")[2].split()[0]
            raise Corrupt(damaged(f"the table {table}: {fault}")) from None
        for _ in checked(row[2:] for row in rows if len(row) > 2):
            pass
        return rows
