"""The renewal windows of certificates (RFC 9773), asked of the CA no more often than it allows.

| what happens                              | when it is asked again                           |
|-------------------------------------------|--------------------------------------------------|
| the CA sends a window                     | when the CA says                                 |
| it has none for this certificate          | after WINDOW_INTERVAL                            |
| it cannot be reached, or is busy          | no certificate is asked for during a hold, which |
|                                           | doubles each time; never before the CA says      |

A window stays valid while the CA cannot be reached (RFC 9773 section 4.3.3).
Does not know which certificates are due.
"""

from __future__ import annotations

from collections.abc import Collection

from failoverdns.issuing.accounts import Accounts
from failoverdns.issuing.directory import AcmeProblem, Window
from failoverdns.issuing.effects import IssuingEffects
from failoverdns.model.certificate import Account, Certificate
from failoverdns.model.errors import Corrupt
from failoverdns.store.interface import Unavailable

WINDOW_INTERVAL = 6 * 3600.0
"""Seconds before the CA is asked again for a window that it did not have."""

HOLDS = (900.0, 1800.0, 3600.0, 7200.0, 14400.0, 21600.0)
"""Seconds of a hold after the first, second, ... failure in a row."""

TOLD_INTERVAL = 6 * 3600.0
"""Seconds before it is logged again that there is no renewal information."""


class Windows:
    """The CA's renewal windows, by renewal id."""

    def __init__(self, effects: IssuingEffects, accounts: Accounts) -> None:
        self._effects = effects
        self._accounts = accounts
        self._known: dict[str, tuple[Window | None, float]] = {}
        self._failures = 0
        self._held_until = 0.0
        self._told_at: float | None = None

    async def window(self, certificate: Certificate) -> tuple[float, float] | None:
        """Return start and end of a certificate's window, seconds since 1970; None if unknown."""
        id_, now = certificate.facts.renewal_id, self._effects.now()
        if id_ is None:
            return None
        window, again = self._known.get(id_, (None, 0.0))
        account = self._accounts.known()
        if now >= max(again, self._held_until) and account is not None:
            window, again = await self._ask(account, id_, window)
            self._known[id_] = window, again
        return (window.start, window.end) if window is not None else None

    def keep(self, ids: Collection[str]) -> None:
        """Forget all windows but these, because the other certificates are gone."""
        self._known = {id_: known for id_, known in self._known.items() if id_ in ids}

    async def _ask(
        self, account: Account, id_: str, known: Window | None
    ) -> tuple[Window | None, float]:
        now = self._effects.now()
        try:
            key = await self._accounts.private_key(account.key)
            if key is None:
                return known, now + WINDOW_INTERVAL
            directory = self._accounts.directory(key, account.uri)
            window: Window | None = await self._effects.in_thread(
                lambda: directory.renewal_window(id_)
            )
        except AcmeProblem as problem:
            self._tell(str(problem))
            after = problem.retry_after or 0.0
            if problem.is_passing:
                delay = HOLDS[min(self._failures, len(HOLDS) - 1)]
                self._failures += 1
                self._held_until = now + max(delay, after)
                return known, self._held_until
            return known, now + max(WINDOW_INTERVAL, after)
        except (Unavailable, Corrupt) as fault:
            self._tell(str(fault))
            return known, now + WINDOW_INTERVAL
        self._failures = 0
        return window, now + (window.check_after if window is not None else WINDOW_INTERVAL)

    def _tell(self, problem: str) -> None:
        now = self._effects.now()
        if self._told_at is None or now - self._told_at >= TOLD_INTERVAL:
            self._told_at = now
            self._effects.log(f"no renewal information: {problem}")
