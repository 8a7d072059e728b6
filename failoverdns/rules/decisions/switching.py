"""The switch: make the other side of failover groups active.

All of these rules must pass for all groups, or nothing is switched:

| rule             | fails when                                                     |
|------------------|----------------------------------------------------------------|
| `no-application` | no application is attached to the side to switch to            |
| `target-empty`   | its application has no web head                                |
| `target-down`    | its application is down, as probes found or an operator forced |
| `target-loop`    | its target leads back to the group, over names of this server  |
| `before-switch`  | a hook with `before_switch` fails: it is run elsewhere         |
| `certificate-names`, `certificate-expired` | see `rules.decisions.transferring`   |
| safety rules, by their own names           | see `rules.decisions.safety`         |

A group that is on that side already is not changed, without an error and without any rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random

from failoverdns.model.application import Nothing, target_texts
from failoverdns.model.certificate import Certificate
from failoverdns.model.change import Json, Write
from failoverdns.model.commands.groups import Switch
from failoverdns.model.errors import Rejected, RuleFailure
from failoverdns.model.group import Group, Side
from failoverdns.model.health import Health
from failoverdns.model.moment import Moment
from failoverdns.model.policy import Automation
from failoverdns.model.rule_names import PreflightRule
from failoverdns.model.timestamps import timestamp
from failoverdns.rules.decisions.decision import Decision, warned
from failoverdns.rules.decisions.safety import names_of_rules, safety_failures
from failoverdns.rules.decisions.transferring import (
    Transfer,
    TransferResult,
    moved_order,
    plan_transfer,
    transfer_report,
)
from failoverdns.rules.derived.active_side import policy_of, side_condition
from failoverdns.rules.derived.entity_lookup import find_group
from failoverdns.rules.derived.health import why_down
from failoverdns.rules.derived.targets import (
    answer_of,
    application_on,
    dark_apexes,
    target_of,
    why_empty,
)
from failoverdns.rules.derived.trails import group_loop
from failoverdns.rules.derived.view import View


@dataclass(frozen=True, slots=True)
class SwitchProposal:
    """The proposed switch of one group; `before` and `after` are equal if nothing changes.

    `failures` are the rules that fail for it; `transfer` is None if no application becomes active.
    """

    before: Group
    after: Group
    failures: tuple[RuleFailure, ...] = ()
    transfer: Transfer | None = None


def switch(view: View, command: Switch, moment: Moment, _random: Random) -> Decision:
    """Switch every named group, or none.

    Raises Rejected `refused` with every rule that failed for any group and is not overridden,
    `conflict` if a group changed after `if_revision`.  The reply warns of aliases that answer
    nothing then: their groups answer with a hostname that is not resolved.
    """
    check_override(command.override, all_rules(view))
    groups = [find_group(view, name) for name in dict.fromkeys(command.groups)]
    _check_revision(view, groups, command.if_revision)
    proposals = plan(view, groups, command.to, moment)
    failures = tuple(
        f for proposal in proposals for f in proposal.failures if f.rule not in command.override
    )
    if failures:
        named = ", ".join(sorted({f"{f.rule} ({f.group})" for f in failures}))
        raise Rejected("refused", f"nothing was switched: {named}", failures)
    writes = switch_writes(view, proposals)

    def report(after: View) -> dict[str, Json]:
        result: dict[str, Json] = {
            "groups": [proposal_report(view, proposal) for proposal in proposals]
        }
        if command.dry_run:
            result["dry_run"] = True
        return result

    dark = [
        text
        for proposal in proposals
        if proposal.before != proposal.after
        for text in dark_apexes(view, proposal.after)
    ]
    return warned(Decision(() if command.dry_run else writes, report), dark)


def all_rules(view: View) -> tuple[str, ...]:
    """Return the names of all rules, which `--override` accepts."""
    return (*(rule.value for rule in PreflightRule), *names_of_rules(view))


def switch_writes(view: View, proposals: list[SwitchProposal]) -> tuple[Write, ...]:
    """Return the writes that carry out proposals: of groups, certificates and orders."""
    return (
        *(
            Write(proposal.before, proposal.after)
            for proposal in proposals
            if proposal.before != proposal.after
        ),
        *_certificate_writes(view, proposals),
        *order_writes(view, proposals),
    )


def plan(
    view: View,
    groups: Iterable[Group],
    to: Side | None,
    moment: Moment,
    *,
    automatic: bool = False,
) -> list[SwitchProposal]:
    """Return a proposal for each group: to switch it to a side, or to its other side.

    Each proposal lists the rules that fail for it.  Certificates are transferred in the order of
    the groups, so that a proposal takes the transfers of those before it into account.
    """
    certificates: dict[str, Certificate | None] = {}
    proposals = []
    goals = [(group, to or group.active.other) for group in groups]
    after = {group.id: goal for group, goal in goals}
    for group, goal in goals:
        proposal = _plan_one(view, group, goal, moment.now, certificates, after)
        if proposal.before != proposal.after:
            barred = safety_failures(
                view, group, goal, moment.steady, automatic=automatic, after=after
            )
            automation = _automation_after(view, group, goal, moment.steady, automatic=automatic)
            proposal = replace(
                proposal,
                failures=(*proposal.failures, *barred),
                after=replace(proposal.after, automation=automation),
            )
        newly_active = proposal.after.application(proposal.after.active)
        if proposal.transfer is not None and newly_active is not None:
            certificates[newly_active] = proposal.transfer.certificate
        proposals.append(proposal)
    return proposals


def _plan_one(
    view: View,
    group: Group,
    to: Side,
    now: float,
    certificates: dict[str, Certificate | None],
    sides: Mapping[str, Side],
) -> SwitchProposal:
    """Return the proposal for one group; `certificates` are those that earlier ones transfer.

    `sides` are those of all groups (by id) that are switched in the same step.
    """
    if group.active is to:
        return SwitchProposal(group, group)
    after = replace(
        group,
        active=to,
        revision=view.revision + 1,
        drained_at=max(now + group.served_ttl, group.cached_until),
    )
    failures, transfer = _failures(view, group, to, sides), None
    newly_active = group.application(to)
    if newly_active is not None:

        def certificate(application: str | None) -> Certificate | None:
            if application is None or application in certificates:
                return certificates.get(application or "")
            return view.certificate(application)

        former = certificate(group.application(group.active))
        transfer = plan_transfer(former, certificate(newly_active), newly_active, now)
        failures += tuple(
            RuleFailure(rule, f"group {group.name!r}: {problem}", group.name)
            for rule, problem in transfer.problems
        )
    return SwitchProposal(group, after, failures, transfer)


def _automation_after(
    view: View, group: Group, to: Side, steady: float, *, automatic: bool
) -> Automation:
    """Return the automation state of a group after its switch."""
    before = group.automation
    times = before.automatic
    if automatic:
        times = (*times, steady)[-policy_of(view, group).max_switches :]
    plan = before.plan if before.plan is not None and before.plan.to != to.value else None
    left = side_condition(view, group, group.active).health
    return replace(
        before,
        switched_at=steady,
        automatic=times,
        held=None,
        plan=plan,
        by_hand=not automatic and left is not Health.DOWN,
    )


def _certificate_writes(view: View, proposals: list[SwitchProposal]) -> Iterator[Write]:
    """Yield the writes of transferred certificates: the last one for each application."""
    after: dict[str, Certificate] = {}
    for proposal in proposals:
        if (
            proposal.transfer is not None
            and proposal.transfer.outcome is TransferResult.TRANSFERRED
        ):
            assert proposal.transfer.certificate is not None
            after[proposal.transfer.certificate.application] = proposal.transfer.certificate
    for application, certificate in after.items():
        yield Write(view.certificate(application), certificate)


def order_writes(view: View, proposals: list[SwitchProposal]) -> Iterator[Write]:
    """Yield the writes of orders: the right to have certificates issued moves with the traffic.

    | the formerly active application, with an order,   | its order                              |
    |---------------------------------------------------|----------------------------------------|
    | is still active in another group                  | stays                                  |
    | is left for one with a certificate of other names | stays, and waits: nothing is issued    |
    | is left for one that has its own order            | is dropped                             |
    | is left for any other                             | continues for the newly active one     |
    """
    active = Counter[str]()
    for proposal in proposals:
        if proposal.before != proposal.after:
            active[proposal.before.application(proposal.before.active) or ""] -= 1
            active[proposal.after.application(proposal.after.active) or ""] += 1
    taken: set[str] = set()
    for proposal in proposals:
        former = proposal.before.application(proposal.before.active)
        newly_active = proposal.after.application(proposal.after.active)
        if former is None or newly_active is None or former == newly_active or former in taken:
            continue
        order = view.order_for(former)
        if order is None or view.attachments(former)[1] + active[former] > 0:
            continue
        taken.add(former)
        if (
            proposal.transfer is not None
            and proposal.transfer.outcome is TransferResult.NAMES_DIFFER
        ):
            if order.challenges:
                yield Write(order, replace(order, challenges=()))
        elif view.order_for(newly_active) is not None or newly_active in taken:
            yield Write(order, None)
        else:
            taken.add(newly_active)
            yield Write(order, moved_order(order, newly_active))


def _failures(
    view: View, group: Group, to: Side, sides: Mapping[str, Side]
) -> tuple[RuleFailure, ...]:
    if group.application(to) is None:
        text = (
            f"group {group.name!r} has no {to.value} application: "
            f"attach one with `group set {group.name} --{to.value} APPLICATION`"
        )
        return (RuleFailure(PreflightRule.NO_APPLICATION, text, group.name),)
    if isinstance(target_of(view, group, to), Nothing):
        why, remedy = why_empty(view, group, to)
        text = f"the {to.value} of group {group.name!r} {why}: {remedy}"
        return (RuleFailure(PreflightRule.TARGET_EMPTY, text, group.name),)
    if (loop := group_loop(view, group, to, sides)) is not None:
        text = f"the {to.value} of group {group.name!r} answers nothing: {loop}"
        return (RuleFailure(PreflightRule.TARGET_LOOP, text, group.name),)
    application = application_on(view, group, to)
    if application is not None and side_condition(view, group, to).health is Health.DOWN:
        text = f"the {to.value} of group {group.name!r} is down: {why_down(application)}"
        return (RuleFailure(PreflightRule.TARGET_DOWN, text, group.name),)
    return ()


def _check_revision(view: View, groups: list[Group], if_revision: int | None) -> None:
    if if_revision is None:
        return
    if if_revision > view.revision:
        raise Rejected(
            "conflict", f"revision {if_revision} is not reached yet: it is {view.revision} now"
        )
    changed = [group for group in groups if group.revision > if_revision]
    if changed:
        each = ", ".join(f"{group.name!r} at revision {group.revision}" for group in changed)
        raise Rejected("conflict", f"changed since revision {if_revision}: {each}; look again")


def proposal_report(view: View, proposal: SwitchProposal) -> dict[str, Json]:
    """Return the part of a switch's reply about one group; `view` is the state before it."""
    before, after = proposal.before, proposal.after
    return {
        "name": after.name,
        "hostname": after.hostname.to_text(),
        "from": before.active.value,
        "to": after.active.value,
        "changed": before != after,
        "targets": list[Json](target_texts(answer_of(view, after))),
        "drained_at": timestamp(after.drained_at),
        "overridden": [failure.rule for failure in proposal.failures],
        "certificate": transfer_report(proposal.transfer)
        if proposal.transfer is not None
        else None,
    }


def check_override(override: tuple[str, ...], rules: tuple[str, ...]) -> None:
    """Raise Rejected `invalid` if a name in `override` is not one of `rules`."""
    unknown = [name for name in override if name not in rules]
    if unknown:
        raise Rejected(
            "invalid",
            f"no rule {', '.join(map(repr, unknown))} to override here: there is "
            + ", ".join(map(repr, rules)),
        )
