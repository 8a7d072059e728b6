"""Health as a pure function: of a head from its probes, of an application from its heads.

| probes, for one check of a head           | what is known becomes                     |
|-------------------------------------------|-------------------------------------------|
| `up_after` good ones in a row             | `up`                                      |
| `down_after` bad ones in a row            | `down`                                    |
| any other                                 | what it was; `unknown` after a start      |

A head is what so many of its checks are as `require_checks` asks for, an application what so many
of its web heads are as `require_heads` asks for.  What an operator forces stands beside what is
observed, and counts in its place.
Refuses to know who probes, and what follows from health.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from failoverdns.model.application import Application, Head
from failoverdns.model.health import Check, Forced, Health, Observed, ProbeResult, Quorum
from failoverdns.rules.derived.web_heads import web_heads

NOT_OBSERVED = Observed(Health.UNKNOWN, 0.0)


@dataclass(frozen=True, slots=True)
class Tally:
    """What the probes of one check of a head came to; `streak` counts good ones, or bad below 0."""

    health: Health = Health.UNKNOWN
    streak: int = 0
    last: ProbeResult | None = None


def tallied(tally: Tally, result: ProbeResult, check: Check) -> Tally:
    """Return a tally with one more result."""
    streak = max(tally.streak, 0) + 1 if result.is_good else min(tally.streak, 0) - 1
    health = tally.health
    if streak >= check.up_after:
        health = Health.UP
    elif -streak >= check.down_after:
        health = Health.DOWN
    return Tally(health, streak, result)


@dataclass(frozen=True, slots=True)
class Condition:
    """The health of something, and since when (steady seconds)."""

    health: Health
    since: float


def combined(parts: Sequence[Condition], quorum: Quorum) -> Condition:
    """Return the condition of a whole.

    | of n parts, k have to be up: 1 (`any`), n (`all`) or a number | the whole is |
    |---------------------------------------------------------------|--------------|
    | at least k are up                                             | up           |
    | so many are down, at least one, that k cannot be up           | down         |
    | all else; n is 0                                              | unknown      |

    It is so since the part became so that decided it.  Where k is more than n the whole is never
    up, and not down either until a part is: that there are too few is no failure that was seen.
    """
    if not parts:
        return Condition(Health.UNKNOWN, 0.0)
    needed = 1 if quorum == "any" else len(parts) if quorum == "all" else quorum
    up = sorted(part.since for part in parts if part.health is Health.UP)
    down = sorted(part.since for part in parts if part.health is Health.DOWN)
    if len(up) >= needed:
        return Condition(Health.UP, up[needed - 1])
    enough = max(len(parts) - needed + 1, 1)  # of these down, `needed` cannot be up
    if len(down) >= enough:
        return Condition(Health.DOWN, down[enough - 1])
    return Condition(Health.UNKNOWN, max(part.since for part in parts))


def head_condition(head: Head) -> Condition:
    """Return what counts for a head: what is forced, or else what is observed."""
    if head.forced is not None:
        return Condition(head.forced.health, head.forced.since)
    return observed_condition(head)


def observed_condition(head: Head) -> Condition:
    """Return what is observed of a head."""
    observed = head.observed or NOT_OBSERVED
    return Condition(observed.health, observed.since)


def application_condition(application: Application) -> Condition:
    """Return what counts for an application: what is forced, or else what its web heads are."""
    if application.forced is not None:
        return Condition(application.forced.health, application.forced.since)
    heads = [head_condition(head) for head in web_heads(application)]
    return combined(heads, application.require_heads)


def observed_of(application: Application) -> Condition:
    """Return what an application would count as if nothing were forced."""
    heads = [observed_condition(head) for head in web_heads(application)]
    return combined(heads, application.require_heads)


def why_down(application: Application) -> str:
    """Say in a few words why an application is down."""
    if application.forced is not None:
        return _forced_text(application.forced, "it is forced down")
    found = []
    for head in web_heads(application):
        if head.forced is not None and head.forced.health is Health.DOWN:
            found.append(_forced_text(head.forced, f"{head.name} is forced down"))
        elif head.forced is None and head.observed is not None and head.observed.cause is not None:
            found.append(f"{head.name}: {head.observed.cause.value}, {head.observed.detail}")
    shown = "; ".join(found[:_MOST_SAID])
    return shown + (f"; and {len(found) - _MOST_SAID} more" if len(found) > _MOST_SAID else "")


_MOST_SAID = 3
"""Heads that a sentence names."""


def _forced_text(forced: Forced, what: str) -> str:
    return f"{what} ({forced.reason})" if forced.reason else what


def healthy_heads(application: Application) -> tuple[Head, ...]:
    """Return the web heads that are not down; all of them if every one is."""
    heads = web_heads(application)
    return tuple(h for h in heads if head_condition(h).health is not Health.DOWN) or heads


def merged(tallies: Sequence[Tally], quorum: Quorum) -> Tally:
    """Return the tally of a head whose addresses were probed one by one, for one check.

    All of its own addresses have to be up, because clients use any of them; of those that a
    hostname resolves to one is enough, because whoever runs it changes them.
    """
    health = combined([Condition(tally.health, 0.0) for tally in tallies], quorum).health
    telling = [tally for tally in tallies if tally.health is health and tally.last is not None]
    return telling[0] if telling else Tally(health)


def head_observed(tallies: Sequence[Tally], quorum: Quorum, now: float) -> Observed:
    """Return what a head's checks say of it at `now` (steady seconds), and what is against it."""
    parts = [Condition(tally.health, now) for tally in tallies]
    health = combined(parts, quorum).health
    against = (t.last for t in tallies if t.health is Health.DOWN and t.last is not None)
    reason = next((result for result in against if result.cause is not None), None)
    if health is not Health.DOWN or reason is None:
        return Observed(health, now)
    return Observed(health, now, reason.cause, reason.detail)
