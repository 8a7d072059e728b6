"""Counts of commits to the store, and of the times in which it could not be written."""

from __future__ import annotations

from failoverdns.tallies import Histogram, Tally


class LedgerCounts:
    """What the ledger has done since the start."""

    def __init__(self) -> None:
        self.commits = Tally(1, [("ok",), ("unavailable",), ("unknown",), ("conflict",)])
        """Attempts to write to the store, by result."""
        self.seconds = Histogram()
        """How long they took."""
        self.changes = self.unrecorded = self.outages = 0
        """Changes that were committed; automatic steps that were served and not stored; times in
        which the store could not be written."""
