"""Automatic switches: the verdict of a group's policy, and the rules that may refuse a switch.

| the verdict is to switch | rules     | the group                                                 |
|--------------------------|-----------|-----------------------------------------------------------|
| no                       |           | stays                                                     |
| later                    |           | stays; is recorded as held if it waits for the flap guard |
| now                      | one fails | stays, and is recorded as held by the rules that failed   |
| now                      | all pass  | is switched                                               |

That a group is held is in the history once, and not again at each decision for the same reasons.
A group in maintenance is never switched automatically.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

from failoverdns.model.change import Json, Write
from failoverdns.model.commands.automation import Automate
from failoverdns.model.errors import RuleFailure
from failoverdns.model.group import Group, Side
from failoverdns.model.moment import Moment
from failoverdns.model.policy import Held, Mode, Policy
from failoverdns.model.rule_names import FLAP_GUARD
from failoverdns.rules.decisions.decision import Decision, row
from failoverdns.rules.decisions.policy import PolicyVerdict, Situation, verdict
from failoverdns.rules.decisions.switching import SwitchProposal, plan, switch_writes
from failoverdns.rules.derived.active_side import counts_as_up, policy_of, side_condition
from failoverdns.rules.derived.health import unchecked_condition
from failoverdns.rules.derived.view import View


@dataclass(frozen=True, slots=True)
class Outlook:
    """The verdict of a group's policy, and the automatic switch that is due, if any.

    `verdict` is None for a group that is not switched automatically.  `proposal` is the switch that
    is due, with the rules that fail for it.
    """

    policy: Policy
    situation: Situation
    verdict: PolicyVerdict | None
    proposal: SwitchProposal | None = None

    @property
    def failures(self) -> tuple[RuleFailure, ...]:
        """The rules that fail for the switch that is due."""
        return self.proposal.failures if self.proposal is not None else ()

    @property
    def is_due(self) -> bool:
        """True if the policy wants a switch now."""
        return self.proposal is not None


def outlook(view: View, group: Group, moment: Moment) -> Outlook:
    """Return the outlook for a group at a moment."""
    policy, situation = policy_of(view, group), situation_of(view, group, moment.steady)
    if policy.mode is Mode.MANUAL or group.automation.maintenance is not None:
        return Outlook(policy, situation, None)
    decided = verdict(policy, situation, moment.steady)
    if decided.to is None or decided.at > moment.steady:
        return Outlook(policy, situation, decided)
    (proposal,) = plan(view, [group], decided.to, moment, automatic=True)
    return Outlook(policy, situation, decided, proposal)


def situation_of(view: View, group: Group, steady: float) -> Situation:
    """Return the situation that a group's policy decides on.

    A backup that nothing checks is up if the policy says so.
    `steady` is the time now; later times, which a database may hold, count as now.
    """
    unchecked = counts_as_up(view, group)
    sides = [side_condition(view, group, side) for side in Side]
    if unchecked is not None:
        sides[1] = unchecked_condition(unchecked)
    primary, backup = (replace(each, since=min(each.since, steady)) for each in sides)
    automation, switched_at = group.automation, group.automation.switched_at
    if switched_at is not None:
        switched_at = min(switched_at, steady)
    return Situation(
        group.active, primary, backup, automation.automatic, automation.by_hand, switched_at
    )


def automate(view: View, command: Automate, moment: Moment, _random: Random) -> Decision:
    """Switch a group if its policy calls for it, or record the rules that hold it back."""
    group = view.group(command.group)
    if group is None:
        return Decision((), lambda _: {})
    look = outlook(view, group, moment)
    failures = (*look.failures, *command.objections) if look.is_due else ()
    if look.proposal is not None and not failures:
        about: dict[str, Json] = {"groups": [group.name], "to": look.proposal.after.active.value}
        return Decision(
            switch_writes(view, [look.proposal]),
            lambda _: {**about},
            about={**about, "reason": look.verdict.why if look.verdict is not None else ""},
        )
    held = _held(look, failures, moment.steady)
    if _is_noted(group, held):
        return Decision((), lambda _: {})
    after = replace(group, automation=replace(group.automation, held=held))
    about = {"group": group.name, **_refusal(held, failures)}
    return Decision((Write(group, after),), lambda _: {**about}, about=about)


def wants_writing(view: View, group: Group, look: Outlook) -> bool:
    """Return whether `automate` would write anything if no external program objected."""
    if look.is_due and not look.failures:
        return True
    return not _is_noted(group, _held(look, look.failures, 0.0))


def _held(look: Outlook, failures: tuple[RuleFailure, ...], steady: float) -> Held | None:
    decided = look.verdict
    if decided is None or decided.to is None:
        return None
    if failures:
        rules = dict.fromkeys(failure.rule for failure in failures)
        return Held(decided.to.value, tuple(rules), steady)
    return Held(decided.to.value, (FLAP_GUARD,), steady) if decided.is_held else None


def _is_noted(group: Group, held: Held | None) -> bool:
    """Return whether the group is recorded as held to the same side by the same rules already."""
    before = group.automation.held
    if before is None or held is None:
        return before is held
    return (before.to, before.reasons) == (held.to, held.reasons)


def _refusal(held: Held | None, failures: tuple[RuleFailure, ...]) -> Mapping[str, Json]:
    if held is None:
        return {"held": None}
    rules: list[Json] = [{"rule": f.rule, "message": f.message} for f in failures]
    return {"held": list(held.reasons), "to": held.to, **({"rules": rules} if rules else {})}


DECISIONS = (row(Automate, automate),)
"""The commands that this module decides on."""
