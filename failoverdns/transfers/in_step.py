"""Keeps the secondaries in step: notifies them, asks for their serials, and reports these.

The standing of each zone at each secondary decides what to send, and when (`transfers.standing`);
the messages of one secondary go over one socket (`transfers.exchanges`).  Here are the timers.
Secondaries do not wait for each other: one that hangs has only its own timers and bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from random import SystemRandom
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall

from failoverdns.model.change import Json
from failoverdns.model.names import DomainName
from failoverdns.transfers.exchanges import Exchanges, Replied
from failoverdns.transfers.settings import TransferSettings
from failoverdns.transfers.standing import Known, Send, Standing

Report = Callable[[list[dict[str, Json]]], None]
"""Takes what is known of secondaries, an object for each secondary and zone."""

Pair = tuple[str, bytes]
"""A secondary, by its name, and the origin of a zone."""

SLICE: Final = 50
"""Standings that are woken in one turn of the reactor; others wait for the next."""

RANDOM_ID: Final = partial(SystemRandom().getrandbits, 16)
"""Draws the id of a message."""

_STALE: Final = 1000
"""Outdated times that may be in the queue before it is made again."""


@dataclass(slots=True)
class _Secondary:
    """One secondary: its messages, and the zones that must wait until more may be sent."""

    exchanges: Exchanges
    standings: dict[bytes, Standing] = field(default_factory=dict)
    waiting: dict[bytes, None] = field(default_factory=dict)
    later: IDelayedCall | None = None


class InStep:
    """All zones at all secondaries."""

    def __init__(
        self,
        reactor: Any,
        now: Callable[[], float],
        report: Report,
        random: Callable[[], int] = RANDOM_ID,
    ) -> None:
        """Begin without secondaries; `now` returns seconds since 1970, `random` 16 bits."""
        self._reactor = reactor
        self._now = now
        self._report = report
        self._random = random
        self._settings = TransferSettings()
        self._zones: dict[bytes, tuple[int, bytes]] = {}
        """The serial and the SOA record of each zone that can be transferred."""
        self._follow: dict[bytes, tuple[str, ...]] = {}
        """The secondaries of each zone."""
        self._secondaries: dict[str, _Secondary] = {}
        self._queue: list[tuple[float, int, Pair]] = []
        self._count = 0
        self._timer: IDelayedCall | None = None
        self.notifies = {"accepted": 0, "not_accepted": 0}
        """Replies to NOTIFY messages, by what they say."""
        self._news: dict[Pair, Known] = {}
        self._telling: IDelayedCall | None = None

    def configure(self, settings: TransferSettings) -> None:
        """Use other settings from now on; what is known of secondaries that stay is kept."""
        self._settings = settings
        wanted = {one.name: one for one in settings.secondaries if one.key.wire in settings.keys}
        before, self._secondaries = self._secondaries, {}
        for name, one in wanted.items():
            key = settings.keys[one.key.wire]
            old = before.pop(name, None)
            if old is not None and (old.exchanges.settings, old.exchanges.key) == (one, key):
                self._secondaries[name] = old
                continue
            exchanges = Exchanges(
                one, key, self._reactor, self._now, self._random, partial(self._replied, name)
            )
            self._secondaries[name] = _Secondary(exchanges)
            if old is not None:
                _close(old)
        for gone in before.values():
            _close(gone)
        self._follow = {zone.origin: zone.secondaries for zone in settings.zones}
        self._zones = {key: value for key, value in self._zones.items() if key in self._follow}
        for name, secondary in self._secondaries.items():
            for origin in [*secondary.standings]:
                if name not in self._follow.get(origin, ()):
                    del secondary.standings[origin]
                    for kind in Send:
                        secondary.exchanges.forget(origin, kind)
        for origin, names in self._follow.items():
            for name in names:
                self._begin(name, origin)

    def serial(self, origin: bytes, serial: int, soa: bytes) -> None:
        """Note that a zone has this serial now, and can be transferred; `soa` is its SOA record."""
        self._zones[origin] = (serial, soa)
        for name in self._followers(origin):
            standing = self._standing(name, origin)
            if standing is None:
                self._begin(name, origin)
            else:
                standing.changed(self._reactor.seconds(), serial)
                self._look(name, origin, standing)

    def notify(self, origin: bytes | None) -> None:
        """Notify the secondaries of a zone, or of all zones, whatever they have."""
        for name, secondary in self._secondaries.items():
            for zone, standing in secondary.standings.items():
                if origin in (None, zone):
                    standing.notify(self._reactor.seconds())
                    self._look(name, zone, standing)

    def heard(self, origin: bytes, host: str) -> None:
        """Note that a client at this address asked for a zone, or fetched it."""
        for name in self._followers(origin):
            standing = self._standing(name, origin)
            if standing is None:
                continue
            if str(self._secondaries[name].exchanges.settings.address.host) == host:
                standing.heard(self._reactor.seconds())
                self._look(name, origin, standing)

    def report(self) -> list[dict[str, Json]]:
        """Return what is known of each secondary and zone."""
        return [
            self._written((name, origin), standing.known())
            for name, secondary in self._secondaries.items()
            for origin, standing in secondary.standings.items()
        ]

    def stop(self) -> None:
        """Stop all timers, and close the sockets."""
        for secondary in self._secondaries.values():
            _close(secondary)
        self._secondaries.clear()
        for call in (self._timer, self._telling):
            if call is not None and call.active():
                call.cancel()

    def _followers(self, origin: bytes) -> tuple[str, ...]:
        return self._follow.get(origin, ())

    def _standing(self, name: str, origin: bytes) -> Standing | None:
        secondary = self._secondaries.get(name)
        return secondary.standings.get(origin) if secondary is not None else None

    def _begin(self, name: str, origin: bytes) -> None:
        """Follow a zone at a secondary, unless that is done already or the zone is not there."""
        secondary, zone = self._secondaries.get(name), self._zones.get(origin)
        if secondary is not None and zone is not None and origin not in secondary.standings:
            asks = origin != self._settings.catalog
            standing = Standing(zone[0], self._reactor.seconds(), asks=asks)
            secondary.standings[origin] = standing
            self._look(name, origin, standing)

    def _look(self, name: str, origin: bytes, standing: Standing) -> None:
        """Send what is to be sent now, note when to look again, and report news."""
        secondary = self._secondaries[name]
        now = self._reactor.seconds()
        if standing.due is not None and standing.due <= now:
            if secondary.waiting or secondary.exchanges.pause():
                self._wait(name, secondary, origin)
                return
            for kind in standing.wake(now):
                secondary.exchanges.send(kind, origin, self._zones[origin][1])
        if standing.due is not None:
            self._count += 1
            heappush(self._queue, (standing.due, self._count, (name, origin)))
            self._set_timer()
        known = standing.news(now)
        if known is not None:
            self._news[name, origin] = known
            if self._telling is None:
                self._telling = self._reactor.callLater(0, self._tell)

    def _set_timer(self) -> None:
        """Have the timer ring at the first time of the queue."""
        due = self._queue[0][0]
        if self._timer is not None and self._timer.active():
            if self._timer.getTime() <= due:
                return
            self._timer.cancel()
        self._timer = self._reactor.callLater(max(0.0, due - self._reactor.seconds()), self._ring)

    def _ring(self) -> None:
        """Wake the standings whose time has come, some in each turn of the reactor."""
        now = self._reactor.seconds()
        for _ in range(SLICE):
            if not self._queue or self._queue[0][0] > now:
                break
            due, _, (name, origin) = heappop(self._queue)
            standing = self._standing(name, origin)
            if standing is not None and standing.due == due:
                self._look(name, origin, standing)
        size = sum(len(one.standings) for one in self._secondaries.values())
        if len(self._queue) > 2 * size + _STALE:
            self._renew_queue()
        if self._queue:
            self._set_timer()

    def _renew_queue(self) -> None:
        """Drop the times at which nothing is due any more."""
        current = set()
        kept = []
        for due, count, (name, origin) in self._queue:
            standing = self._standing(name, origin)
            if standing is not None and standing.due == due and (name, origin) not in current:
                current.add((name, origin))
                kept.append((due, count, (name, origin)))
        self._queue = sorted(kept)

    def _wait(self, name: str, secondary: _Secondary, origin: bytes) -> None:
        """Look at a zone again when more may be sent to its secondary."""
        secondary.waiting[origin] = None
        if secondary.later is None:
            pause = max(0.001, secondary.exchanges.pause())
            secondary.later = self._reactor.callLater(pause, self._resume, name, secondary)

    def _resume(self, name: str, secondary: _Secondary) -> None:
        secondary.later = None
        waiting, secondary.waiting = secondary.waiting, {}
        for origin in waiting:
            standing = secondary.standings.get(origin)
            if standing is None:
                continue
            if secondary.exchanges.pause():
                self._wait(name, secondary, origin)
            else:
                self._look(name, origin, standing)

    def _replied(self, name: str, reply: Replied) -> None:
        standing, now = self._standing(name, reply.origin), self._reactor.seconds()
        if standing is None:
            return
        match reply:
            case Replied(kind=Send.NOTIFY, problem=None):
                self.notifies["accepted"] += 1
                standing.accepted(now)
            case Replied(kind=Send.NOTIFY, problem=str(problem)):
                self.notifies["not_accepted"] += 1
                standing.not_accepted(now, problem)
            case Replied(serial=int(serial), problem=None):
                standing.has(now, serial)
            case _:
                standing.refused(now, reply.problem or "")
        self._look(name, reply.origin, standing)

    def _tell(self) -> None:
        """Report the news of this turn of the reactor."""
        self._telling = None
        news, self._news = self._news, {}
        self._report([self._written(pair, known) for pair, known in news.items()])

    def _written(self, pair: Pair, known: Known) -> dict[str, Json]:
        """Return what is known as a JSON object, with times in seconds since 1970."""
        name, origin = pair
        shift = self._now() - self._reactor.seconds()

        def time(at: float | None) -> float | None:
            return None if at is None else at + shift

        return {
            "secondary": name,
            "zone": DomainName(origin).to_text(),
            "ours": known.ours,
            "serial": known.serial,
            "seen_at": time(known.seen_at),
            "problem": known.problem,
            "silent_since": time(known.silent_since),
            "notified_at": time(known.notified_at),
        }


def _close(secondary: _Secondary) -> None:
    secondary.exchanges.close()
    if secondary.later is not None and secondary.later.active():
        secondary.later.cancel()
