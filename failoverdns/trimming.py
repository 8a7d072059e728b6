"""Trimming the history by itself: at the start and then every hour, if the configuration says so.

The store prepares the cut and deletes what is before it, in pieces; the ledger commits the cut.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from failoverdns.effects import Submit
from failoverdns.model.commands.history import TrimHistory
from failoverdns.model.errors import Corrupt, Rejected
from failoverdns.model.settings import HistorySettings
from failoverdns.net.spawning import spawn
from failoverdns.store.interface import OutcomeUnknown, Store, Unavailable

INTERVAL: Final = 3600.0
"""Seconds between two trims."""

log = Logger()


class Trimming:
    """Trims the history on a timer."""

    def __init__(
        self, store: Store, submit: Submit, reactor: Any, now: Callable[[], float]
    ) -> None:
        """Prepare; nothing is trimmed before `configure`.  `now` returns seconds since 1970."""
        self._store = store
        self._submit = submit
        self._now = now
        self._keep: float | None = None
        self._is_trimming = False
        self._is_stopped = False
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = reactor

    def configure(self, settings: HistorySettings) -> None:
        """Keep the changes of this time from now on."""
        if settings.keep == self._keep:
            return
        self._keep = settings.keep
        if self._ticking.running:
            self._ticking.stop()
        if self._keep is not None:
            self._ticking.start(INTERVAL)

    def stop(self) -> None:
        """Stop; a trim under way is continued at the next start."""
        self._is_stopped = True
        if self._ticking.running:
            self._ticking.stop()

    def _tick(self) -> None:
        if not self._is_trimming:
            spawn(self._trim())

    async def _trim(self) -> None:
        """Trim what is too old now, or log why it stays."""
        if self._keep is None:
            return
        self._is_trimming = True
        try:
            cut = await self._store.prepare_cut(self._now() - self._keep)
            if cut is not None and not self._is_stopped:
                await self._submit(TrimHistory(cut), "trim")
                await self._store.trim()
                log.info("the history up to revision {cut} was trimmed", cut=cut.revision)
        except (Unavailable, OutcomeUnknown, Corrupt, Rejected) as fault:
            if not self._is_stopped:
                log.warn("the history was not trimmed: {fault}", fault=str(fault))
        finally:
            self._is_trimming = False
