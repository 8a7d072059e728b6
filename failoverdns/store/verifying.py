"""The chain over the history in the state file: read as links, and verified in pieces.

Trimmed changes are verified by their hashes and by the checkpoint: the cut has digests of both.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass

from failoverdns.model.errors import Corrupt
from failoverdns.model.history_cut import HistoryCut
from failoverdns.store.chain import Walk, links, piece
from failoverdns.store.history_rows import chain_rows
from failoverdns.store.interface import Link, StoreHead
from failoverdns.store.trimming import Digests, cut_of, hash_at, trimmed_to


def links_after(connection: sqlite3.Connection, after: int, limit: int) -> tuple[Link, ...]:
    """Return changes after a revision as links of the chain, oldest first."""
    with closing(chain_rows(connection, after)) as rows:
        found = list(piece(rows, limit))
    previous = hash_at(connection, found[0].revision - 1) if found else ""
    return tuple(links(previous, found))


@dataclass(slots=True)
class Verification:
    """A verification under way: first what was trimmed, then the chain, a piece at a time."""

    cut: HistoryCut | None
    trimmed: int
    digests: Digests
    walk: Walk
    _walks: bool = False

    @classmethod
    def begin(cls, connection: sqlite3.Connection, expected: str | None) -> Verification:
        """Return a verification up to the present end of the chain; raises Corrupt."""
        query = "SELECT revision, hash, (SELECT max(revision) FROM history) FROM head"
        revision, hash_, last = connection.execute(query).fetchone()
        cut, trimmed = cut_of(connection), trimmed_to(connection)
        if trimmed > (cut.revision if cut is not None else 0):
            raise Corrupt(f"revision {trimmed} does not fit: it was removed, and never trimmed")
        end = StoreHead(trimmed, hash_at(connection, trimmed))
        walk = Walk(StoreHead(revision, hash_), last or 0, expected, end)
        return cls(cut, trimmed, Digests(connection, cut, expected), walk)

    def go_on(self, connection: sqlite3.Connection) -> bool:
        """Verify the next piece; return whether there is more.  Raises Corrupt."""
        if not self._walks:
            if self.cut is not None and self.digests.read(connection):
                return True
            self._compare(self.digests.cut)
            self._walks = True
        walk, before = self.walk, self.walk.after
        with closing(chain_rows(connection, walk.after)) as rows:
            for row in piece(rows):
                if not walk.is_over:
                    walk.follow(row)
        return walk.after > before and not walk.is_over

    def is_outdated(self, connection: sqlite3.Connection) -> bool:
        """Return whether the history was trimmed meanwhile, so that this has to begin again."""
        return (self.cut, self.trimmed) != (cut_of(connection), trimmed_to(connection))

    def _compare(self, found: HistoryCut) -> None:
        """Raise Corrupt if what was trimmed is not what the cut names."""
        cut = self.cut
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
        if self.digests.is_met:
            self.walk.meet()
