"""What is known of each zone at each secondary: its serial, since when, and why it is behind.

    reports, changes of zones, loss of the transfer process  ->  Standings  ->  rows, who is late

A secondary is in step if it answers with the present serial of the zone.  Reads no clock: the
moment is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from failoverdns.model.change import Json
from failoverdns.model.errors import Malformed
from failoverdns.model.moment import Moment
from failoverdns.model.names import DomainName
from failoverdns.model.secondaries import BehindSecondary
from failoverdns.model.settings import SecondarySettings
from failoverdns.model.timestamps import timestamp
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.view import View

Pair = tuple[str, DomainName]
"""A secondary, by its name, and the origin of a zone."""

SHORTEST: Final = 5.0
"""Seconds for which a secondary may be behind at least, even if the TTL of the zone is less."""

NOT_ASKED: Final = "it was not asked yet since the start"
AWAY: Final = "the transfer process, which asks it, does not run at the moment"


@dataclass(frozen=True, slots=True)
class Reported:
    """The report of one zone at one secondary, as in `transfers.standing`; times since 1970."""

    ours: int
    serial: int | None
    seen_at: float | None
    problem: str | None
    silent_since: float | None
    notified_at: float | None

    @property
    def in_step(self) -> bool:
        """Whether the secondary answered with the serial that the transfer process had."""
        return self.serial == self.ours and self.problem is None and self.silent_since is None


@dataclass(slots=True)
class Standing:
    """What is known of one zone at one secondary.

    It is behind since `behind_since`, None while it is in step, which it is since `since` (seconds
    since 1970).  Without a report nothing is known, for the reason `unknown`.
    """

    behind_since: Moment | None
    reported: Reported | None = None
    since: float | None = None
    unknown: str | None = NOT_ASKED


def read_report(written: object) -> tuple[Pair, Reported]:
    """Return one report from a JSON object of the transfer process; raises Malformed."""
    if not isinstance(written, dict):
        raise Malformed("a report of a secondary that is not an object")
    try:
        pair = str(written["secondary"]), DomainName.from_text(written["zone"])
        reported = Reported(
            int(written["ours"]),
            _number(written["serial"]),
            _time(written["seen_at"]),
            None if written["problem"] is None else str(written["problem"]),
            _time(written["silent_since"]),
            _time(written["notified_at"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise Malformed(f"a report of a secondary that cannot be read: {fault!r}") from None
    return pair, reported


class Standings:
    """All zones at all secondaries."""

    def __init__(self) -> None:
        self._secondaries: Mapping[str, SecondarySettings] = {}
        self._ttls: dict[DomainName, float] = {}
        self._pairs: dict[Pair, Standing] = {}
        self._of_zone: dict[DomainName, list[str]] = {}
        self._late: set[Pair] = set()
        """Those that are behind."""
        self.catalog: DomainName | None = None

    def configure(
        self,
        zones: Iterable[Zone],
        secondaries: Iterable[SecondarySettings],
        catalog: DomainName | None,
        moment: Moment,
    ) -> None:
        """Use this configuration; what is known of pairs that stay is kept.

        The catalog zone is at every secondary that has a zone.
        """
        self._secondaries = {one.name: one for one in secondaries}
        self._ttls = {zone.origin: float(zone.ttl) for zone in zones}
        self._of_zone = {zone.origin: list(zone.secondaries) for zone in zones}
        self.catalog = catalog
        if catalog is not None:
            having = [name for names in self._of_zone.values() for name in names]
            self._of_zone[catalog] = list(dict.fromkeys(having))
        before = self._pairs
        self._pairs = {}
        for origin, names in self._of_zone.items():
            for name in names:
                pair = name, origin
                self._pairs[pair] = before.get(pair) or Standing(moment)
        self._late = {pair for pair, one in self._pairs.items() if one.behind_since is not None}

    def secondaries(self) -> Iterator[SecondarySettings]:
        """Return the configured secondaries."""
        return iter(self._secondaries.values())

    def of_zone(self, origin: DomainName) -> tuple[str, ...]:
        """Return the names of the secondaries of a zone."""
        return tuple(self._of_zone.get(origin, ()))

    def zones_at(self, secondary: str) -> Iterator[DomainName]:
        """Return the zones that a secondary has."""
        return (origin for origin, names in self._of_zone.items() if secondary in names)

    def serial(self, pair: Pair) -> int | None:
        """Return the last serial that a secondary was seen with; None if it is not known."""
        standing = self._pairs.get(pair)
        reported = standing.reported if standing is not None else None
        return reported.serial if reported is not None else None

    def take(self, pair: Pair, reported: Reported, view: View, moment: Moment) -> None:
        """Note a report; one about a pair that is not configured any more is ignored."""
        standing = self._pairs.get(pair)
        if standing is None:
            return
        was_unknown = standing.unknown is not None
        standing.reported, standing.unknown = reported, None
        present = view.serial(pair[1])
        if not reported.in_step:
            if was_unknown:  # it may have followed while nobody asked it
                standing.behind_since = None
            self._fall_behind(pair, standing, moment)
        elif present is not None and present.serial != reported.serial:
            standing.behind_since = moment  # of a change that is newer than the report
            self._late.add(pair)
        elif standing.behind_since is not None:
            standing.behind_since, standing.since = None, reported.seen_at or moment.now
            self._late.discard(pair)

    def raised(self, origin: DomainName, serial: int, moment: Moment) -> None:
        """Note that a zone has this serial now: its secondaries are behind until they have it.

        One may have been reported to have it already.
        """
        for name in self._of_zone.get(origin, ()):
            standing = self._pairs[name, origin]
            if self.serial((name, origin)) != serial:
                self._fall_behind((name, origin), standing, moment)

    def lose(self, moment: Moment) -> None:
        """Note that the transfer process is away: what it reported may be outdated."""
        for pair, standing in self._pairs.items():
            standing.unknown = AWAY
            self._fall_behind(pair, standing, moment)

    def behind(self, view: View, moment: Moment) -> tuple[BehindSecondary, ...]:
        """Return those that have been behind for too long and are not recorded yet.

        The catalog zone is left out, because secondaries do not answer queries for it, and so are
        secondaries whose serial number is not known.
        """
        found = []
        for pair in self._late:
            name, origin = pair
            since, unknown = self._pairs[pair].behind_since, self._pairs[pair].unknown
            if origin not in self._ttls or since is None or unknown is not None:
                continue
            if moment.steady - since.steady < max(self._ttls[origin], SHORTEST):
                continue
            if view.entity(BehindSecondary, pair) is None:
                problem = self.why(pair, view) or ""
                found.append(BehindSecondary(name, origin, since.now, problem))
        return tuple(found)

    def recovered(self, view: View) -> tuple[Pair, ...]:
        """Return those that are recorded as behind, and are in step."""
        recorded = (found.identity for found in view.entities(BehindSecondary))
        return tuple(pair for pair in recorded if self._is_in_step(pair))

    def why(self, pair: Pair, view: View) -> str | None:
        """Return in words why a secondary is behind; None if it is in step."""
        standing = self._pairs[pair]
        if standing.behind_since is None:
            return None
        reported = standing.reported
        if standing.unknown is not None or reported is None:
            return standing.unknown
        where = str(self._secondaries[pair[0]].address) if pair[0] in self._secondaries else pair[0]
        if reported.silent_since is not None:
            return f"{where} does not answer (since {timestamp(reported.silent_since)})"
        if reported.problem is not None:
            return f"{where} {reported.problem}"
        serial = view.serial(pair[1])
        ours = serial.serial if serial is not None else reported.ours
        has = "no serial that is known" if reported.serial is None else f"serial {reported.serial}"
        notified = "NOTIFY was not accepted yet"
        if reported.notified_at is not None:
            notified = f"NOTIFY was accepted at {timestamp(reported.notified_at)}"
        return f"it has {has}, ours is {ours}; {notified}"

    def row(self, pair: Pair, view: View) -> dict[str, Json]:
        """Return what is known of one pair, as a JSON object.

        `in_step` is None where nothing is known.
        """
        standing = self._pairs[pair]
        reported = standing.reported
        known = standing.unknown is None
        since = standing.behind_since
        return {
            "secondary": pair[0],
            "zone": pair[1].to_text(),
            "serial": reported.serial if reported is not None else None,
            "in_step": (since is None) if known else None,
            "since": timestamp(since.now if since is not None else standing.since),
            "problem": self.why(pair, view),
        }

    def lags(self, steady: float) -> Iterator[tuple[Pair, float]]:
        """Yield how many seconds each pair has been behind, 0 if it is in step.

        `steady` is the present moment.  A pair about which nothing is known yet is behind, too.
        """
        for pair, standing in list(self._pairs.items()):
            since = standing.behind_since
            yield pair, max(0.0, steady - since.steady) if since is not None else 0.0

    def _is_in_step(self, pair: Pair) -> bool:
        standing = self._pairs.get(pair)
        return standing is not None and standing.behind_since is None

    def _fall_behind(self, pair: Pair, standing: Standing, moment: Moment) -> None:
        if standing.behind_since is None:
            standing.behind_since = moment
            self._late.add(pair)


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def _time(value: Any) -> float | None:
    return None if value is None else float(value)
