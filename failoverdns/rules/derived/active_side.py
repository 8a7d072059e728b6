"""The health of a group's sides, its policy, and the side that its hostname answers with.

| all sides are  | `all_down` | the hostname answers                         |
|----------------|------------|----------------------------------------------|
| down           | `stay`     | the active side                              |
| down           | `primary`  | the primary, whichever is active             |
| down           | `backup`   | the backup, whichever is active              |
| down           | `empty`    | nothing: NODATA                              |
| not all down   | any        | the active side                              |

A side without an application is ignored here.
This is about the answer only: the group is not switched, and no certificate is transferred.
With `answer: healthy` web servers that are down are left out, unless all of them are down.
"""

from __future__ import annotations

from failoverdns.model.application import Application
from failoverdns.model.group import Group, Side
from failoverdns.model.health import Health
from failoverdns.model.policy import AllDown, AnswerOf, Mode, Policy, Unchecked
from failoverdns.rules.derived.health import (
    Condition,
    application_condition,
    is_unchecked,
    unchecked_condition,
)
from failoverdns.rules.derived.view import View

NO_POLICY = Policy("")
"""The policy of groups without a configured one: manual."""


def policy_of(view: View, group: Group) -> Policy:
    """Return the policy of a group, `NO_POLICY` if it has none."""
    name = group.automation.policy
    found = view.settings.policy(name) if name is not None else None
    return found if found is not None else NO_POLICY


def side_condition(view: View, group: Group, side: Side) -> Condition:
    """Return the condition of the application on a side; unknown if there is none."""
    id_ = group.application(side)
    application = view.application(id_) if id_ is not None else None
    if application is None:
        return Condition(Health.UNKNOWN, 0.0)
    return application_condition(application)


def counts_as_up(view: View, group: Group) -> Application | None:
    """Return the backup that counts as up although nothing checks it, None if there is none.

    It does so only as the destination of a switch away from the primary, if the policy has
    `unchecked: up`.
    """
    policy = policy_of(view, group)
    if policy.mode is Mode.MANUAL or policy.unchecked is not Unchecked.UP:
        return None
    if group.active is not Side.PRIMARY:
        return None
    backup = view.application(group.backup) if group.backup is not None else None
    if backup is None or not is_unchecked(backup):
        return None
    if application_condition(backup).health is not Health.UNKNOWN:
        return None
    return backup if unchecked_condition(backup).health is Health.UP else None


def answered(view: View, group: Group) -> tuple[Side | None, bool]:
    """Return the side that a group's hostname answers with, and whether only its healthy heads.

    The side is None if the hostname answers NODATA.
    """
    if group.automation.policy is None:
        return group.active, False
    policy = policy_of(view, group)
    side: Side | None = group.active
    if policy.all_down is not AllDown.STAY and _is_all_down(view, group):
        side = _WHEN_ALL_DOWN[policy.all_down]
    return side, policy.answer is AnswerOf.HEALTHY


def _is_all_down(view: View, group: Group) -> bool:
    attached = [side for side in Side if group.application(side) is not None]
    conditions = (side_condition(view, group, side) for side in attached)
    return bool(attached) and all(each.health is Health.DOWN for each in conditions)


_WHEN_ALL_DOWN = {
    AllDown.PRIMARY: Side.PRIMARY,
    AllDown.BACKUP: Side.BACKUP,
    AllDown.EMPTY: None,
}
