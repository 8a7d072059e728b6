"""Decisions on the commands that change observed health or forced health.

Probes never change forced health, and forced health is stored beside observed health.
Every such function takes the state and a command, and returns a Decision or raises Rejected.
"""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from random import Random

from failoverdns.model.application import Application, Head
from failoverdns.model.change import Json, Write
from failoverdns.model.commands.health import ForceHealth, ForgetHealth, LearnHealth
from failoverdns.model.errors import Rejected
from failoverdns.model.health import Forced, Health, Observed
from failoverdns.model.moment import Moment
from failoverdns.rules.decisions.decision import Decision, row
from failoverdns.rules.derived.entity_lookup import find_application, find_head
from failoverdns.rules.derived.health import NOT_OBSERVED, is_unchecked
from failoverdns.rules.derived.view import View

_PATTERN = frozenset("*?[")


def learn_health(view: View, command: LearnHealth, _moment: Moment, _random: Random) -> Decision:
    """Record the observed health of heads; only another health or cause is a change.

    Results that arrive late, for a head that is removed or not checked any more, are ignored:
    nothing would ever update them.
    """
    before = view.application(command.application)
    if before is None or not before.checks:
        return Decision((), lambda _: {})
    learned = dict(command.heads)
    heads = tuple(
        _with_observed(head, learned[head.name]) if head.name in learned else head
        for head in before.heads
    )
    if heads == before.heads:
        return Decision((), lambda _: {})
    after = replace(before, heads=heads)
    return Decision((Write(before, after),), lambda _: {"observed": [*learned]})


def _with_observed(head: Head, learned: Observed) -> Head:
    """Return the head with the observed health `learned`, unless it is observed already."""
    known = head.observed or NOT_OBSERVED
    if (known.health, known.cause) == (learned.health, learned.cause):
        return head
    since = known.since if known.health is learned.health else learned.since
    return replace(head, observed=replace(learned, since=since))


def forget_health(view: View, _command: ForgetHealth, _moment: Moment, _random: Random) -> Decision:
    """Set all observed health to unknown, because a start knows nothing until it has probed."""
    writes = tuple(
        Write(application, unobserved(application))
        for application in view.applications()
        if any(head.observed is not None for head in application.heads)
    )
    return Decision(writes, lambda _: {"forgotten": len(writes)})


def unobserved(application: Application) -> Application:
    """Return a copy of an application without observed health."""
    return replace(
        application, heads=tuple(replace(head, observed=None) for head in application.heads)
    )


def force_health(view: View, command: ForceHealth, moment: Moment, _random: Random) -> Decision:
    """Force the health of all heads or applications that match, or remove the override.

    Where the override is removed, a different observed health counts as new: an application that
    was forced down becomes up now, not when its heads last came up.
    Raises Rejected `not-found` if the patterns of the command match nothing.
    """
    writes, named = [], list[Json]()
    for application in _applications(view, command):
        after = application
        if command.head is None:
            forced = _forced(application.forced, command, moment.steady)
            after = replace(application, forced=forced)
            if application.forced is not None and forced is None:
                heads = (_counting(h, application.forced, moment.steady) for h in application.heads)
                after = replace(after, heads=tuple(heads))
                if is_unchecked(after):
                    after = replace(after, unchecked_at=moment.steady)
            named.append(application.name)
        for head in _heads(application, command):
            forced = _forced(head.forced, command, moment.steady)
            changed = replace(head, forced=forced)
            if head.forced is not None and forced is None:
                changed = _counting(changed, head.forced, moment.steady)
            after = after.with_head(head, changed)
            named.append(f"{application.name}/{head.name}")
        if after != application:
            writes.append(Write(application, after))
    if not named:
        pattern = command.application + (f"/{command.head}" if command.head is not None else "")
        raise Rejected("not-found", f"nothing matches {pattern!r}")
    forced_to = command.health.value if command.health is not Health.UNKNOWN else None
    return Decision(tuple(writes), lambda _: {"forced": forced_to, "named": [*named]})


def _applications(view: View, command: ForceHealth) -> list[Application]:
    pattern = command.application
    if not _PATTERN & set(pattern):
        return [find_application(view, pattern)]
    return [found for found in view.applications() if fnmatchcase(found.name, pattern)]


def _heads(application: Application, command: ForceHealth) -> tuple[Head, ...]:
    pattern = command.head
    if pattern is None:
        return ()
    if not _PATTERN & set(pattern + command.application):
        return (find_head(application, pattern),)
    return tuple(head for head in application.heads if fnmatchcase(head.name, pattern))


def _forced(before: Forced | None, command: ForceHealth, steady: float) -> Forced | None:
    if command.health is Health.UNKNOWN:
        return None
    if before is not None and before.health is command.health:
        reason = command.reason if command.reason is not None else before.reason
        return replace(before, reason=reason)
    return Forced(command.health, steady, command.reason)


def _counting(head: Head, forced: Forced, steady: float) -> Head:
    """Return the head with its observed health since `steady`, if that differs from `forced`."""
    if head.observed is None or head.observed.health is forced.health:
        return head
    return replace(head, observed=replace(head.observed, since=steady))


DECISIONS = (
    row(ForceHealth, force_health),
    row(LearnHealth, learn_health),
    row(ForgetHealth, forget_health),
)
"""The commands that this module decides on."""
