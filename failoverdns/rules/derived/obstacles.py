"""Why an automatic policy can never switch a group to its backup, or switches at the wrong time.

| obstacle                                               | what never happens                      |
|--------------------------------------------------------|-----------------------------------------|
| no primary, or no backup                               | any switch                              |
| nothing checks the primary, or it is forced up         | it is never seen down (unless forced)   |
| the backup has no web head, or is forced down          | it is never up                          |
| nothing checks the backup, and `unchecked: unknown`    | it is never up                          |
| more heads or checks must be up than there are         | that side is never up                   |
| a safety rule that cannot pass                         | the switch is always refused            |
| certificates of both sides, for different names        | the same, by `certificate-names`        |

These last until somebody changes the configuration, the applications or the group, unlike what the
policy waits for.  Nobody notices them while all is well, so they are reported when a policy is
put on and wherever a group is reported.  `cautions` are settings with which a policy acts, but not
well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from failoverdns.model.application import Application, Nothing
from failoverdns.model.group import Group, Side
from failoverdns.model.health import Health, Quorum
from failoverdns.model.policy import (
    HASTY,
    Assertion,
    Gate,
    Mode,
    Policy,
    Unchecked,
    is_about,
    is_hasty,
)
from failoverdns.model.rule_names import PreflightRule
from failoverdns.rules.derived.active_side import policy_of
from failoverdns.rules.derived.health import NO_WEB_HEAD
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.web_heads import web_head, web_heads

MOST_NAMED = 10
"""Groups that one sentence names, at most."""


def obstacles(view: View, group: Group) -> tuple[str, ...]:
    """Return what keeps the policy of a group from ever switching it to its backup, in words.

    Nothing for a group without an automatic policy: it is not meant to switch by itself.
    """
    policy = policy_of(view, group)
    if policy.mode is Mode.MANUAL:
        return ()
    return (
        *_of_sides(view, group, policy),
        *_of_safety_rules(view, group),
    )


def cautions(view: View, group: Group) -> tuple[str, ...]:
    """Return in words what makes the automatic policy of a group switch in vain, or too early."""
    policy = policy_of(view, group)
    if policy.mode is Mode.MANUAL:
        return ()
    found = [view.application(id_) for id_ in group.applications]
    names = {name: None for each in found if each is not None for name in each.checks}
    checks = (view.settings.check(name) for name in names)
    texts = [
        f"its grace, {policy.grace:g} s, is not above the interval of check {check.name}, "
        f"{check.interval:g} s: {HASTY}"
        for check in checks
        if check is not None and is_hasty(policy, check)
    ]
    targets = [web_head(each) for each in found if each is not None]
    if len(targets) == 2 and targets[0] == targets[1] and not isinstance(targets[0], Nothing):
        texts.append("its primary and its backup have the same targets: a switch changes no answer")
    return tuple(texts)


def guarded_until(policy: Policy, automatic: tuple[float, ...], most: int) -> float:
    """Return until when the flap guard holds a group that may switch `most` times; 0 without any.

    `automatic` are the steady times of its automatic switches, oldest first.
    """
    return automatic[-most] + policy.window if len(automatic) >= most else 0.0


def report_of(view: View, group: Group) -> tuple[str, ...]:
    """Return the obstacles and cautions of a group as sentences without a full stop."""
    name = group.automation.policy
    never = f"its policy, {name}, can never switch it to the backup"
    return (*(f"{never}: {text}" for text in obstacles(view, group)), *cautions(view, group))


def sentences(view: View, groups: Iterable[Group]) -> list[str]:
    """Return each obstacle and caution once, with the policy and the groups that it is about."""
    found: dict[tuple[str, str], list[str]] = {}
    alike: dict[tuple[str | None, ...], list[tuple[str, str]]] = {}  # a million groups may be alike
    has_rules = bool(view.settings.safety_rules)
    for group in groups:
        policy = group.automation.policy
        if policy is None:
            continue
        kind = (policy, group.primary, group.backup, group.name if has_rules else None)
        if (said := alike.get(kind)) is None:
            said = alike[kind] = [
                *(
                    (f"policy {policy} can never switch", f" to the backup: {text}")
                    for text in obstacles(view, group)
                ),
                *((f"policy {policy} of", f": {text}") for text in cautions(view, group)),
            ]
        for each in said:
            found.setdefault(each, []).append(group.name)
    return [f"{what} {named(names)}{text}" for (what, text), names in found.items()]


def unchecked_backups(view: View, groups: Iterable[Group]) -> list[str]:
    """Return the names of the groups whose backup counts as up because nothing checks it."""
    alike: dict[tuple[str | None, str | None], bool] = {}
    found = []
    for group in groups:
        kind = group.automation.policy, group.backup
        if (is_one := alike.get(kind)) is None:
            is_one = alike[kind] = _has_unchecked_backup(view, group)
        if is_one:
            found.append(group.name)
    return found


def named(names: list[str]) -> str:
    """Return names as a list in words, shortened if there are many."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _has_unchecked_backup(view: View, group: Group) -> bool:
    policy = policy_of(view, group)
    if policy.mode is Mode.MANUAL or policy.unchecked is not Unchecked.UP or group.backup is None:
        return False
    backup = view.application(group.backup)
    return backup is not None and not backup.checks and bool(web_heads(backup))


