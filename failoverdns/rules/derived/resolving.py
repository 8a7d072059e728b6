"""Flattened hostnames: which ones to resolve and when, and which answers are served with which TTL.

| the resolvers return          | is served             | with the TTL      | asked again after |
|-------------------------------|-----------------------|-------------------|-------------------|
| addresses, with the TTL t     | these                 | t / 2             | t / 2             |
| addresses of one family, and  | these, and the last   | MIN_TTL           | MIN_TTL           |
| a failure for the other       | good ones of the other|                   |                   |
| no address, no such name,     | the last good answer  | half of the time  | MIN_TTL, twice as |
| no reply, or a failure        |                       | that it has left  | long each time    |
| the same, without any good    | the hostname: CNAME;  | the group's       | the same          |
| answer before                 | nothing at an apex    |                   |                   |

All TTLs are from MIN_TTL to MAX_TTL, and at most the group's.
An answer is served with half of its TTL, and asked for again after that half.  So a client drops it
when the resolver's TTL ends, and not a whole TTL later.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from failoverdns.model.application import Addresses, Hostname, Target
from failoverdns.model.names import DomainName
from failoverdns.model.resolution import Answer, Resolved
from failoverdns.rules.derived.apex import answering_group, configured_target, is_answered_here
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.web_heads import hostname

MIN_TTL = 10
MAX_TTL = 3600
UNBOUNDED = 2**31 - 1
"""The largest TTL there is (RFC 2181 section 8), used as an absent bound."""

MAX_RETRY = 60
"""The longest time in seconds between attempts while the resolvers fail."""


@dataclass(frozen=True, slots=True)
class RefreshTiming:
    """When a hostname is resolved again, and until when its last answer is good.

    Times are in seconds of a clock that never goes back.
    """

    again_at: float
    good_until: float
    failures: int = 0


def timed(answer: Answer, before: RefreshTiming | None, now: float) -> tuple[int, RefreshTiming]:
    """Return the TTL to serve after an answer at `now`, and when to resolve again.

    `before` is the timing before that answer, None for a hostname's first one.
    """
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
    """Return a TTL in seconds, raised to MIN_TTL or lowered to MAX_TTL."""
    return max(MIN_TTL, min(ttl, MAX_TTL))


class Flattened(NamedTuple):
    """A target in flattened form, and the largest TTLs (seconds) to serve and to transfer it with.

    The first TTL follows the answers of resolvers, each of which may change it; the second one is a
    property of the zone at a serial.
    """

    target: Target
    most: int
    most_stored: int


def flattened(view: View, target: Target) -> Flattened:
    """Return the flattened form of a target, and the largest TTLs to serve and transfer it with.

    A hostname becomes the addresses of its last good answer, or those that are configured for it in
    a zone of this server; it stays a hostname if there are none.
    """
    if not isinstance(target, Hostname):
        return Flattened(target, UNBOUNDED, UNBOUNDED)
    resolved = view.resolved(target.name)
    if resolved is None:
        configured, ttl = configured_target(view.zone, target.name)
        if configured is None:
            return Flattened(target, UNBOUNDED, UNBOUNDED)
        return Flattened(configured, ttl, ttl)
    freshness = view.freshness(target.name)
    ttl = freshness.ttl if freshness is not None else MIN_TTL
    return Flattened(Addresses(resolved.ipv4, resolved.ipv6), ttl, UNBOUNDED)


def wanted(view: View) -> tuple[DomainName, ...]:
    """Return every hostname to resolve: the flattened ones, except those answered here."""
    found = flattened_hostnames(view)
    return tuple(hostname for hostname in found if not is_answered_here(view, hostname))


def flattened_hostnames(view: View) -> tuple[DomainName, ...]:
    """Return the hostnames that are answered as addresses.

    They are the aliases of zones, and the heads of flattened groups and of the groups that an
    alias leads to; also heads on standby, whose addresses are known when one becomes active.
    """
    aliased = (answering_group(view, alias) for alias in view.aliases)
    groups = chain(view.flattening(), (group for group in aliased if group is not None))
    attached = {id_: None for group in groups for id_ in group.applications}
    applications = (view.application(id_) for id_ in attached)
    heads = (
        hostname(application, head)
        for application in applications
        if application is not None
        for head in application.heads
        if not head.addresses
    )
    return tuple(dict.fromkeys((*view.aliases, *heads)))


def unneeded(known: Iterable[Resolved], needed: Iterable[DomainName]) -> tuple[DomainName, ...]:
    """Return the hostnames that have an answer and are not needed."""
    keep = set(needed)
    return tuple(resolved.hostname for resolved in known if resolved.hostname not in keep)
