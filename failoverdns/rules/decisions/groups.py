"""Decisions on the commands that add, set, rename and remove failover groups.

Every such function takes the state and a command, and returns a Decision or raises Rejected.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from failoverdns.model.application import Application
from failoverdns.model.change import Json, Write
from failoverdns.model.commands.groups import AddGroup, RemoveGroup, RenameGroup, SetGroup
from failoverdns.model.errors import Rejected, RuleFailure
from failoverdns.model.group import (
    APEX_LABEL,
    MAX_TTL,
    Group,
    Side,
    Tombstone,
)
from failoverdns.model.moment import Moment
from failoverdns.model.names import DomainName
from failoverdns.model.policy import NO_AUTOMATION, Automation
from failoverdns.model.rule_names import ACTIVE_SIDE, PreflightRule
from failoverdns.rules.decisions.decision import Decision, row, tried, warned, warned_after
from failoverdns.rules.decisions.emptying import require_target, silenced_by
from failoverdns.rules.decisions.judging_targets import (
    certificate_warnings,
    check_loops,
    group_warnings,
    has_other_policy,
    lost_targets,
)
from failoverdns.rules.decisions.labels import check_label_free, random_label
from failoverdns.rules.decisions.new_names import hidden_by_group
from failoverdns.rules.decisions.safety import counts_on
from failoverdns.rules.decisions.switching import check_override
from failoverdns.rules.derived.apex import named_zones
from failoverdns.rules.derived.entity_lookup import (
    find_application,
    find_group,
    find_zone,
    not_found,
)
from failoverdns.rules.derived.targets import why_empty
from failoverdns.rules.derived.view import View
from failoverdns.rules.reports.reporting import group_report


def add_group(view: View, command: AddGroup, moment: Moment, random: Random) -> Decision:
    """Create a group, without a switch to a side; without a label it gets nine random digits."""
    if view.group_named(command.name) is not None:
        raise Rejected("exists", f"there is a group {command.name!r} already")
    zone = find_zone(view, command.zone)
    label = command.label
    if label is None:
        label = random_label(view, zone, random)
    else:
        check_label_free(view, zone, label)
    primary = find_application(view, command.primary) if command.primary else None
    backup = find_application(view, command.backup) if command.backup else None
    _check_different(primary, backup)
    revision = view.revision + 1
    group = Group(
        id=f"grp-{revision}",
        name=command.name,
        zone=zone.origin,
        label=label,
        primary=primary.id if primary else None,
        backup=backup.id if backup else None,
        active=command.active,
        ttl=zone.ttl if command.ttl is None else _checked_ttl(command.ttl),
        revision=revision,
        flatten=_is_flattened(label, zone.origin, wanted=command.flatten, before=False),
        automation=_with_policy(view, NO_AUTOMATION, command.policy),
    )
    check_loops(view, None, group)
    added = Decision((Write(None, group),), lambda after: group_report(after, group))
    hidden = hidden_by_group(view, zone, label) if command.label is not None else ()
    return warned_after(
        warned(added, hidden),
        lambda after: (*group_warnings(after, group), *certificate_warnings(after, group, moment)),
    )


def set_group(view: View, command: SetGroup, moment: Moment, _random: Random) -> Decision:
    """Attach and detach applications, and set TTL, flattening and policy; None changes nothing."""
    group = find_group(view, command.name)
    check_override(command.override, (ACTIVE_SIDE, PreflightRule.TARGET_EMPTY.value))
    primary = _attached(view, group.primary, command.primary)
    backup = _attached(view, group.backup, command.backup)
    _check_different(primary, backup)
    ttl = group.ttl if command.ttl is None else _checked_ttl(command.ttl)
    after = replace(
        group,
        primary=primary.id if primary else None,
        backup=backup.id if backup else None,
        ttl=ttl,
        flatten=_is_flattened(
            group.label, group.zone, wanted=command.flatten, before=group.flatten
        ),
        automation=_with_policy(view, group.automation, command.policy),
        cached_until=max(group.cached_until, moment.now + group.ttl)
        if ttl != group.ttl
        else group.cached_until,
    )
    overridden: list[Json] = []
    detached = group.application(group.active)
    if detached is not None and after.application(group.active) != detached:
        if ACTIVE_SIDE not in command.override:
            raise _active_side_refusal(group)
        overridden.append(ACTIVE_SIDE)
    silenced = silenced_by(view, group, after)
    why, remedy = why_empty(view, after, after.active)
    what = f"the application for the {after.active.value} {why}"
    require_target(silenced, command.override, what, remedy)
    if silenced.silent:
        overridden.append(PreflightRule.TARGET_EMPTY.value)
    check_loops(view, group, after)
    written = _written(view, group, after)
    if has_other_policy(group, after):
        written = warned_after(
            written, lambda changed: certificate_warnings(changed, after, moment)
        )
    return tried(
        replace(
            written, report=lambda changed: {**written.report(changed), "overridden": overridden}
        ),
        dry_run=command.dry_run,
    )


def rename_group(view: View, command: RenameGroup, _moment: Moment, _random: Random) -> Decision:
    """Rename a group; its hostname stays the same."""
    group = find_group(view, command.old)
    if command.new != group.name and view.group_named(command.new) is not None:
        raise Rejected("exists", f"there is a group {command.new!r} already")
    named = _why_named(view, group)
    if command.new != group.name and named is not None:
        raise Rejected("in-use", named)
    return _written(view, group, replace(group, name=command.new))


def remove_group(view: View, command: RemoveGroup, _moment: Moment, _random: Random) -> Decision:
    """Remove a group without applications; its label is never used again.

    The origin of a zone stays in use whether it has a group or not, so it is not retired.
    """
    group = find_group(view, command.name)
    in_use = (_why_named(view, group), _why_aliased(view, group), _why_attached(group))
    if reasons := [text for text in in_use if text is not None]:
        raise Rejected("in-use", "; and ".join(reasons))
    hostname = group.hostname.to_text()
    if group.is_apex:
        return Decision(
            (Write(group, None),),
            lambda _: {"removed": group.name, "hostname": hostname, "retired": None},
        )
    tombstone = Tombstone(group.zone, group.label, group.name)
    removed = Decision(
        (Write(group, None), Write(None, tombstone)),
        lambda _: {"removed": group.name, "retired": hostname},
    )
    return warned(removed, lost_targets(view, group))


def _written(view: View, before: Group, after: Group) -> Decision:
    if after == before:
        return Decision((), lambda unchanged: group_report(unchanged, before))
    group = replace(after, revision=view.revision + 1)
    written = Decision((Write(before, group),), lambda changed: group_report(changed, group))
    known = set(group_warnings(view, before))
    return warned_after(
        written,
        lambda changed: [text for text in group_warnings(changed, group) if text not in known],
    )


def _with_policy(view: View, automation: Automation, wanted: str | None) -> Automation:
    """Return `automation` with the policy `wanted`: None changes nothing, "" removes the policy."""
    if wanted is None:
        return automation
    if wanted and view.settings.policy(wanted) is None:
        raise not_found("policy", wanted, (policy.name for policy in view.settings.policies))
    return replace(automation, policy=wanted or None, held=None)


def _why_attached(group: Group) -> str | None:
    """Return how the applications of a group are detached, or None without any."""
    if not group.applications:
        return None
    options = [f'--{side.value} ""' for side in Side if group.application(side) is not None]
    if group.application(group.active) is not None:
        options.append(f"--override {ACTIVE_SIDE}")
    return (
        f"group {group.name!r} still has applications: detach them first with "
        f"`group set {group.name} {' '.join(options)}`"
    )


def _why_named(view: View, group: Group) -> str | None:
    """Return which safety rules refer to the group by its name, or None."""
    naming = [rule.name for rule in view.settings.safety_rules if counts_on(rule, group)]
    if not naming:
        return None
    return (
        f"the configuration names group {group.name!r} in the safety rule(s) "
        f"{', '.join(naming)}: change these first"
    )


def _why_aliased(view: View, group: Group) -> str | None:
    """Return which zones have the group's hostname as their alias, or None."""
    origins = view.aliases.get(group.hostname, ())
    if not origins:
        return None
    return (
        f"{group.hostname} is the alias of the zone(s) {named_zones(origins)}, where the apex "
        "would have no address: change the configuration first"
    )


