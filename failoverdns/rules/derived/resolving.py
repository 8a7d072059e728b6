"""Flattened hostnames: which to resolve, what is served of them, with which TTL, and when again.

| the resolvers tell            | is served             | with the TTL      | asked again after |
|-------------------------------|-----------------------|-------------------|-------------------|
| addresses, with the TTL t     | these                 | t / 2             | t / 2             |
| addresses of one family,      | these, and the last   | MIN_TTL           | MIN_TTL           |
| nothing certain of the other  | good ones of the other|                   |                   |
| no address, no such name,     | the last good answer  | half of what is   | MIN_TTL, twice as |
| nothing, or a failure         |                       | left of it        | long each time    |
| and never was there an answer | the hostname: CNAME   | the group's       | the same          |

All TTLs are from MIN_TTL to MAX_TTL, and at most the group's.
Half the TTL, served for the other half: so a client lets go of an answer when the resolver would
have, and not a whole TTL later.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from failoverdns.model.application import Addresses, Hostname, Target
from failoverdns.model.names import DomainName
from failoverdns.model.resolution import Answer, Resolved
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.web_heads import pointed_at

MIN_TTL = 10
MAX_TTL = 3600
UNBOUNDED = 2**31 - 1
"""A TTL that bounds nothing (RFC 2181 section 8)."""

MAX_RETRY = 60
"""Seconds between attempts while the resolvers fail, at most."""


@dataclass(frozen=True, slots=True)
class RefreshTiming:
    """When a hostname is asked for again, and until when what was told holds.

    Seconds of a clock that never goes back.
    """

    again_at: float
    good_until: float
    failures: int = 0


def timed(answer: Answer, before: RefreshTiming | None, now: float) -> tuple[int, RefreshTiming]:
    """Return the TTL to serve from `now` on, and the timing that follows from an answer."""
    if answer.is_good and answer.problem is None:
        ttl = bounded(answer.ttl // 2)
        return ttl, RefreshTiming(now + ttl, now + answer.ttl)
    if answer.is_good:
        return MIN_TTL, RefreshTiming(now + MIN_TTL, now + MIN_TTL)
    failures = before.failures + 1 if before is not None else 1
    good_until = before.good_until if before is not None else now
    pause = min(MIN_TTL * 2 ** min(failures - 1, 10), MAX_RETRY)
    return bounded(int(good_until - now) // 2), RefreshTiming(now + pause, good_until, failures)


def bounded(ttl: int) -> int:
    """Return a TTL in seconds that is neither too short nor too long."""
    return max(MIN_TTL, min(ttl, MAX_TTL))


def flattened(view: View, target: Target) -> tuple[Target, int]:
    """Return what a target is answered as where it is flattened, and the largest TTL of that."""
    if not isinstance(target, Hostname):
        return target, UNBOUNDED
    resolved = view.resolved(target.name)
    if resolved is None:
        return target, UNBOUNDED
    freshness = view.freshness(target.name)
    ttl = freshness.ttl if freshness is not None else MIN_TTL
    return Addresses(resolved.ipv4, resolved.ipv6), ttl


def wanted(view: View) -> tuple[DomainName, ...]:
    """Return every hostname to resolve: aliases of zones, and where flattened groups point at.

    One in a zone of ours is not resolved: we would ask ourselves.
    """
    attached = {id_: None for group in view.flattening() for id_ in group.applications}
    applications = (view.application(id_) for id_ in attached)
    targets = (pointed_at(application) for application in applications if application is not None)
    aliases = (zone.alias for zone in view.zones)
    found = {target: None for target in (*aliases, *targets) if target is not None}
    return tuple(hostname for hostname in found if not _is_ours(view, hostname))


def _is_ours(view: View, hostname: DomainName) -> bool:
    return any(hostname.is_at_or_below(zone.origin) for zone in view.zones)


def unneeded(known: Iterable[Resolved], needed: Iterable[DomainName]) -> tuple[DomainName, ...]:
    """Return the hostnames that are known and not needed."""
    keep = set(needed)
    return tuple(resolved.hostname for resolved in known if resolved.hostname not in keep)
