"""The history is replayed into a state, which is compared with the entities as they are stored.

A replay begins with the checkpoint of the cut, or with nothing if the history is whole.  It keeps
the documents that it makes in a temporary database, so that it takes little memory however large
the state is: SQLite keeps that in memory as long as it is small, and then in a temporary file.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from failoverdns.model.errors import Corrupt
from failoverdns.model.printable import printable
from failoverdns.store import documents
from failoverdns.store.chain import ChainLink
from failoverdns.store.documents import Document
from failoverdns.store.interface import Differs
from failoverdns.store.patches import Difference, difference

AT_ONCE: Final = 100
"""Changes that are replayed at once; commits wait meanwhile."""

COMPARED_AT_ONCE: Final = 200
"""Entities that are compared at once."""

NAMED: Final = 10
"""Entities that differ, and fields of one that differ, that a message names at most."""

KEPT: Final = 2000
"""Documents that are kept in memory between two changes, at most."""

_CACHE_KIB: Final = 32 * 1024


class Replay:
    """The state that follows from the history, up to the last change that was followed."""

    def __init__(self, most_known: int = KEPT) -> None:
        """Begin with nothing, and keep at most `most_known` documents in memory."""
        self._most_known = most_known
        self._known: dict[str, Document | None] = {}
        self._kept = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._kept.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._kept.execute(
            "CREATE TABLE replayed (key TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID"
        )

    def close(self) -> None:
        """Delete the temporary database."""
        self._kept.close()

    def begin_with(self, checkpoint: Iterable[tuple[str, str]]) -> None:
        """Add keys and documents of the checkpoint, from which the replay begins."""
        self._kept.executemany("INSERT OR REPLACE INTO replayed VALUES (?, ?)", checkpoint)

    def follow(self, row: ChainLink) -> None:
        """Replay the next change; raises Corrupt if it does not fit the state before it."""
        try:
            self._known.update(documents.redone(json.loads(row.text), self._document))
        except (Corrupt, ValueError, RecursionError) as fault:
            raise Corrupt(f"revision {row.revision} cannot be replayed: {fault}") from None
        if len(self._known) > self._most_known:
            self._put_away()

    def documents(self, after: str, limit: int) -> list[tuple[str, Document]]:
        """Return at most `limit` keys and documents after a key, in order of keys."""
        self._put_away()
        query = "SELECT key, document FROM replayed WHERE key > ? ORDER BY key LIMIT ?"
        rows = self._kept.execute(query, (after, limit))
        return [(key, json.loads(text)) for key, text in rows]

    def _document(self, key: str) -> Document | None:
        if key not in self._known:
            query = "SELECT document FROM replayed WHERE key = ?"
            row = self._kept.execute(query, (key,)).fetchone()
            self._known[key] = json.loads(row[0]) if row is not None else None
        return self._known[key]

    def _put_away(self) -> None:
        self._kept.execute("BEGIN")
        self._kept.executemany(
            "DELETE FROM replayed WHERE key = ?",
            ((key,) for key, document in self._known.items() if document is None),
        )
        self.begin_with(
            (key, json.dumps(document)) for key, document in self._known.items() if document
        )
        self._kept.execute("COMMIT")
        self._known.clear()


class Comparison:
    """Compares the entities as stored with a replay, a piece at a time, in order of keys."""

    def __init__(self, replay: Replay, at_once: int = COMPARED_AT_ONCE) -> None:
        """Compare with `replay`, at most `at_once` entities in a piece."""
        self.at_once = at_once
        self._replay = replay
        self.after = ""
        """The key up to which entities were compared."""
        self._found: list[str] = []

    def follow(self, stored: list[tuple[str, Document]]) -> bool:
        """Compare the next stored entities, those after `after`; return whether there are more.

        There are no more if fewer than `at_once` are given and the replay has no more.
        """
        replayed = self._replay.documents(self.after, self.at_once)
        ends = [some[-1][0] for some in (stored, replayed) if len(some) >= self.at_once]
        end = min(ends, default=None)
        now = {key: each for key, each in stored if end is None or key <= end}
        wanted = {key: each for key, each in replayed if end is None or key <= end}
        for key in sorted(now.keys() | wanted.keys()):
            self._found += _differences(key, now.get(key), wanted.get(key))
        self.after = end or self.after
        return end is not None and len(self._found) <= NAMED

    def end(self) -> None:
        """Raise Differs if an entity is not what the history says."""
        if not self._found:
            return
        more = ", and more" if len(self._found) > NAMED else ""
        raise Differs("; ".join(self._found[:NAMED]) + more)


def _differences(key: str, stored: Document | None, replayed: Document | None) -> Iterator[str]:
    """Yield how an entity as stored differs from what the history says: nothing, or one text."""
    if stored == replayed:
        return
    if stored is None:
        yield f"{_title(key, replayed)} is missing"
    elif replayed is None:
        yield f"{_title(key, stored)} is not in the history"
    elif not _are_same_entity(key, stored, replayed):
        fields = list(_fields("", difference(replayed, stored)))
        more = ", and more" if len(fields) > NAMED else ""
        yield f"{_title(key, replayed)}: {', '.join(fields[:NAMED])}{more}"


def _are_same_entity(key: str, stored: Document, replayed: Document) -> bool:
    """Return whether two documents, perhaps in forms of different versions, are of one entity."""
    try:
        entity = documents.read_entity(stored)
        return documents.key_of(entity) == key and entity == documents.read_entity(replayed)
    except Corrupt:
        return False


def _title(key: str, document: Mapping[str, Any] | None) -> str:
    name = (document or {}).get("name")
    return printable(f"{key} ({name})" if isinstance(name, str) else key)


def _fields(path: str, change: Difference) -> Iterator[str]:
    """Yield each field that differs, with both values."""
    if isinstance(change, list):
        before, after = change
        yield f"{path or 'it'} is {_short(after)}, and the history says {_short(before)}"
        return
    for name, each in {**change.get("changed", {}), **change.get("items", {})}.items():
        yield from _fields(f"{path}.{name}" if path else name, each)
    for name, value in change.get("added", {}).items():
        yield f"{path}{'.' if path else ''}{name} is {_short(value)}, and the history has none"
    for name, value in change.get("removed", {}).items():
        yield f"{path}{'.' if path else ''}{name} is missing, and the history says {_short(value)}"
    for _, value in change.get("inserted", []):
        yield f"{path} has {_short(value)}, and the history does not"
    for _, value in change.get("deleted", []):
        yield f"{path} lacks {_short(value)}, and the history has it"


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."
