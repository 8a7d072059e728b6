"""The standing of one zone at one secondary: which serial it has, and what is done about it.

    the zone changed, a reply, a time is over  ->  Standing  ->  send NOTIFY, send an SOA query

After a start nothing is known: the secondary is asked first, and notified if it is behind.  Later
it is notified of each change at once, and asked soon afterwards.  Serials are compared as RFC 1982
has it.  Some servers let nobody ask for a catalog zone: there an accepted NOTIFY has to do.

Times are seconds of a clock that is never set.  Does not know messages, sockets or timers.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from failoverdns.protocol.transfer.contents import is_newer
from failoverdns.transfers.notifying import Notifying
from failoverdns.transfers.polling import Polling

GRACE: Final = 1.0
"""Seconds that a secondary may be behind before that is reported: most of them take less."""


class Send(enum.Enum):
    """A message that is to be sent to the secondary."""

    NOTIFY = "notify"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one zone at one secondary.

    `ours` is the present serial.  `serial` is the one that the secondary has, seen at `seen_at`;
    None if it is not known.  `problem` says why that may be outdated, or why it does not follow;
    None if nothing is wrong.  It does not answer since `silent_since`, and accepted the last NOTIFY
    message at `notified_at`; None if it answers, and if it did not.
    """

    ours: int
    serial: int | None = None
    seen_at: float | None = None
    problem: str | None = None
    silent_since: float | None = None
    notified_at: float | None = None

    @property
    def in_step(self) -> bool:
        """Whether the secondary answers, and has the present serial."""
        return self.serial == self.ours and self.problem is None and self.silent_since is None


class Standing:
    """The state machine of one zone at one secondary."""

    __slots__ = (
        *("_asks", "_changed_at", "_notifying", "_polling", "_refusal", "_reported"),
        *("_unnotified", "ours", "seen_at", "serial"),
    )

    def __init__(self, ours: int, now: float, *, asks: bool = True) -> None:
        """Begin with asking the secondary; `ours` is the present serial of the zone.

        If it does not let us ask, begin with NOTIFY.
        """
        self.ours = ours
        self._asks = asks
        self.serial: int | None = None
        self.seen_at: float | None = None
        self._changed_at = now
        self._refusal: str | None = None
        """What is wrong with its replies to SOA queries."""
        self._unnotified: str | None = None
        """What is wrong with its replies to NOTIFY messages."""
        self._notifying = Notifying()
        self._polling = Polling()
        self._reported: Known | None = None
        if asks:
            self._polling.soon(now)
        else:
            self._notifying.want(now)

    @property
    def due(self) -> float | None:
        """When to call `wake`."""
        times = [one for one in (self._notifying.due, self._polling.due) if one is not None]
        return min(times, default=None)

    def changed(self, now: float, ours: int) -> None:
        """Note the present serial of the zone."""
        if ours == self.ours:
            return
        if self.ours == self.serial:
            self._changed_at = now
        self.ours = ours
        self.notify(now)

    def notify(self, now: float) -> None:
        """Notify the secondary, whatever it has."""
        self._notifying.want(now)
        if self._asks:
            self._polling.soon(now)

    def heard(self, now: float) -> None:
        """Note that the secondary asked for the zone, or fetched it."""
        if self._asks and self.serial != self.ours:
            self._polling.soon(now)

    def wake(self, now: float) -> Iterator[Send]:
        """Yield the messages that are to be sent now; call it at the time `due`."""
        if self._notifying.wake(now):
            yield Send.NOTIFY
        if self._polling.wake(now):
            yield Send.QUERY

    def accepted(self, now: float) -> None:
        """Note that the secondary accepted a NOTIFY message."""
        self._unnotified = None
        self._notifying.replied(now, accepted=True)
        if not self._asks and self._notifying.accepted_at is not None:
            self.serial, self.seen_at = self.ours, now
            self._notifying.settle()

    def not_accepted(self, now: float, why: str) -> None:
        """Note the reply to a NOTIFY message that was not accepted; `why` in words."""
        self._unnotified = why
        self._notifying.replied(now, accepted=False)

    def has(self, now: float, serial: int) -> None:
        """Note the reply to an SOA query: the secondary has this serial."""
        self.serial, self.seen_at, self._refusal = serial, now, None
        in_step = serial == self.ours
        self._polling.replied(now, in_step=in_step)
        if in_step:
            self._unnotified = None
            self._notifying.settle()
        elif self._notifying.due is None:
            self._notifying.want(now)
        else:
            self._notifying.hurry(now)

    def refused(self, now: float, why: str) -> None:
        """Note a reply to an SOA query that has no serial; `why` in words."""
        self._refusal = why
        self._polling.refused(now)
        if self._notifying.due is None and self.serial != self.ours:
            self._notifying.want(now)  # one that never had the zone may fetch it then

    def known(self) -> Known:
        """Return what is known."""
        silent = self._polling.silent_since
        problem = self._refusal if silent is None else None
        if problem is None and silent is None and self.serial != self.ours:
            problem = self._unnotified or self._newer()
        accepted = self._notifying.accepted_at if self.serial != self.ours else None
        return Known(self.ours, self.serial, self.seen_at, problem, silent, accepted)

    def news(self, now: float) -> Known | None:
        """Return what is known if that is worth a report, which it is once; else None.

        A secondary that follows within a second is reported once for each serial.
        """
        known, before = self.known(), self._reported
        if known.in_step:
            is_news = before is None or not before.in_step or before.serial != known.serial
        else:
            is_old = now - self._changed_at >= GRACE
            is_first = before is None and (known.serial, known.problem) != (None, None)
            has_problem = (known.problem, known.silent_since) != (None, None)
            differs = before is None or _outline(known) != _outline(before)
            is_news = is_first or (differs and (is_old or has_problem))
        if not is_news:
            return None
        self._reported = known
        return known

    def _newer(self) -> str | None:
        if self.serial is None or not is_newer(self.serial, self.ours):
            return None
        return "has a newer serial than ours: change the zone, or have it fetch all of it"


def _outline(known: Known) -> tuple[object, ...]:
    """Return the part of what is known that is worth a report when it changes."""
    silent, notified = known.silent_since is None, known.notified_at is None
    return known.ours, known.serial, known.problem, silent, notified
