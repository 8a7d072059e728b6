"""From policies and plans to commands: check a group when it may have to switch.

        a change, or a time that a group waits for -> outlook -> Automate, AdvancePlan, submitted

The rules decide again when the command is carried out, on the state at that time.
Hooks that have to agree to a switch are asked before, as for a switch by an operator.
Reads no clock, and does not know what a policy means (`automation` and `planning` of
`rules.decisions`).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from failoverdns.automation.log_limit import is_due
from failoverdns.effects import Approval, Effects, Submit
from failoverdns.model.application import Application
from failoverdns.model.change import Change, Json
from failoverdns.model.commands.automation import AdvancePlan, Automate
from failoverdns.model.errors import Rejected, RuleFailure
from failoverdns.model.group import Group, Side
from failoverdns.model.moment import Moment
from failoverdns.model.policy import Flag
from failoverdns.rules.decisions.automation import Outlook, outlook, wants_writing
from failoverdns.rules.decisions.planning import Stage, next_stage
from failoverdns.rules.decisions.switching import SwitchProposal, plan, proposal_report
from failoverdns.rules.derived.flags import automation_flag
from failoverdns.rules.derived.health import application_condition

LOOK_AGAIN = 5.0
"""Seconds before a group that is held back, or that has a plan, is checked again."""

AT_ONCE = 100
"""Groups that are checked in one turn, and groups with a command under way: when an application
goes down, ten thousand groups may follow, and commands from outside need their turn too."""

ASK_AGAIN = 60.0
"""Seconds before hooks that did not agree to a switch are asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActingEffects(Effects):
    """The side effects of automatic switching, with the ledger, hooks and time.

    `approval` returns the function that asks the hooks that have to agree to a switch, None if
    there are none; `now` returns seconds since 1970, `steady` seconds of the monotonic clock.
    """

    submit: Submit
    approval: Callable[[], Approval | None]
    now: Callable[[], float]
    steady: Callable[[], float]