def _active_side_refusal(group: Group) -> Rejected:
    text = (
        f"the {group.active.value} of group {group.name!r} is its active side: "
        f"switch to the other side first, or add --override {ACTIVE_SIDE}"
    )
    return Rejected("refused", text, (RuleFailure(ACTIVE_SIDE, text, group.name),))


def _attached(view: View, current: str | None, wanted: str | None) -> Application | None:
    """Return the application of a side after `wanted`: None changes nothing, "" detaches it."""
    if wanted is None:
        return view.application(current) if current is not None else None
    return find_application(view, wanted) if wanted else None


def _check_different(primary: Application | None, backup: Application | None) -> None:
    if primary is not None and primary == backup:
        raise Rejected(
            "invalid", f"primary and backup are both {primary.name!r}: they must be different"
        )


def _is_flattened(label: str, origin: DomainName, *, wanted: bool | None, before: bool) -> bool:
    """Return whether a group is flattened; None changes nothing, and at the apex it always is."""
    if label != APEX_LABEL:
        return before if wanted is None else wanted
    if wanted is False:
        raise Rejected(
            "invalid",
            f"{origin} is the apex of its zone, where no CNAME record is allowed (RFC 1034 section "
            "3.6.2): a group there always answers addresses; leave --no-flatten out",
        )
    return True


def _checked_ttl(ttl: int) -> int:
    if not 0 <= ttl <= MAX_TTL:
        raise Rejected("invalid", f"ttl {ttl}: must be from 0 to {MAX_TTL} seconds")
    return ttl


DECISIONS = (
    row(AddGroup, add_group),
    row(SetGroup, set_group),
    row(RenameGroup, rename_group),
    row(RemoveGroup, remove_group),
)
"""The commands that this module decides on."""
