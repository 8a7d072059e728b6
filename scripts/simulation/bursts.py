"""Bursts of loss: which of them cause a switch, and how many a year that are.

In Gilbert's model the path from the server is in one of two states: in a good one all probes
arrive, in a bad one none.  The lengths of bursts are exponential.  For each of some lengths, runs
of the whole simulation give the share of bursts that cause a switch; the rate for a mean length
follows from these shares and the density of lengths.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from math import exp

from simulation.losses import YEAR
from simulation.patterns import BEGINS, Pattern, blip, cut_off
from simulation.setting import Setting

LENGTHS = (5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 60.0, 90.0)
"""Seconds of a burst."""

MEANS = (2.0, 5.0, 10.0)
"""Mean seconds of bursts, for rates a year."""

APART = 3600.0
"""Mean seconds from one burst to the next."""


@dataclass(frozen=True, slots=True)
class Shares:
    """The share of bursts of each length that cause a switch."""

    of: Mapping[float, float]

    def a_year(self, mean: float) -> float:
        """Return the switches a year if bursts of this mean length come every `APART` seconds.

        Between two lengths the share is on the straight line between theirs; no burst shorter than
        the shortest causes a switch that the shortest does not.
        """
        known = sorted(self.of.items())
        chance = known[-1][1] * exp(-known[-1][0] / mean)
        for (short, low), (long, high) in pairwise([(0.0, 0.0), *known]):
            steps = 20
            for step in range(steps):
                begin = short + (long - short) * step / steps
                end = short + (long - short) * (step + 1) / steps
                share = low + (high - low) * (step + 0.5) / steps
                chance += share * (exp(-begin / mean) - exp(-end / mean))
        return chance * YEAR / APART


@dataclass(frozen=True, slots=True)
class Bursts:
    """The shares for bursts on the way to the primary alone, and for those that hit both sides."""

    setting: Setting
    one_side: Shares
    both_sides: Shares


def burst(lasts: float, *, one_side: bool) -> Pattern:
    """Return a burst: for the server it is an outage of the primary, or a cut-off."""
    pattern = blip(lasts) if one_side else cut_off(lasts)
    return replace(pattern, lasts=BEGINS + lasts + 120.0)