class Acting:
    """Checks groups, and submits the commands that are due."""

    def __init__(self, effects: ActingEffects) -> None:
        self._effects = effects
        self._due: dict[str, float] = {}
        """When (steady seconds) to check a group (by id) again."""
        self._queue: list[tuple[float, str]] = []
        """The same as a heap, which may also hold outdated times."""
        self._busy: set[str] = set()
        self._objected: dict[str, float] = {}
        """Until when (steady seconds) not to ask the hooks again about a group (by id)."""
        self._refusals: dict[str, float] = {}
        """When (steady seconds) a refusal was logged, which may concern thousands of groups."""
        self.switched = 0
        self.refused: dict[str, int] = {}
        """Automatic switches since the start, and refused ones by rule."""

    def look_at_all(self) -> None:
        """Check every group that has a policy or a plan: at the start, and for new settings."""
        now = self._effects.steady()
        for group in self._effects.state().groups():
            if _is_ours(group):
                self._look_at(group.id, now)

    def announce(self, change: Change) -> None:
        """Schedule a check of the groups that a change may concern."""
        state, now = self._effects.state(), self._effects.steady()
        for write in change.writes:
            for entity in (write.before, write.after):
                if isinstance(entity, Group):
                    self._note(entity.id, now)
                elif isinstance(entity, Flag):
                    for id_ in list(self._due):
                        self._look_at(id_, now)
            if isinstance(write.before, Application) and isinstance(write.after, Application):
                if application_condition(write.before) == application_condition(write.after):
                    continue  # groups that come and go are part of the change themselves
                for group in state.following(write.after.id):
                    if group.id in self._due:
                        self._look_at(group.id, now)

    def act(self) -> float | None:
        """Check the groups that are due; return when to call again (steady seconds).

        None if no group waits for a time; call it again after a change is announced.
        """
        now, looks = self._effects.steady(), 0
        while self._queue and (self._queue[0][0] <= now or not self._is_next(*self._queue[0])):
            if looks >= AT_ONCE or len(self._busy) >= AT_ONCE:
                return now + _SOON  # or when a command under way is announced
            at, id_ = heappop(self._queue)
            if not self._is_next(at, id_):
                continue
            looks += 1
            group = self._effects.state().group(id_)
            if group is None or not _is_ours(group):
                del self._due[id_]
            else:
                self._look_at(id_, max(self._look(group, now), now + _SOON))
        return self._queue[0][0] if self._queue else None

    def report(self) -> dict[str, Json]:
        """Return counts since the start, for `status`."""
        flag = automation_flag(self._effects.state())
        return {
            "frozen": None if flag.on else flag.reason or "",
            "groups": len(self._due),
            "switches": self.switched,
            "refused": dict[str, Json](self.refused),
        }

    def _note(self, id_: str, now: float) -> None:
        group = self._effects.state().group(id_)
        if group is not None and _is_ours(group):
            self._look_at(id_, now)
        else:
            self._due.pop(id_, None)

    def _look_at(self, id_: str, at: float) -> None:
        self._due[id_] = at
        heappush(self._queue, (at, id_))

    def _is_next(self, at: float, id_: str) -> bool:
        """Return whether a time in the queue is still the group's own."""
        return self._due.get(id_) == at

    def _look(self, group: Group, steady: float) -> float:
        """Submit the commands that are due for a group; return when to check it again."""
        state, now, again = self._effects.state(), self._effects.now(), steady + LOOK_AGAIN
        if group.id in self._busy:
            return again
        planned = next_stage(group, now)
        if planned is not None:
            if planned.stage is not Stage.WAIT:
                self._begin(group, self._advance(group, planned.stage))
                return again
            again = min(again, steady + max(planned.at - now, 0.0))
        look = outlook(state, group, Moment(now, steady))
        if look.is_due and not look.failures and self._objected.get(group.id, 0.0) > steady:
            return self._objected[group.id]
        if wants_writing(state, group, look):
            self._begin(group, self._automate(group, look))
        if look.verdict is not None and look.verdict.to is not None and look.verdict.at > steady:
            return min(again, look.verdict.at) if planned is not None else look.verdict.at
        waits = planned is not None or look.is_due or group.automation.held is not None
        return again if waits else steady + _FAR

    def _begin(self, group: Group, work: Coroutine[Any, Any, None]) -> None:
        self._busy.add(group.id)
        self._effects.spawn(self._until_done(group.id, work))

    async def _until_done(self, id_: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Rejected as refusal:
            if is_due(self._refusals, refusal.message, self._effects.steady()):
                self._effects.log(f"{id_}: no change was made, trying again: {refusal.message}")
            self._look_at(id_, self._effects.steady() + LOOK_AGAIN)
        finally:
            self._busy.discard(id_)

    async def _automate(self, group: Group, look: Outlook) -> None:
        objections: tuple[RuleFailure, ...] = ()
        if look.proposal is not None and not look.failures:
            reason = look.verdict.why if look.verdict is not None else ""
            objections = await self._objections(look.proposal, reason)
        if objections:
            self._objected[group.id] = self._effects.steady() + ASK_AGAIN
        else:
            self._objected.pop(group.id, None)
        before = self._effects.state().group(group.id)
        await self._effects.submit(Automate(group.id, objections), "automatic")
        self._count(before, self._effects.state().group(group.id))

    async def _advance(self, group: Group, stage: Stage) -> None:
        objections: tuple[RuleFailure, ...] = ()
        planned = group.automation.plan
        if stage is Stage.SWITCH and planned is not None:
            moment = Moment(self._effects.now(), self._effects.steady())
            (proposal,) = plan(self._effects.state(), [group], Side(planned.to), moment)
            objections = await self._objections(proposal, planned.reason)
        await self._effects.submit(AdvancePlan(group.id, objections), "planned switch")

    async def _objections(
        self, proposal: SwitchProposal, reason: str | None
    ) -> tuple[RuleFailure, ...]:
        approve = self._effects.approval()
        if approve is None or proposal.before == proposal.after:
            return ()
        report = proposal_report(self._effects.state(), proposal)
        return await approve({"groups": [report], "reason": reason})

    def _count(self, before: Group | None, after: Group | None) -> None:
        if before is None or after is None:
            return
        if before.active is not after.active:
            self.switched += 1
            self._effects.log(f"{after.name}: switched to the {after.active.value} by itself")
        held = after.automation.held
        if held is not None and held != before.automation.held:
            for rule in held.reasons:
                self.refused[rule] = self.refused.get(rule, 0) + 1
            rules = ", ".join(held.reasons)
            self._effects.log(f"{after.name}: not switched to the {held.to}, refused by {rules}")


_SOON = 0.001
_FAR = 3600.0
"""Seconds before a group is checked again that waits for nothing."""


def _is_ours(group: Group) -> bool:
    return group.automation.policy is not None or group.automation.plan is not None
