"""The share of clients that are served, given their resolvers' caches and the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from simulation.patterns import Pattern
from simulation.resolvers import KINDS, Cache, Population, drawn
from simulation.run import Answers
from simulation.setting import Setting


def caches(
    setting: Setting,
    population: Population,
    answers: Answers,
    span: tuple[float, float],
    each: int,
    dice: Random,
) -> dict[str, list[Cache]]:
    """Return `each` resolvers of every kind with a share, with caches valid for times in `span`."""
    return {
        kind.name: [drawn(kind, setting.ttl, population, answers, span, dice) for _ in range(each)]
        for kind in KINDS
        if population.shares.get(kind.name, 0.0) > 0.0
    }


def share_right(pattern: Pattern, known: Sequence[Cache], answers: Answers, at: float) -> float:
    """Return the share of clients that would be served if they all queried at a time."""
    return sum(pattern.share_right(cache.given(at, answers), at) for cache in known) / len(known)


def together(shares: Mapping[str, float], population: Population) -> float:
    """Return the share of all clients, from the shares of the clients of each kind of resolver."""
    weights = {name: population.shares[name] for name in shares}
    return sum(shares[name] * weight for name, weight in weights.items()) / sum(weights.values())
