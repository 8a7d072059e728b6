"""Follows the secondaries in the control process: takes reports, answers questions, records delays.

Nothing here asks a secondary: the transfer process does, and reports (`transfers.in_step`).
A secondary that stays behind for longer than the TTL of the zone is recorded by an internal
command, once, and again when it is in step; events and hooks follow from the history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from failoverdns.effects import Effects, Submit
from failoverdns.following.standings import Pair, Standings, read_report
from failoverdns.following.waiting import Served, Wait
from failoverdns.model.change import Change, Json
from failoverdns.model.commands.secondaries import BEHIND, IN_STEP, NoteBehind, NoteInStep
from failoverdns.model.errors import Malformed, Rejected
from failoverdns.model.moment import Moment
from failoverdns.model.names import DomainName
from failoverdns.model.settings import SecondarySettings
from failoverdns.model.timestamps import timestamp
from failoverdns.model.zone import Zone, ZoneSerial
from failoverdns.rules.derived.entity_lookup import find_zone

TICK: Final = 1.0
"""Seconds between two checks which secondaries have been behind for too long."""

MOST_WAITS: Final = 1000
"""Commands that wait for secondaries at the same time; further ones do not wait."""

TOO_MANY: Final = "too many commands wait for secondaries already"

_MOST_SUBMITTED: Final = 1000
"""Secondaries and zones in one internal command; others follow a second later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowingEffects(Effects):
    """The side effects of following secondaries: the ledger, clocks, and the transfer process.

    `now` returns seconds since 1970, `steady` seconds of a clock that is never adjusted.  `notify`
    asks the transfer process to notify the secondaries of a zone (its origin in wire form), or of
    all zones; it returns False if that process does not run.
    """

    submit: Submit
    now: Callable[[], float]
    steady: Callable[[], float]
    notify: Callable[[bytes | None], bool]
    reactor: Any


