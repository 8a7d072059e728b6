"""An update in Cloud 66's shape as commands: attach, switch, detach, in the order that works.

One `PUT` of theirs may attach applications and switch, which are two commands here:

| the update                                  | commands                                       |
|---------------------------------------------|------------------------------------------------|
| attaches or detaches only                   | `group set`                                    |
| switches only                               | `switch`                                       |
| switches, and changes the side switched to  | `group set` of that side, `switch`             |
| switches, and changes the side left behind  | `switch`, `group set` of that side             |
| switches, and changes both                  | all three                                      |

So the new application is there before clients are led to it, and the old one until they have left.
Before the first of several commands, all that can be judged beforehand is: a dry run of the final
attachments.  If the switch is refused, the first command is undone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from failoverdns.control.language.values import SIDES
from failoverdns.model.change import Json
from failoverdns.model.errors import Rejected
from failoverdns.model.rule_names import ACTIVE_SIDE, PreflightRule

Command = dict[str, Json]

SET_RULES: Final = (ACTIVE_SIDE, PreflightRule.TARGET_EMPTY.value)
"""The rules of `group set`; all others are those of `switch`."""


@dataclass(frozen=True, slots=True)
class Update:
    """The commands of an update, in this order; None for one that it does not need.

    `trial` is a dry run of the final attachments.  `undo` takes `before` back.
    """

    trial: Command | None = None
    before: Command | None = None
    switch: Command | None = None
    after: Command | None = None
    undo: Command | None = None


def plan_update(
    group: Mapping[str, Any],
    attach: Mapping[str, str],
    to: str | None,
    override: tuple[str, ...] = (),
    reason: str | None = None,
) -> Update:
    """Return the commands that lead from a group as it is reported to what is wanted.

    `attach` has the name of an application, or an empty text, by our side; what is left out stays.
    `to` is the side to be active, None for no change.  Raises Rejected `invalid` for a switch to a
    side that would be empty.
    """
    present = {side: (group.get(side) or {}).get("application", "") for side in SIDES}
    final = {**present, **attach}
    changes = {side: name for side, name in final.items() if name != present[side]}
    given: Command = {"reason": reason} if reason is not None else {}
    if to is None or to == group["active"]:
        if not changes:
            return Update()
        rules = list(override)
        if not any(final.values()) and ACTIVE_SIDE not in rules:
            rules.append(ACTIVE_SIDE)  # the group is taken out of service, with both hands
        return Update(after=_set(group, changes, rules, given))
    if attach.get(to) == "":
        theirs = "secondary" if to == "backup" else to
        text = f"current_stack is {theirs}, and {theirs}_stack_uid is empty, which detaches it"
        raise Rejected("invalid", f"{text}: there would be nothing to switch to")
    of_set = [rule for rule in override if rule in SET_RULES]
    of_switch = [rule for rule in override if rule != ACTIVE_SIDE]
    switch: Command = {
        "command": "switch",
        "groups": [group["name"]],
        "to": to,
        "if_revision": group["revision"],
        **_overriding(of_switch),
        **given,
    }
    before = {side: name for side, name in changes.items() if side == to}
    after = {side: name for side, name in changes.items() if side != to}
    return Update(
        trial={**_set(group, changes, SET_RULES, given), "dry_run": True} if changes else None,
        before=_set(group, before, of_set, given) if before else None,
        switch=switch,
        after=_set(group, after, of_set, given) if after else None,
        undo=_set(group, {side: present[side] for side in before}, of_set, {}) if before else None,
    )


def _set(
    group: Mapping[str, Any],
    changes: Mapping[str, str],
    override: list[str] | tuple[str, ...],
    given: Mapping[str, Json],
) -> Command:
    return {
        "command": "group set",
        "name": group["name"],
        **changes,
        **_overriding(override),
        **given,
    }


def _overriding(rules: list[str] | tuple[str, ...]) -> Command:
    return {"override": [*rules]} if rules else {}
