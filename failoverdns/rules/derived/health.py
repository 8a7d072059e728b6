"""Health, computed: of a head from its probes, of an application from its web heads.

| probes, for one check of a head           | the health by this check becomes          |
|-------------------------------------------|-------------------------------------------|
| `up_after` good ones in a row             | `up`                                      |
| `down_after` bad ones in a row            | `down`                                    |
| `down_after` in a row that found nothing  | `unknown`                                 |
| any other                                 | stays the same; `unknown` after a start   |

A probe finds nothing out where this machine lacks what the probe needs: a route, an address family,
a program that can be run.  It counts as neither good nor bad.

A head is up when as many of its checks are up as `require_checks` says, an application when as many
of its web heads are up as `require_heads` says.  Forced health is stored beside observed health,
and counts instead of it.  An application that lost its last web head is down since then, although
nothing probed it; one that never had any is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from failoverdns.model.application import Application, Head
from failoverdns.model.health import Check, Forced, Health, Observed, ProbeResult, Quorum
from failoverdns.rules.derived.web_heads import web_heads

NOT_OBSERVED = Observed(Health.UNKNOWN, 0.0)

NO_WEB_HEAD: Final = "it has no web head"
"""Why an application without web heads is down or unknown, in words."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The running result of one check of a head; `streak` is positive for good probes in a row.

    A negative `streak` counts bad probes in a row; `last` is the last good or bad result.
    `unknown` counts probes in a row that found nothing out, which neither continue nor end a
    streak; `lacking` is the last of them.
    """

    health: Health = Health.UNKNOWN
    streak: int = 0
    last: ProbeResult | None = None
    unknown: int = 0
    lacking: ProbeResult | None = None

    @property
    def is_unknowable(self) -> bool:
        """True if nothing is known because of this machine."""
        return self.lacking is not None and self.health is Health.UNKNOWN

    @property
    def latest(self) -> ProbeResult | None:
        """The last result, whether or not it found anything out."""
        return self.lacking or self.last


def tallied(tally: Tally, result: ProbeResult, check: Check) -> Tally:
    """Return the tally after one more result of `check`."""
    if result.is_unknown:
        return _tallied_unknown(tally, result, check)
    streak = max(tally.streak, 0) + 1 if result.is_good else min(tally.streak, 0) - 1
    health = tally.health
    if streak >= check.up_after:
        health = Health.UP
    elif -streak >= check.down_after:
        health = Health.DOWN
    return Tally(health, streak, result)


def _tallied_unknown(tally: Tally, result: ProbeResult, check: Check) -> Tally:
    unknown = tally.unknown + 1
    if unknown >= check.down_after:
        return Tally(Health.UNKNOWN, 0, tally.last, unknown, result)
    return replace(tally, unknown=unknown, lacking=result)


SETTLING: Final = 20.0
"""Seconds for which a head that went down is probed fast: it may have been a burst of loss."""

RESTING: Final = 60.0
"""Seconds for which a head that came up again is not probed fast, so that one that comes and goes
every few seconds does not change its health at that pace."""


def is_settled(tally: Tally, age: float) -> bool:
    """Return whether probes at the regular interval are enough; else the head is probed fast.

    | health    | settled, if                                                               |
    |-----------|---------------------------------------------------------------------------|
    | any       | its last probe found nothing out, and a fast one would not either         |
    | `unknown` | never: a new head is probed fast until its health is known                |
    | `up`      | its last result was good, or it came up less than `RESTING` seconds ago   |
    | `down`    | its last result was bad, and it went down at least `SETTLING` seconds ago |

    `age` is the seconds since the health of the tally changed; infinite if it has had no other.
    """
    if tally.unknown:
        return True
    if tally.health is Health.UNKNOWN:
        return False
    if tally.health is Health.UP:
        return tally.streak > 0 or age < RESTING
    return tally.streak < 0 and age >= SETTLING


@dataclass(frozen=True, slots=True)
class Condition:
    """A health, and since when it holds (steady seconds)."""

    health: Health
    since: float


def combined(parts: Sequence[Condition], quorum: Quorum) -> Condition:
    """Return the condition of a whole, which needs k of its n parts to be up.

    k is 1 for the quorum `any`, n for `all`, or a number.

    | parts                                                         | the whole is |
    |---------------------------------------------------------------|--------------|
    | at least k are up                                             | up           |
    | more than n - k are down, and at least one                    | down         |
    | otherwise, and without parts                                  | unknown      |

    `since` is when the part that decided it changed.  If k is more than n, the whole is never up,
    and it is down only when a part is: too few parts are not a failure that a probe found.
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
    """Return the condition of a head that counts: the forced one, or else the observed one."""
    if head.forced is not None:
        return Condition(head.forced.health, head.forced.since)
    return observed_condition(head)


def observed_condition(head: Head) -> Condition:
    """Return the observed condition of a head."""
    observed = head.observed or NOT_OBSERVED
    return Condition(observed.health, observed.since)


