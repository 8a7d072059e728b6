"""The result of a simulated run: health, switches, and the answered side over time.

The rules alone (`simulation.replay`) and the whole change corridor (`simulation.corridor`) give the
same run for the same observations.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from failoverdns.model.group import Side
from failoverdns.model.health import Health


@dataclass(frozen=True, slots=True)
class HealthChange:
    """A change of the health of a side."""

    at: float
    side: Side
    health: Health


@dataclass(frozen=True, slots=True)
class AutomaticSwitch:
    """An automatic switch of the group, and its reason."""

    at: float
    to: Side
    why: str


@dataclass(frozen=True, slots=True)
class Run:
    """All health changes and switches in order; the group begins on its primary."""

    health: tuple[HealthChange, ...]
    switches: tuple[AutomaticSwitch, ...]

    def first_down(self, side: Side, since: float) -> float | None:
        """Return the time of the first change of a side to down at or after `since`, or None."""
        found = (
            change.at
            for change in self.health
            if change.side is side and change.health is Health.DOWN and change.at >= since
        )
        return next(found, None)

    def first_switch(self, since: float) -> float | None:
        """Return the time of the first switch at or after `since`, or None."""
        return next((switch.at for switch in self.switches if switch.at >= since), None)

    def answers(self) -> Answers:
        """Return the answered side over time."""
        return Answers(tuple((switch.at, switch.to) for switch in self.switches))


@dataclass(frozen=True, slots=True)
class Answers:
    """The answered side over time, which is the primary until the first change."""

    changes: Sequence[tuple[float, Side]]

    def at(self, time: float) -> Side:
        """Return the answered side at a time."""
        index = bisect_right(self.changes, time, key=lambda change: change[0])
        return self.changes[index - 1][1] if index else Side.PRIMARY
