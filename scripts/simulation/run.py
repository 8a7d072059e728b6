"""What came of a simulated run: health, switches, and which side was answered when.

Refuses to know who ran it: the rules alone (`simulation.replay`) or the whole change corridor
(`simulation.corridor`); both give the same run for the same observations.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from failoverdns.model.group import Side
from failoverdns.model.health import Health


@dataclass(frozen=True, slots=True)
class HealthChange:
    """A side became something else than it was."""

    at: float
    side: Side
    health: Health


@dataclass(frozen=True, slots=True)
class AutomaticSwitch:
    """The group switched by itself, and why."""

    at: float
    to: Side
    why: str


@dataclass(frozen=True, slots=True)
class Run:
    """All that happened, in order; it begins on the primary."""

    health: tuple[HealthChange, ...]
    switches: tuple[AutomaticSwitch, ...]

    def first_down(self, side: Side, since: float) -> float | None:
        """Return when a side was first known to be down at or after a time."""
        found = (
            change.at
            for change in self.health
            if change.side is side and change.health is Health.DOWN and change.at >= since
        )
        return next(found, None)

    def first_switch(self, since: float) -> float | None:
        """Return when the group first switched at or after a time."""
        return next((switch.at for switch in self.switches if switch.at >= since), None)

    def answers(self) -> Answers:
        """Return which side was answered when."""
        return Answers(tuple((switch.at, switch.to) for switch in self.switches))


@dataclass(frozen=True, slots=True)
class Answers:
    """Which side is answered: the primary until the first change."""

    changes: Sequence[tuple[float, Side]]

    def at(self, time: float) -> Side:
        """Return the side that is answered at a time."""
        index = bisect_right(self.changes, time, key=lambda change: change[0])
        return self.changes[index - 1][1] if index else Side.PRIMARY
