"""Times in which the state cannot be written: what is logged, announced, and noted in the store.

The note that a server runs on the state lets a start after a crash know that steps may have been
served that were never stored (docs/decisions/disk-full.md).  What goes on meanwhile is decided in
`changes.ledger`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

from twisted.logger import Logger

from failoverdns.changes.ledger import Ledger
from failoverdns.model.store_condition import Outage
from failoverdns.model.timestamps import duration
from failoverdns.net.one_call import OneCall
from failoverdns.net.spawning import spawn
from failoverdns.store.interface import OutcomeUnknown, Store, Unavailable

QUIET: Final = 60.0
"""Seconds after a line about an outage in which only one that lasts so long gets another.

On a full disk small changes may be stored and larger ones not, many times a second.
"""

_RUNNING: Final = "running"
"""The note of the store that is 1 while a server runs on it, and 0 after its end."""

log = Logger()


class Listener(Protocol):
    """Those who are told of the store's condition, such as clients that watch."""

    def announce_store(self, *, fault: str | None, since: float, recorded: int) -> None:
        """Take the begin of an outage (with its `fault`), or its end; `since` in Unix seconds."""


class Outages:
    """Logs and announces outages of the store, and notes in it that a server runs."""

    def __init__(self, store: Store, listener: Callable[[], Listener | None], reactor: Any) -> None:
        """Prepare for a store; `listener` returns who is told, None during the start."""
        self._store = store
        self._listener = listener
        self._reactor = reactor
        self._later = OneCall(reactor)
        self._outage: Outage | None = None
        self._is_logged = False
        self._logged_at = -QUIET
        self._left_out = 0
        """Outages that ended before they were logged, since the last line."""

    async def note_start(self) -> tuple[bool, str | None]:
        """Note that a server runs on the state, so that a start after a crash knows it.

        Returns whether the last one ended without a note of its end, and why the state cannot be
        written, if so.
        """
        may_have_lost = True
        try:
            may_have_lost = bool(await self._store.note(_RUNNING))
            await self._store.set_note(_RUNNING, 1)
        except (Unavailable, OutcomeUnknown) as fault:
            return may_have_lost, self._store.condition().fault or str(fault)
        return may_have_lost, None

    async def note_end(self, ledger: Ledger) -> None:
        """Note that the server has ended, if nothing that it served is lost."""
        if not ledger.overlay:
            with suppress(Unavailable, OutcomeUnknown):
                await self._store.set_note(_RUNNING, 0)

    def stop(self) -> None:
        """Log nothing later."""
        self._later.cancel()

    def begin(self, outage: Outage) -> None:
        """Log and announce that the state cannot be written."""
        self._outage = outage
        self._announce(outage.reason, outage.since, 0)
        quiet = self._logged_at + QUIET - self._reactor.seconds()
        if quiet > 0:
            self._later.call(quiet, self._log)
        else:
            self._log()

    def end(self, outage: Outage, revision: int) -> None:
        """Log and announce that the state can be written again, and note that a server runs."""
        now, recorded = time.time(), revision - outage.revision
        self._left_out += not self._is_logged
        if self._is_logged or recorded:
            log.warn(
                "the state can be written again, after {time}: {recorded} step(s) were recorded",
                time=duration(now - outage.since),
                recorded=recorded,
            )
        self._outage, self._is_logged = None, False
        self._announce(None, now, recorded)
        spawn(self._note_again())

    def _log(self) -> None:
        """Log the outage, if there still is one, and how many others were not logged."""
        if self._outage is None:
            return
        others = f" ({self._left_out} more times since the last such line)" * bool(self._left_out)
        log.error(
            "the state cannot be written: {why}; queries are answered, automatic switches go on "
            "and are recorded later, other commands are refused{others}",
            why=self._outage.reason,
            others=others,
        )
        self._is_logged, self._logged_at, self._left_out = True, self._reactor.seconds(), 0

    def _announce(self, fault: str | None, since: float, recorded: int) -> None:
        listener = self._listener()
        if listener is not None:
            listener.announce_store(fault=fault, since=since, recorded=recorded)

    async def _note_again(self) -> None:
        """Note that a server runs on the state; this may have failed at the start."""
        with suppress(Unavailable, OutcomeUnknown):
            await self._store.set_note(_RUNNING, 1)