def application_condition(application: Application) -> Condition:
    """Return the condition of an application that counts: forced, or else from its web heads."""
    if application.forced is not None:
        return Condition(application.forced.health, application.forced.since)
    return _from_heads(application, head_condition)


def observed_of(application: Application) -> Condition:
    """Return the condition that an application would have if nothing were forced."""
    return _from_heads(application, observed_condition)


def _from_heads(application: Application, condition: Callable[[Head], Condition]) -> Condition:
    heads = web_heads(application)
    if not heads and application.emptied_at is not None:
        return Condition(Health.DOWN, application.emptied_at)
    return combined([condition(head) for head in heads], application.require_heads)


def is_unchecked(application: Application) -> bool:
    """Return whether an application has web heads and no check."""
    return not application.checks and bool(web_heads(application))


def unchecked_condition(application: Application) -> Condition:
    """Return the condition of an application whose heads count as up where nothing is known.

    For an application without checks only: its heads are up since nothing checks them, unless an
    operator forced one down.
    """
    if application.forced is not None:
        return application_condition(application)
    since = application.unchecked_at or 0.0

    def condition(head: Head) -> Condition:
        known = head_condition(head)
        return known if known.health is not Health.UNKNOWN else Condition(Health.UP, since)

    return _from_heads(application, condition)


def dated(before: Application | None, after: Application, steady: float) -> Application:
    """Return `after` with the times at which it lost its web heads, or all of its checks.

    `before` is the application before the change that is made at `steady` seconds.
    """
    had, has = before is not None and bool(web_heads(before)), bool(web_heads(after))
    emptied_at = None if has else steady if had else after.emptied_at
    unchecked_at = None
    if is_unchecked(after):
        was = before is not None and is_unchecked(before)
        unchecked_at = after.unchecked_at if was else steady
    return replace(after, emptied_at=emptied_at, unchecked_at=unchecked_at)


def why_down(application: Application) -> str:
    """Return a short text that says why an application is down."""
    if application.forced is not None:
        return _forced_text(application.forced, "it is forced down")
    if not web_heads(application):
        return NO_WEB_HEAD
    found = []
    for head in web_heads(application):
        if head.forced is not None and head.forced.health is Health.DOWN:
            found.append(_forced_text(head.forced, f"{head.name} is forced down"))
        elif head.forced is None and (failure := _failure_of(head)):
            found.append(f"{head.name}: {failure}")
    shown = "; ".join(found[:_MOST_NAMED])
    return shown + (f"; and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else "")


_MOST_NAMED = 3
"""The largest number of heads that a text of `why_down` names."""


def _failure_of(head: Head) -> str:
    """Return why a head is observed to be down, empty if it is not."""
    observed = head.observed
    if observed is None or observed.cause is None or observed.health is not Health.DOWN:
        return ""
    return f"{observed.cause.value}, {observed.detail}"


def _forced_text(forced: Forced, what: str) -> str:
    return f"{what} ({forced.reason})" if forced.reason else what


def healthy_heads(application: Application) -> tuple[Head, ...]:
    """Return the web heads that are not down, or all of them if every one is down."""
    heads = web_heads(application)
    return tuple(h for h in heads if head_condition(h).health is not Health.DOWN) or heads


def merged(tallies: Sequence[Tally], quorum: Quorum) -> Tally:
    """Return the tally of a head for one check, from the tallies of its addresses.

    The quorum is `all` for configured addresses, because clients use any of them, and `any` for
    those that a hostname resolves to, because its owner changes them.  An address that this machine
    cannot probe is left out, unless it can probe none.
    """
    tallies = [tally for tally in tallies if not tally.is_unknowable] or tallies
    health = combined([Condition(tally.health, 0.0) for tally in tallies], quorum).health
    telling = [tally for tally in tallies if tally.health is health and tally.latest is not None]
    return telling[0] if telling else Tally(health)


def head_observed(tallies: Sequence[Tally], quorum: Quorum, now: float) -> Observed:
    """Return the observed health of a head at `now` (steady seconds), from those of its checks.

    It is unknown with the cause `LOCAL` if that is because of this machine, and without a cause if
    there are not enough results yet.
    """
    parts = [Condition(tally.health, now) for tally in tallies]
    health = combined(parts, quorum).health
    if health is Health.UNKNOWN:
        found = (tally.lacking for tally in tallies if tally.is_unknowable)
        lacking = next((result for result in found if result is not None), None)
        if lacking is None:
            return Observed(health, now)
        return Observed(health, now, lacking.cause, lacking.detail)
    against = (t.last for t in tallies if t.health is Health.DOWN and t.last is not None)
    reason = next((result for result in against if result.cause is not None), None)
    if health is not Health.DOWN or reason is None:
        return Observed(health, now)
    return Observed(health, now, reason.cause, reason.detail)