class Following:
    """All secondaries, as the transfer process reports them."""

    def __init__(self, effects: FollowingEffects) -> None:
        """Begin without secondaries."""
        self._effects = effects
        self._standings = Standings()
        self._waits: list[Wait] = []
        self._is_submitting = False
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = effects.reactor

    def configure(
        self,
        zones: Iterable[Zone],
        secondaries: Sequence[SecondarySettings],
        catalog: DomainName | None,
    ) -> None:
        """Follow these secondaries of these zones from now on, with the catalog zone if any."""
        self._standings.configure(zones, secondaries, catalog, self._moment())
        if secondaries and not self._ticking.running:
            self._ticking.start(TICK, now=False)

    def stop(self) -> None:
        """Stop; commands that wait get their reply."""
        self.release()
        if self._ticking.running:
            self._ticking.stop()

    def release(self) -> None:
        """End every wait now: the replies list what is not served yet."""
        for wait in [*self._waits]:
            wait.end()

    def take(self, reports: Iterable[object] | None) -> None:
        """Take reports of the transfer process, or None: it is away, and another one follows.

        An invalid report is logged, and ignored.
        """
        if reports is None:
            self._standings.lose(self._moment())
            return
        state, moment = self._effects.state(), self._moment()
        for written in reports:
            try:
                pair, reported = read_report(written)
            except Malformed as fault:
                self._effects.log(f"secondaries: {fault}")
                continue
            self._standings.take(pair, reported, state, moment)
            for wait in self._waits:
                wait.note(pair, reported.serial, reported.seen_at or moment.now)
        for wait in [*self._waits]:
            if wait.is_over:
                wait.end()
        self._note_recovered()

    def announce(self, change: Change) -> None:
        """Note the serials that a change raises."""
        moment = self._moment()
        for write in change.writes:
            if isinstance(write.after, ZoneSerial):
                self._standings.raised(write.after.origin, write.after.serial, moment)

    async def wait(
        self, serials: Mapping[DomainName, int], seconds: float
    ) -> list[dict[str, Json]]:
        """Wait until the secondaries of zones have these serials, for some seconds at most.

        Return an object for each secondary and zone, those that do not have the serial last.
        """
        done: Deferred[None] = Deferred()

        def end() -> None:
            if wait in self._waits:
                self._waits.remove(wait)
                done.callback(None)

        pairs = {(name, zone) for zone in serials for name in self._standings.of_zone(zone)}
        wait = Wait(serials, pairs, end)
        now = self._effects.now()
        for pair in [*wait.remaining]:
            wait.note(pair, self._standings.serial(pair), now)
        if not wait.is_over and len(self._waits) < MOST_WAITS:
            self._waits.append(wait)
            timer = self._effects.reactor.callLater(seconds, end)
            await done
            if timer.active():
                timer.cancel()
        return [*map(_served, wait.served), *map(self._missing, wait.left())]

    def _missing(self, pair: Pair) -> dict[str, Json]:
        """Return what a wait found of a secondary that does not have the serial."""
        if pair[0] in self._standings.of_zone(pair[1]):
            why = self._standings.why(pair, self._effects.state()) or TOO_MANY
        else:
            why = "it is not configured any more"
        return _found(pair, self._standings.serial(pair), None, why)

    def of_zone(self, origin: DomainName) -> list[Json]:
        """Report each secondary of a zone."""
        return [self._row((name, origin)) for name in self._standings.of_zone(origin)]

    def secondaries(self) -> list[Json]:
        """Report each secondary, with its zones."""
        return [
            {
                "name": one.name,
                "address": str(one.address),
                "key": one.key.to_text(),
                "source": str(one.source) if one.source is not None else None,
                "zones": [self._row((one.name, z)) for z in self._standings.zones_at(one.name)],
            }
            for one in self._standings.secondaries()
        ]

    def lags(self) -> Iterator[dict[str, Json]]:
        """Yield for each secondary and zone how long it has been behind, in seconds."""
        for (name, zone), lag in self._standings.lags(self._effects.steady()):
            yield {"secondary": name, "zone": zone.to_text(), "lag": round(lag, 3)}

    @property
    def catalog(self) -> DomainName | None:
        """The catalog zone; None without one."""
        return self._standings.catalog

    def notify(self, origin: DomainName | None) -> list[str]:
        """Have the secondaries of a zone, or of all zones, notified; return their names.

        Raises Rejected `refused` if there are none, `not-found` if there is no such zone, and
        `unavailable` if the transfer process does not run.
        """
        if origin is None:
            names = [one.name for one in self._standings.secondaries()]
            what = "no zone has a secondary"
        else:
            names, what = [*self._standings.of_zone(origin)], f"zone {origin} has no secondary"
        if not names:
            if origin not in (None, self.catalog):
                find_zone(self._effects.state(), origin)
            raise Rejected("refused", f"{what}: see `secondaries` in the configuration")
        if not self._effects.notify(origin.wire if origin is not None else None):
            raise Rejected("unavailable", "the transfer process does not run now; try again")
        return names

    def _row(self, pair: Pair) -> dict[str, Json]:
        return self._standings.row(pair, self._effects.state())

    def _moment(self) -> Moment:
        return Moment(self._effects.now(), self._effects.steady())

    def _tick(self) -> None:
        """Record secondaries that have been behind for too long."""
        if not self._is_submitting:
            found = self._standings.behind(self._effects.state(), self._moment())
            if found:
                self._submit(NoteBehind(found[:_MOST_SUBMITTED]), BEHIND)
        self._note_recovered()

    def _note_recovered(self) -> None:
        if not self._is_submitting:
            recovered = self._standings.recovered(self._effects.state())
            if recovered:
                self._submit(NoteInStep(recovered), IN_STEP)

    def _submit(self, command: NoteBehind | NoteInStep, word: str) -> None:
        self._is_submitting = True
        self._effects.spawn(self._submitted(command, word))

    async def _submitted(self, command: NoteBehind | NoteInStep, word: str) -> None:
        try:
            await self._effects.submit(command, word)
        except Rejected as refusal:
            self._effects.log(f"secondaries: {refusal}")
        finally:
            self._is_submitting = False


def _served(served: Served) -> dict[str, Json]:
    return _found(served.pair, served.serial, served.at, None)


def _found(
    pair: Pair, serial: int | None, served_at: float | None, problem: str | None
) -> dict[str, Json]:
    return {
        "secondary": pair[0],
        "zone": pair[1].to_text(),
        "serial": serial,
        "in_step": problem is None,
        "served_at": timestamp(served_at),
        "problem": problem,
    }
