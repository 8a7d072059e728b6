"""Explanations for `explain`: what a group answers and why, what would switch it, what prevents it.

An explanation is a list of sentences, with the facts behind them for programs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from failoverdns.model.application import Application, target_texts
from failoverdns.model.change import Json
from failoverdns.model.errors import RuleFailure
from failoverdns.model.group import Group, Side
from failoverdns.model.health import Health
from failoverdns.model.moment import Moment
from failoverdns.model.policy import Mode
from failoverdns.model.rule_names import FLAP_GUARD
from failoverdns.model.store_condition import Outage
from failoverdns.model.timestamps import duration, timestamp
from failoverdns.rules.decisions.automation import Outlook, outlook
from failoverdns.rules.decisions.switching import plan
from failoverdns.rules.derived.active_side import answered, counts_as_up, side_condition
from failoverdns.rules.derived.apex import named_zones
from failoverdns.rules.derived.flags import automation_flag
from failoverdns.rules.derived.health import NO_WEB_HEAD, observed_of, why_down
from failoverdns.rules.derived.obstacles import guarded_until, obstacles, report_of
from failoverdns.rules.derived.targets import answer_of, application_on, dark_apexes, target_of
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.web_heads import web_heads
from failoverdns.rules.reports.health_reports import group_automation


def explanation(
    view: View,
    group: Group,
    moment: Moment,
    probes: Callable[[Application], list[Json]],
    outage: Outage | None = None,
    *,
    unrecorded: float | None = None,
    is_full: bool = False,
) -> dict[str, Json]:
    """Return the explanation of a group, as the reply to `explain`.

    `probes` returns the last results of the probes of an application.  `outage` is set while the
    state cannot be written, and `is_full` if no more automatic switches are made meanwhile.
    `unrecorded` is the time (seconds since 1970) of the first automatic step about the group that
    is not recorded.
    """
    look = outlook(view, group, moment)
    failures = _failures(view, group, look, moment)
    seen: dict[str, Json] = {}
    for side in Side:
        application = application_on(view, group, side)
        if application is not None:
            seen[side.value] = probes(application)
    rules: list[Json] = [{"rule": f.rule, "message": f.message} for f in failures]
    verdict = look.verdict
    earliest = (
        verdict.at + moment.now - moment.steady
        if verdict is not None and verdict.to is not None
        else None
    )
    return {
        "group": group.name,
        "hostname": group.hostname.to_text(),
        "active": group.active.value,
        "answers": list[Json](target_texts(answer_of(view, group))),
        "sentences": [
            *_answer_sentences(view, group),
            *_apex_sentences(view, group),
            *_health_sentences(view, group, moment.steady, probes),
            *_automation_sentences(view, group, look, moment),
            *_obstacle_sentences(view, group),
            *_plan_sentences(group),
            *_rule_sentences(group, look, failures, outage, is_full=is_full),
            *_unrecorded_sentences(unrecorded),
        ],
        "automation": group_automation(view, group),
        "switches_at": timestamp(max(earliest, moment.now)) if earliest is not None else None,
        "rules": rules,
        "probes": seen,
    }


def _failures(view: View, group: Group, look: Outlook, moment: Moment) -> tuple[RuleFailure, ...]:
    """Return the failed rules of the automatic switch that the policy wants, or of a manual one."""
    verdict = look.verdict
    wanted = verdict.to if verdict is not None else None
    (proposal,) = plan(view, [group], wanted, moment, automatic=wanted is not None)
    return proposal.failures


def _answer_sentences(view: View, group: Group) -> Iterator[Json]:
    side, healthy = answered(view, group)
    targets = ", ".join(target_texts(answer_of(view, group)))
    active = group.active.value
    if side is None:
        why = "both sides are down, and all_down is empty"
        yield f"{group.hostname} answers nothing (NODATA): {why}."
        return
    application = application_on(view, group, side)
    if application is None:
        why = f"the {side.value} side has no application"
        yield f"{group.hostname} answers nothing (NODATA): {why}."
        return
    where = f"application {application.name}"
    if side is group.active:
        is_there = "is on it" if web_heads(application) else "on it has no web head"
        why = f"the {active} side is active, and {where} {is_there}"
    else:
        why = f"both sides are down, and all_down is {side.value}: {where}; {active} stays active"
    yield f"{group.hostname} answers {targets or 'nothing (NODATA)'}: {why}."
    if healthy and targets != ", ".join(target_texts(target_of(view, group, side))):
        yield "Web servers that are down are left out of the answer."


def _apex_sentences(view: View, group: Group) -> Iterator[Json]:
    """Yield which zones answer as the group does, and why an apex has no address."""
    origins = view.aliases.get(group.hostname, ())
    if origins:
        yield f"{group.hostname} is the alias of the zone(s) {named_zones(origins)}."
    yield from (f"{text}." for text in dark_apexes(view, group))


def _health_sentences(
    view: View, group: Group, steady: float, probes: Callable[[Application], list[Json]]
) -> Iterator[Json]:
    for side in Side:
        application = application_on(view, group, side)
        if application is None:
            yield f"The {side.value} side has no application."
            continue
        condition, observed = side_condition(view, group, side), observed_of(application).health
        what = f"The {side.value}, {application.name}, is {condition.health.value}"
        if side is Side.BACKUP and application == counts_as_up(view, group):
            yield f"The backup, {application.name}, counts as up: {_UNCHECKED}."
            continue
        if condition.health is Health.UNKNOWN:
            yield f"{what}: {_why_unknown(application, probes(application))}."
            continue
        for_ = duration(steady - condition.since)
        what = f"The {side.value}, {application.name}, has been {condition.health.value} for {for_}"
        if application.forced is not None:
            reason = f" ({application.forced.reason})" if application.forced.reason else ""
            yield f"{what}, because it is forced{reason}; its observed health is {observed.value}."
        elif condition.health is Health.DOWN:
            yield f"{what}: {why_down(application)}."
        else:
            yield f"{what}."


_UNCHECKED = "nothing checks it, and its policy says unchecked: up"


def _why_unknown(application: Application, probes: list[Json]) -> str:
    if not web_heads(application):
        return NO_WEB_HEAD
    if not application.checks:
        return "it has no checks"
    needed, there = application.require_heads, len(web_heads(application))
    if isinstance(needed, int) and needed > there:
        return f"{needed} web heads must be up, and it has {there}"
    lacking = [p["detail"] for p in probes if isinstance(p, dict) and p.get("result") == "unknown"]
    if lacking:
        return f"it cannot be probed from here, {lacking[0]}"
    return "its checks do not have enough results yet"


def _automation_sentences(
    view: View, group: Group, look: Outlook, moment: Moment
) -> Iterator[Json]:
    name = group.automation.policy
    if look.policy.mode is Mode.MANUAL:
        policy = f"its policy, {name}, is manual" if name is not None else "it has no policy"
        yield f"It switches only on command: {policy}."
        return
    maintenance = group.automation.maintenance
    if maintenance is not None:
        reason = f" ({maintenance.reason})" if maintenance.reason else ""
        yield f"Maintenance mode is on{reason}: automation leaves the group alone."
        return
    flag = automation_flag(view)
    if not flag.on:
        reason = f" ({flag.reason})" if flag.reason else ""
        yield f"Automation is frozen{reason}: no group switches automatically."
    verdict = look.verdict
    assert verdict is not None
    if verdict.to is None:
        yield f"Its policy, {name}, keeps it where it is: {verdict.why}."
        if group.active is Side.BACKUP or not obstacles(view, group):
            yield _what_would(group, look)
        yield from _guard_sentences(look, moment)
        return
    what = f"Its policy, {name}, calls for a switch to the {verdict.to.value}: {verdict.why}"
    if verdict.at <= moment.steady:
        yield f"{what}; the switch is due."
    elif verdict.waits_for == FLAP_GUARD:
        yield (
            f"{what}; but it switched automatically {look.policy.max_switches} times within "
            f"{duration(look.policy.window)}, so it stays where it is ({FLAP_GUARD}) for "
            f"{duration(verdict.at - moment.steady)}."
        )
    else:
        at = timestamp(moment.now + verdict.at - moment.steady)
        left = duration(verdict.at - moment.steady)
        yield f"{what}; at the earliest in {left}, at {at} ({verdict.waits_for})."


def _guard_sentences(look: Outlook, moment: Moment) -> Iterator[Json]:
    """Yield that the flap guard is used up, although the policy does not want a switch now."""
    policy, times = look.policy, look.situation.automatic
    until = guarded_until(policy, times, policy.max_switches)
    if until > moment.steady:
        yield (
            f"Its flap guard is used up: it switched automatically {policy.max_switches} times "
            f"within {duration(policy.window)}, so it does not switch by itself for "
            f"{duration(until - moment.steady)}, whatever happens."
        )


def _obstacle_sentences(view: View, group: Group) -> Iterator[Json]:
    for text in report_of(view, group):
        yield f"{text[0].upper()}{text[1:]}."


def _what_would(group: Group, look: Outlook) -> str:
    policy = look.policy
    if group.active is Side.PRIMARY:
        when = f"when the primary has been down for {duration(policy.grace)} and the backup is up"
        return f"It switches to the backup {when}."
    if policy.fail_back is Mode.MANUAL:
        return "It fails back only on command: fail_back is manual."
    if look.situation.by_hand:
        return "It fails back only on command, because an operator moved it here."
    return f"It fails back when the primary has been up for {duration(policy.hold)}."


def _plan_sentences(group: Group) -> Iterator[Json]:
    planned = group.automation.plan
    if planned is not None:
        lowered = planned.lowered_at is not None
        ttl = (
            f"the TTL is {group.served_ttl} s until then"
            if lowered
            else f"the TTL is {group.ttl} s"
        )
        yield f"A switch to the {planned.to} is planned for {timestamp(planned.at)}; {ttl}."


def _unrecorded_sentences(since: float | None) -> Iterator[Json]:
    if since is not None:
        yield f"What automation did here since {timestamp(since)} is not recorded yet."


def _rule_sentences(
    group: Group,
    look: Outlook,
    failures: tuple[RuleFailure, ...],
    outage: Outage | None,
    *,
    is_full: bool,
) -> Iterator[Json]:
    verdict = look.verdict
    wanted = verdict.to if verdict is not None else None
    to = (wanted or group.active.other).value
    what = "An automatic switch" if wanted is not None else "A manual switch"
    if outage is not None:
        yield (
            f"The state cannot be written since {timestamp(outage.since)}: {outage.reason}. "
            "A switch by hand is refused until it can be."
        )
        if is_full:
            yield "Too many automatic steps are not recorded: no group switches automatically."
        elif look.verdict is not None:
            yield "An automatic switch is made all the same, and recorded later."
    elif not failures:
        yield f"No rule prevents a switch to the {to}."
    for failure in failures:
        yield f"{what} to the {to} would be refused by {failure.rule}: {failure.message}."
