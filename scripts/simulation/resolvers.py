"""Resolvers: how long each kind caches an answer, and thus which side its clients get.

| kind          | it caches an answer                    | a client that asks after that gets      |
|---------------|----------------------------------------|-----------------------------------------|
| `honours`     | for the TTL                            | a new one                               |
| `at-least-30` | for the TTL, at least 30 s             | a new one                               |
| `at-least-300`| for the TTL, at least 5 minutes        | a new one                               |
| `stale`       | for the TTL                            | the old one, up to `MAX_STALE` after it |
|               |                                        | expired; a new one is fetched meanwhile |

`stale` is RFC 8767 in resolvers that answer first and refresh then (a client response timer of 0).
A resolver that returns an expired record only if it cannot be refreshed `honours` the TTL here,
because the authoritative server is up.

A resolver queries the server when a client asks and it has no valid answer; clients ask at random
times (Poisson).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import exp, log
from random import Random

from failoverdns.model.group import Side
from simulation.run import Answers

MAX_STALE = 86400.0
"""The maximum age of a stale answer in seconds after its expiry; the least in RFC 8767."""

CYCLES = 3.0
"""The minimum number of times that a cache is filled before it is used."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resolver; `least` is its minimum TTL in seconds."""

    name: str
    about: str
    least: float = 0.0
    stale: bool = False

    def keeps(self, ttl: float) -> float:
        """Return the seconds for which it caches an answer with a TTL."""
        return max(ttl, self.least)


HONOURS = Kind("honours", "honour the TTL")
AT_LEAST_30 = Kind("at-least-30", "keep answers at least 30 s", 30.0)
AT_LEAST_300 = Kind("at-least-300", "keep answers at least 5 min", 300.0)
STALE = Kind("stale", "give stale answers, then refresh", stale=True)
KINDS = (HONOURS, AT_LEAST_30, AT_LEAST_300, STALE)


@dataclass(frozen=True, slots=True)
class Population:
    """The share of clients behind each kind of resolver, by its name, and the rates of queries.

    The mean number of seconds between the queries to a resolver is drawn between `busiest` and
    `quietest`, evenly on a logarithmic scale.  All resolvers have the same number of clients.
    """

    shares: Mapping[str, float] = field(
        default_factory=lambda: {
            HONOURS.name: 0.80,
            AT_LEAST_30.name: 0.10,
            AT_LEAST_300.name: 0.05,
            STALE.name: 0.05,
        }
    )
    busiest: float = 1.0
    quietest: float = 600.0

    def pause(self, dice: Random) -> float:
        """Draw the mean number of seconds between the queries to a resolver."""
        return exp(dice.uniform(log(self.busiest), log(self.quietest)))


@dataclass(frozen=True, slots=True)
class Cached:
    """An answer that a resolver fetched, and the time until which it does not fetch another."""

    fetched: float
    expires: float
    side: Side


@dataclass(frozen=True, slots=True)
class Cache:
    """All answers that one resolver fetched, in order of time."""

    kind: Kind
    entries: tuple[Cached, ...]

    def given(self, at: float, answers: Answers) -> Side:
        """Return the side in the answer to a client that asks at a time."""
        index = bisect_right(self.entries, at, key=_fetched)
        if not index:
            return answers.at(at)
        entry = self.entries[index - 1]
        until = entry.expires + (MAX_STALE if self.kind.stale else 0.0)
        return entry.side if at < until else answers.at(at)

    def drained(self, switched: float) -> float:
        """Return the seconds after a switch until no client gets the old answer."""
        index = bisect_right(self.entries, switched, key=_fetched)
        if not index:
            return 0.0
        until = self.entries[index - 1].expires
        if self.kind.stale and index < len(self.entries):
            until = min(self.entries[index].fetched, until + MAX_STALE)
        return max(0.0, until - switched)


def _fetched(entry: Cached) -> float:
    return entry.fetched


def fetched(
    kind: Kind, ttl: float, begin: float, end: float, pauses: Iterator[float], answers: Answers
) -> Cache:
    """Return the answers that a resolver fetches from `begin` until one lasts beyond `end`.

    `pauses` are the seconds from the expiry of an answer (the first: from `begin`) to a client's
    next query; earlier queries find the answer in the cache.  Answers with TTL 0 are not entries.
    """
    if not kind.keeps(ttl):
        return Cache(kind, ())
    entries: list[Cached] = []
    expires = begin
    while expires <= end:
        at = expires + next(pauses)
        expires = at + kind.keeps(ttl)
        entries.append(Cached(at, expires, answers.at(at)))
    return Cache(kind, tuple(entries))


def drawn(
    kind: Kind,
    ttl: float,
    population: Population,
    answers: Answers,
    span: tuple[float, float],
    dice: Random,
) -> Cache:
    """Return the cache of a random resolver that has been in use for long before `span`."""
    pause = population.pause(dice)
    pauses = iter(lambda: dice.expovariate(1.0 / pause), None)
    begin, end = span
    warm = CYCLES * (kind.keeps(ttl) + pause) * (1.0 + dice.random())
    return fetched(kind, ttl, begin - warm, end, pauses, answers)
