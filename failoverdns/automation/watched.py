"""One probed application: its targets, and the results of probes at each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

from failoverdns.model.application import Application
from failoverdns.model.health import Check, Health, ProbeResult, ProbeTarget
from failoverdns.rules.derived.health import Tally, is_settled, tallied
from failoverdns.rules.derived.probe_targets import TallyKey


@dataclass(frozen=True, slots=True)
class Seen:
    """A tally, the time of its last result, and since when its health holds (steady seconds).

    `since` is minus infinity if the first known health is `up`: nothing has changed yet.
    """

    tally: Tally
    at: float
    since: float = -inf

    @property
    def is_settled(self) -> bool:
        """True if probes at the regular interval are enough; else the target is probed fast."""
        return is_settled(self.tally, self.at - self.since)


def seen_after(before: Seen | None, result: ProbeResult, check: Check, now: float) -> Seen:
    """Return what is seen after one more result of a check at `now` (steady seconds)."""
    tally = before.tally if before is not None else Tally()
    since = before.since if before is not None else -inf
    after = tallied(tally, result, check)
    if after.health is not tally.health:
        is_first_up = tally.health is Health.UNKNOWN and after.health is Health.UP
        since = -inf if is_first_up else now
    return Seen(after, now, since)


@dataclass(slots=True)
class Watched:
    """An application that is probed."""

    id: str
    """The application's id."""
    targets: Mapping[TallyKey, ProbeTarget] = field(default_factory=dict)
    seen: dict[TallyKey, Seen] = field(default_factory=dict)
    unsettled: set[str] = field(default_factory=set)
    """Heads whose health in the state may differ from the results so far."""
    _places: dict[tuple[str, str], list[TallyKey]] = field(default_factory=dict)
    """The tally keys of a head and a check, by their names."""

    def retarget(self, targets: Mapping[TallyKey, ProbeTarget]) -> None:
        """Probe these targets from now on; forget the results of a check that has changed."""
        before = self.targets
        self.seen = {
            key: seen
            for key, seen in self.seen.items()
            if key not in targets or _is_same_check(before.get(key), targets[key])
        }
        self.targets = targets

    def arrange(self, application: Application) -> None:
        """Take the application's heads and checks, and forget results of removed ones."""
        self._places = {}
        for key in self.targets:
            self._places.setdefault((key.head, key.check), []).append(key)
        heads, checks = {head.name for head in application.heads}, set(application.checks)
        self.seen = {
            key: seen
            for key, seen in self.seen.items()
            if key in self.targets
            or (key.address is None and key.head in heads and key.check in checks)
        }
        self.unsettled = heads

    def keys(self, head: str, check: Check) -> list[TallyKey]:
        """Return the tally keys of a head and a check: one for each address, or for the head."""
        return self._places.get((head, check.name)) or [TallyKey(self.id, head, check.name)]

    def tallies(self, head: str, check: Check) -> list[Tally]:
        """Return the tallies of a head and a check; an empty one where there is no result."""
        seen = (self.seen.get(key) for key in self.keys(head, check))
        return [one.tally if one is not None else Tally() for one in seen]


def _is_same_check(before: ProbeTarget | None, after: ProbeTarget) -> bool:
    return before is not None and before.check == after.check
