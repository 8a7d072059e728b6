"""When, and from where, each token was last used: kept in memory, and stored once a minute.

A use is not a change: it has no revision and is not in the history, and no request writes to the
disk.  At a clean stop, a restart and a backup nothing is lost, at a crash the last minute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from failoverdns.model.errors import Corrupt
from failoverdns.model.token import Token, TokenUse
from failoverdns.net.spawning import spawn
from failoverdns.rules.derived.view import View
from failoverdns.store.interface import OutcomeUnknown, Store, Unavailable

INTERVAL: Final = 60.0
"""Seconds between two writes."""

log = Logger()


class TokenUses:
    """The last use of each token."""

    def __init__(self, store: Store, state: Callable[[], View], reactor: Any) -> None:
        """Prepare; nothing is read or written before `start`."""
        self._store = store
        self._state = state
        self._uses: dict[str, TokenUse] = {}
        self._unsaved: dict[str, TokenUse] = {}
        self._is_failing = False
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = reactor

    async def start(self) -> None:
        """Read what is stored, and begin to store; without it the server runs all the same."""
        try:
            self._uses = {use.token: use for use in await self._store.uses()} | self._uses
        except (Unavailable, Corrupt) as fault:
            log.warn("the last uses of tokens cannot be read: {fault}", fault=str(fault))
        self._ticking.start(INTERVAL, now=False)

    def note(self, use: TokenUse) -> None:
        """Note the use of a token; it costs no write."""
        self._uses[use.token] = self._unsaved[use.token] = use

    def last(self, token: str) -> TokenUse | None:
        """Return the last use of a token (by id); None if it was never used."""
        return self._uses.get(token)

    async def save(self) -> None:
        """Store the uses that are not stored yet; if that fails, the next time tries again."""
        unsaved, self._unsaved = self._unsaved, {}
        if not unsaved:
            return
        try:
            await self._store.save_uses(tuple(unsaved.values()))
        except (Unavailable, OutcomeUnknown) as fault:
            self._unsaved = unsaved | self._unsaved
            if not self._is_failing:
                log.warn("the last uses of tokens are not stored: {fault}", fault=str(fault))
            self._is_failing = True
            return
        self._is_failing = False
        state = self._state()
        self._uses = {
            id_: use for id_, use in self._uses.items() if state.entity(Token, id_) is not None
        }

    async def stop(self) -> None:
        """Store what is left, and end."""
        if self._ticking.running:
            self._ticking.stop()
        await self.save()

    def _tick(self) -> None:
        spawn(self.save())
