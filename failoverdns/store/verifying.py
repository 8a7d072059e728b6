"""The chain over the history in the state file: read as links, and verified in pieces.

Trimmed changes are verified by their hashes and by the checkpoint: the cut has digests of both.
The changes are replayed on the way (`store.replaying`), and the result compared with the entities.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from zlib import crc32

from failoverdns.model.errors import Corrupt
from failoverdns.model.history_cut import HistoryCut
from failoverdns.store.chain import ChainLink, Walk, links, next_hash, piece
from failoverdns.store.damage import MISREAD
from failoverdns.store.history_rows import chain_rows
from failoverdns.store.interface import Link, StoreHead
from failoverdns.store.replaying import AT_ONCE, COMPARED_AT_ONCE, KEPT, Comparison, Replay
from failoverdns.store.trimming import Digests, cut_of, hash_at, trimmed_to


def links_after(connection: sqlite3.Connection, after: int, limit: int) -> tuple[Link, ...]:
    """Return changes after a revision as links of the chain, oldest first."""
    with closing(chain_rows(connection, after)) as rows:
        found = list(piece(rows, limit))
    previous = hash_at(connection, found[0].revision - 1) if found else ""
    return tuple(links(previous, found))


class LeadingToTheHead:
    """Verifies, a piece at a time, that the changes after a revision lead to the head.

    The head is authenticated, so that these changes are the ones that were committed.
    """

    def __init__(self, after: int) -> None:
        self._after = after
        self._hash: str | None = None

    def go_on(self, connection: sqlite3.Connection) -> bool:
        """Verify the next piece; return whether there is more.  Raises Corrupt."""
        after = self._after
        with closing(chain_rows(connection, after)) as rows:
            for row in piece(rows):
                if self._hash is None:
                    self._hash = hash_at(connection, row.revision - 1)
                self._hash = next_hash(self._hash, row.text)
                if self._hash.encode() != row.hash or crc32(row.text) != row.checksum:
                    raise Corrupt(f"revision {row.revision} does not fit: see history --verify")
                self._after = row.revision
        if self._after > after:
            return True
        (head,) = connection.execute("SELECT hash FROM head").fetchone()
        if self._hash not in (None, head):
            raise Corrupt(f"revision {self._after} does not fit the head: see history --verify")
        return False


class Verification:
    """A verification under way, a piece at a time; it is closed afterwards.

    First what was trimmed is verified, then the chain is followed and replayed, and at last the
    entities are compared with the result.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        expected: str | None = None,
        *,
        most_known: int = KEPT,
        at_once: int = COMPARED_AT_ONCE,
    ) -> None:
        """Begin a verification up to the present end of the chain; raises Corrupt.

        It keeps at most `most_known` documents in memory, and compares `at_once` entities in a
        piece.
        """
        query = "SELECT revision, hash, (SELECT max(revision) FROM history) FROM head"
        revision, hash_, last = connection.execute(query).fetchone()
        self._cut, self._trimmed = cut_of(connection), trimmed_to(connection)
        self._begins_at = self._cut.revision if self._cut is not None else 0
        if self._trimmed > self._begins_at:
            text = f"revision {self._trimmed} does not fit: it was removed, and never trimmed"
            raise Corrupt(text)
        end = StoreHead(self._trimmed, hash_at(connection, self._trimmed))
        self._walk = Walk(StoreHead(revision, hash_), last or 0, expected, end)
        self._digests = Digests(connection, self._cut, expected)
        self._replay = Replay(most_known)
        self._comparison = Comparison(self._replay, at_once)
        self._replayed = self._begins_at
        self._walks = False
        self.head: StoreHead | None = None
        """The end of the chain, once it was verified."""

    def close(self) -> None:
        """Drop what was replayed."""
        self._replay.close()

    def go_on(self, connection: sqlite3.Connection) -> bool:
        """Verify the next piece; return whether there is more.  Raises Corrupt."""
        if not self._walks:
            if self._cut is not None and self._digests.read(connection, self._replay.begin_with):
                return True
            self._compare(self._digests.cut)
            self._walks = True
        if self.head is None:
            if not self._follow(connection):
                self.head = self._walk.end()
            return True
        return self._compare_entities(connection)

    def is_outdated(self, connection: sqlite3.Connection) -> bool:
        """Return whether the history was trimmed meanwhile, so that this has to begin again."""
        return (self._cut, self._trimmed) != (cut_of(connection), trimmed_to(connection))

    def _follow(self, connection: sqlite3.Connection) -> bool:
        """Follow and replay the next changes of the chain; return whether there are more."""
        walk, before = self._walk, self._walk.after
        with closing(chain_rows(connection, walk.after)) as rows:
            for row in piece(rows, AT_ONCE):
                if not walk.is_over:
                    walk.follow(row)
                    self._redo(row)
        return walk.after > before and not walk.is_over

    def _redo(self, row: ChainLink) -> None:
        if row.revision > self._replayed:
            self._replay.follow(row)
            self._replayed = row.revision

    def _compare_entities(self, connection: sqlite3.Connection) -> bool:
        """Compare the next entities, after the changes since the last piece."""
        with closing(chain_rows(connection, self._replayed)) as rows:
            for row in rows:
                self._redo(row)
        query = "SELECT key, document FROM entities WHERE key > ? ORDER BY key LIMIT ?"
        rows_ = connection.execute(query, (self._comparison.after, self._comparison.at_once))
        more = self._comparison.follow([(key, json.loads(text)) for key, text in rows_])
        if not more:
            self._comparison.end()
        return more

    def _compare(self, found: HistoryCut) -> None:
        """Raise Corrupt if what was trimmed is not what the cut names."""
        cut = self._cut
        if cut is None:
            return
        if (found.hash, found.trimmed) != (cut.hash, cut.trimmed):
            raise Corrupt(
                f"revision {cut.revision} does not fit: the hashes of the changes that were "
                "trimmed up to it are not those that were noted when it became the cut"
            )
        if found.checkpoint != cut.checkpoint:
            raise Corrupt(
                f"revision {cut.revision} does not fit: the checkpoint, which has the state at "
                "that revision, was changed"
            )
        if self._digests.is_met:
            self._walk.meet()


def difference_from_history(connection: sqlite3.Connection) -> str | None:
    """Return what in a state does not follow from its history, or in the history from its chain.

    None if everything does.
    """
    try:
        going = Verification(connection)
        with closing(going):
            while going.go_on(connection):
                pass
    except (Corrupt, sqlite3.Error, *MISREAD) as fault:
        return str(fault)
    return None
