"""Targets and policies that cannot work: some are refused, the others are reported as warnings.

Commands on applications and on groups ask the same questions: whether a hostname can be the name of
a host, whether it leads back to a group that answers with it, whether it leads to nothing here, and
whether the policies of groups can still act (`rules.derived.trails` and `obstacles`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from failoverdns.model.application import Application, Nothing
from failoverdns.model.errors import Rejected
from failoverdns.model.group import Group, Side, group_names
from failoverdns.model.moment import Moment
from failoverdns.model.policy import Mode
from failoverdns.model.rule_names import PreflightRule
from failoverdns.rules.decisions.switching import plan
from failoverdns.rules.derived.active_side import policy_of
from failoverdns.rules.derived.obstacles import sentences
from failoverdns.rules.derived.targets import application_on, dark_apexes, target_of, why_empty
from failoverdns.rules.derived.trails import application_loop, dead_end, group_loop
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.web_heads import (
    check_hostname,
    hostname,
    hostname_text,
    pointed_at,
)

_MOST_FOLLOWING = 200
"""Groups whose policies are looked at for warnings: thousands may follow one application."""


def check_new_hostnames(view: View, before: Application | None, after: Application) -> None:
    """Raise Rejected `invalid` for a hostname that no host can have, or that leads in a loop.

    Hostnames that stay are not judged: earlier versions took any name.  But one that becomes the
    target of the application must not lead back to a group that follows the application.
    """
    known = _hostnames(before) if before is not None else set()
    for text in sorted(_hostnames(after) - known):
        check_hostname(text)
    named = {hostname(after, head): None for head in after.heads if not head.addresses}
    if before is not None:
        stay = {hostname(before, head) for head in before.heads if not head.addresses}
        stay -= {pointed_at(after)} - {pointed_at(before)}
        named = {name: None for name in named if name not in stay}
    for name in named:
        if (loop := application_loop(view, after, name)) is not None:
            raise Rejected("invalid", f"{loop}; give addresses, or a hostname elsewhere")


def check_loops(view: View, before: Group | None, after: Group) -> None:
    """Raise Rejected `invalid` if a target that a group gets leads back to the group itself."""
    for side in Side:
        if before is None or after.application(side) != before.application(side):
            loop = group_loop(view, after, side)
            if loop is not None:
                raise Rejected("invalid", f"{loop}; attach another application there")


def application_warnings(view: View, application: Application) -> list[str]:
    """Return what keeps the policies of groups from acting, and whether the target is dead here."""
    groups = list(islice(view.following(application.id), _MOST_FOLLOWING))
    dead = dead_end(view, application)
    dark = (text for group in groups for text in _unresolved(view, group))
    return [*sentences(view, groups), *([dead] if dead is not None else ()), *dark]


def group_warnings(view: View, group: Group) -> list[str]:
    """Return what keeps a group's policy from acting, and which of its targets are dead here."""
    found = [view.application(id_) for id_ in group.applications]
    dead = (dead_end(view, application) for application in found if application is not None)
    said = (text for text in dead if text is not None)
    return [*sentences(view, [group]), *said, *_unresolved(view, group)]


def _unresolved(view: View, group: Group) -> Iterator[str]:
    """Yield which sides of a group have no address at an apex, although they lead to a hostname."""
    yield from dark_apexes(view, group)
    side = group.active.other
    application = application_on(view, group, side)
    leads = application is not None and pointed_at(application) is not None
    if group.is_apex and leads and isinstance(target_of(view, group, side), Nothing):
        why, remedy = why_empty(view, group, side)
        yield f"the {side.value} of group {group.name!r} {why}; {remedy}"


def lost_targets(view: View, group: Group) -> Iterator[str]:
    """Yield which applications have a name of a group, which is removed, as their target."""
    for name in group_names(group.hostname):
        for id_ in view.pointing(name):
            application = view.application(id_)
            if application is not None:
                yield f"{name}, the target of {application.name}, does not exist any more"


def has_other_policy(before: Group, after: Group) -> bool:
    """Return whether a group got another policy, or other applications."""
    return (before.automation.policy, before.applications) != (
        after.automation.policy,
        after.applications,
    )


def certificate_warnings(view: View, group: Group, moment: Moment) -> list[str]:
    """Return which expired certificate keeps an automatic policy from switching a group."""
    if policy_of(view, group).mode is Mode.MANUAL:
        return []
    (proposal,) = plan(view, [group], None, moment, automatic=True)
    about = PreflightRule.CERTIFICATE_EXPIRED
    what = f"policy {group.automation.policy} cannot switch {group.name}"
    return [f"{what}: {f.rule}: {f.message}" for f in proposal.failures if f.rule == about]


def _hostnames(application: Application) -> set[str]:
    return {hostname_text(application, head) for head in application.heads if not head.addresses}