def _of_sides(view: View, group: Group, policy: Policy) -> Iterator[str]:
    primary, backup = (
        view.application(id_) if id_ is not None else None for id_ in (group.primary, group.backup)
    )
    if primary is None:
        yield "it has no primary application: attach one with `group set`"
    else:
        yield from _of_primary(primary)
    if backup is None:
        yield "it has no backup application: attach one with `group set`"
    else:
        yield from _of_backup(backup, policy)
    if primary is not None and backup is not None:
        yield from _of_certificates(view, primary, backup)


def _of_primary(primary: Application) -> Iterator[str]:
    what = f"its primary, {primary.name},"
    if primary.forced is not None and primary.forced.health is Health.UP:
        yield f"{what} is forced up, so it is never seen down"
    is_down = primary.forced is not None and primary.forced.health is Health.DOWN
    if not primary.checks and not is_down:
        yield (
            f"nothing checks {what} so it is never seen down: "
            f"`application set {primary.name} --check CHECK`"
        )
    yield from _out_of_reach(primary, what)


def _of_backup(backup: Application, policy: Policy) -> Iterator[str]:
    what = f"its backup, {backup.name},"
    if backup.forced is not None and backup.forced.health is Health.DOWN:
        yield f"{what} is forced down"
    if not web_heads(backup):
        yield f"{what} is never up: {NO_WEB_HEAD}"
        return
    if not backup.checks and backup.forced is None and policy.unchecked is Unchecked.UNKNOWN:
        yield (
            f"nothing checks {what} and the policy says unchecked: unknown, so it is never up: "
            f"`application set {backup.name} --check CHECK`"
        )
    yield from _out_of_reach(backup, what)


def _of_certificates(view: View, primary: Application, backup: Application) -> Iterator[str]:
    here, there = view.certificate(primary.id), view.certificate(backup.id)
    if here is not None and there is not None and here.facts.names != there.facts.names:
        yield (
            f"the certificates of {primary.name} and {backup.name} have different names: install "
            f"one for the same names, or `certificate remove {backup.name}`, and the other one is "
            f"transferred ({PreflightRule.CERTIFICATE_NAMES})"
        )


def _out_of_reach(application: Application, what: str) -> Iterator[str]:
    """Yield the thresholds of an application that it cannot reach."""
    heads = web_heads(application)
    if heads and _is_above(application.require_heads, len(heads)):
        yield (
            f"{what} is never up: {application.require_heads} web heads must be up, "
            f"and it has {len(heads)} (--require-heads)"
        )
    checks = application.checks
    if checks and _is_above(application.require_checks, len(checks)):
        yield (
            f"{what} is never up: {application.require_checks} checks of a head must be up, "
            f"and it has {len(checks)} (--require-checks)"
        )


def _is_above(quorum: Quorum, parts: int) -> bool:
    return isinstance(quorum, int) and quorum > parts


def _of_safety_rules(view: View, group: Group) -> Iterator[str]:
    for rule in view.settings.safety_rules:
        if not is_about(rule, group.name):
            continue
        if isinstance(rule, Gate) and rule.group is not None and rule.group != group.name:
            if view.group_named(rule.group) is None:
                yield f"the gate {rule.name} never opens: there is no group {rule.group}"
        elif isinstance(rule, Assertion):
            others = [n for n in rule.groups if n != group.name and view.group_named(n) is not None]
            if len(others) < rule.at_least:
                yield (
                    f"the safety rule {rule.name} never lets it go to its {Side.BACKUP.value}: "
                    f"{rule.at_least} of {', '.join(rule.groups)} must stay on their primary, "
                    f"and {len(others)} of them could"
                )
