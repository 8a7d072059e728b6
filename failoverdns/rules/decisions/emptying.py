"""The rule `target-empty` for changes other than a switch: what would be left without a target.

| the change                                           | the rule fails if                   |
|------------------------------------------------------|-------------------------------------|
| an application loses its last web head               | any group follows the application   |
| its target becomes a hostname without addresses      | it answers at the apex of a zone    |
| the active side of a group gets another application  | the group answers now, and then not |

At an apex, where no CNAME is allowed, a hostname is answered only when it is resolved; heads on
standby are resolved, too, so one can be activated without a gap.  A standby load balancer is not a
web head, so it keeps no answer alive.  Detaching the active application has a rule of its own,
`active-side`, and an application can only be removed when no group follows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from failoverdns.model.application import Addresses, Application, Hostname, Nothing, Target
from failoverdns.model.change import Json
from failoverdns.model.errors import Rejected, RuleFailure
from failoverdns.model.group import Group, Side
from failoverdns.model.rule_names import PreflightRule
from failoverdns.rules.derived.active_side import answered
from failoverdns.rules.derived.apex import is_answered_here
from failoverdns.rules.derived.resolving import flattened
from failoverdns.rules.derived.targets import answer_of, target_of_application, unresolved
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.web_heads import pointed_at, web_heads

MOST_NAMED = 20
"""Groups that a reply names, at most: thousands may follow one application."""


@dataclass(frozen=True, slots=True)
class Emptied:
    """The groups that a change leaves without a target.

    `silent` are those whose hostname answers nothing then; `sides` are other groups, each with the
    side that resolves to nothing then.
    """

    silent: tuple[Group, ...] = ()
    sides: tuple[tuple[Group, Side], ...] = ()

    def failures(self) -> tuple[RuleFailure, ...]:
        """Return the failures of `target-empty`, at most `MOST_NAMED` of each kind."""
        found = [(group, f"group {group.name!r} would answer nothing") for group in self.silent]
        found = found[:MOST_NAMED]
        for group, side in self.sides[:MOST_NAMED]:
            found.append((group, f"the {side.value} of group {group.name!r} would be empty"))
        return tuple(
            RuleFailure(PreflightRule.TARGET_EMPTY, text, group.name) for group, text in found
        )

    def in_words(self, verb: str) -> str:
        """Return who answers nothing, and whose side is empty, with `verb` such as `would`."""
        parts = []
        if self.silent:
            parts.append(f"{_names(self.silent)} {verb} answer nothing (NODATA)")
        for side in Side:
            groups = [group for group, its in self.sides if its is side]
            if groups:
                parts.append(f"the {side.value} of {_names(groups)} {verb} be empty")
        return ", and ".join(parts)

    def report(self) -> dict[str, Json]:
        """Return the fields of a reply that name the groups that answer nothing."""
        return {
            "answering_nothing": [group.name for group in self.silent[:MOST_NAMED]],
            "overridden": [PreflightRule.TARGET_EMPTY.value] if self.silent or self.sides else [],
        }


def emptied_by(view: View, before: Application, after: Application) -> Emptied:
    """Return the groups that are left without a target if an application changes; `view` is before.

    Nothing is found unless the application loses its last web head.
    """
    if not web_heads(before) or web_heads(after):
        return Emptied()
    silent, sides = [], []
    for group in view.following(before.id):
        side = _side_of(group, before)
        if answered(view, group)[0] is side:
            silent.append(group)
        else:
            sides.append((group, side))
    return Emptied(tuple(silent), tuple(sides))


def check_apexes(view: View, before: Application, after: Application) -> None:
    """Raise Rejected `refused` if a change of an application takes the addresses from an apex.

    `view` is the state before the change.
    """
    require_target(darkened_by(view, before, after), (), *why_dark(view, after), can_force=False)


def darkened_by(view: View, before: Application, after: Application) -> Emptied:
    """Return the groups with the label `@` that answer addresses, and after a change a hostname.

    `view` is the state before the change.
    """
    target = pointed_at(after)
    if target in (None, pointed_at(before)):
        return Emptied()
    return Emptied(
        tuple(
            group
            for group in view.following(before.id)
            if group.is_apex
            and answered(view, group)[0] is _side_of(group, before)
            and isinstance(_flattened(view, group, before), Addresses)
            and isinstance(_flattened(view, group, after), Hostname)
        )
    )


def silenced_by(view: View, before: Group, after: Group) -> Emptied:
    """Return the group if its change leaves it without an answer, although it has an application.

    `view` is the state before the change.
    """
    side, _ = answered(view, after)
    if side is None or after.application(side) in (None, before.application(side)):
        return Emptied()
    is_silent = isinstance(answer_of(view, after), Nothing)
    if not is_silent or isinstance(answer_of(view, before), Nothing):
        return Emptied()
    return Emptied((after,))


def require_target(
    emptied: Emptied, override: tuple[str, ...], what: str, remedy: str, *, can_force: bool = True
) -> None:
    """Raise Rejected `refused` if groups are left without a target, unless that is overridden.

    `what` begins the message, `remedy` says what to do instead; `can_force` is whether the command
    takes `--override`.
    """
    failures = emptied.failures()
    if failures and PreflightRule.TARGET_EMPTY not in override:
        rule = PreflightRule.TARGET_EMPTY.value
        force = f", or add --override {rule}" if can_force else ""
        text = f"{what}: {emptied.in_words('would')}; {remedy}{force}"
        raise Rejected("refused", text, failures)


def why_dark(view: View, after: Application) -> tuple[str, str]:
    """Return why an application has no address for the apex of a zone, and what to do instead."""
    target = pointed_at(after)
    if target is None:
        return f"application {after.name!r} has no web head", "add another head first"
    why = f"{target} {unresolved(view, Hostname(target))}, and an apex takes addresses"
    if is_answered_here(view, target):
        return why, "give addresses, or another hostname"
    return why, (
        "add it as a load balancer with --standby, and when it is resolved, "
        f"`head activate {after.name} NAME`"
    )


def _side_of(group: Group, application: Application) -> Side:
    return Side.PRIMARY if group.primary == application.id else Side.BACKUP


def _flattened(view: View, group: Group, application: Application) -> Target:
    target = target_of_application(application, healthy=answered(view, group)[1])
    return flattened(view, target)[0]


def _names(groups: Iterable[Group]) -> str:
    names = [group.name for group in groups]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
