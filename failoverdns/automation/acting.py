"""From policies and plans to commands: look at a group when something may have come of it.

    a change, or a time that was waited for -> outlook -> Automate, AdvancePlan, by the corridor

The rules decide again when the command is carried out: what changed meanwhile counts.
Programs that have to agree to a switch are asked before, as for one by hand.
Refuses to know clocks and what a policy says (`automation` and `planning` of
`rules.decisions`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from failoverdns.model.application import Application
from failoverdns.model.change import Change, Json
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.automation import AdvancePlan, Automate
from failoverdns.model.errors import Rejected, RuleFailure
from failoverdns.model.group import Group, Side
from failoverdns.model.policy import Flag
from failoverdns.rules.decisions.automation import Outlook, outlook, wants_writing
from failoverdns.rules.decisions.planning import Stage, next_stage
from failoverdns.rules.decisions.safety import automation_flag
from failoverdns.rules.decisions.switching import SwitchProposal, plan, proposal_report
from failoverdns.rules.derived.health import application_condition
from failoverdns.rules.derived.view import View

LOOK_AGAIN = 5.0
"""Seconds after which a group that is held back is looked at again, and one with a plan."""

AT_ONCE = 100
"""Groups that are looked at in a turn, and that something may be under way for: ten thousand may
follow an application that dies, and commands from outside want their turn too."""

ASK_AGAIN = 60.0
"""Seconds after which programs that did not agree to a switch are asked again."""

Approve = Callable[[Mapping[str, Json]], Awaitable[tuple[RuleFailure, ...]]]
"""Asks whoever has to agree to a switch: see `control.effects.Approval`."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What acting works with.

    `submit` gives a command to the ledger, with what history calls it; `approval` asks who has to
    agree, None if nobody has; `now` tells seconds since 1970, `steady` those of the clock that
    nobody sets.
    """

    state: Callable[[], View]
    submit: Callable[[Mutation, str], Awaitable[None]]
    approval: Callable[[], Approve | None]
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    now: Callable[[], float]
    steady: Callable[[], float]
    log: Callable[[str], None]


class Acting:
    """Looks at groups, and has done what is due."""

    def __init__(self, means: Effects) -> None:
        self._means = means
        self._due: dict[str, float] = {}
        """When (steady seconds) to look at a group (by id) again."""
        self._queue: list[tuple[float, str]] = []
        """The same as a heap, with times among them that do not count any more."""
        self._busy: set[str] = set()
        self._objected: dict[str, float] = {}
        """Until when (steady seconds) not to ask again about a group that was objected to."""
        self.switched = 0
        self.refused: dict[str, int] = {}
        """Automatic switches, and refusals by rule, since the start."""

    def look_at_all(self) -> None:
        """Look at every group that has a policy or a plan: at a start, and on other terms."""
        now = self._means.steady()
        for group in self._means.state().groups():
            if _is_ours(group):
                self._look_at(group.id, now)

    def announce(self, change: Change) -> None:
        """Have the groups looked at that a change may concern."""
        state, now = self._means.state(), self._means.steady()
        for write in change.writes:
            for entity in (write.before, write.after):
                if isinstance(entity, Group):
                    self._note(entity.id, now)
                elif isinstance(entity, Flag):
                    for id_ in list(self._due):
                        self._look_at(id_, now)
            if isinstance(write.before, Application) and isinstance(write.after, Application):
                if application_condition(write.before) == application_condition(write.after):
                    continue  # groups that come and go are written themselves
                for group in state.following(write.after.id):
                    if group.id in self._due:
                        self._look_at(group.id, now)

    def act(self) -> float | None:
        """Look at the groups for which it is time; return when to call again (steady seconds).

        None if nothing is waited for, before a change is announced.
        """
        now, looks = self._means.steady(), 0
        while self._queue and (self._queue[0][0] <= now or not self._is_next(*self._queue[0])):
            if looks >= AT_ONCE or len(self._busy) >= AT_ONCE:
                return now + _SOON  # what is done is announced, and that is when it goes on
            at, id_ = heappop(self._queue)
            if not self._is_next(at, id_):
                continue
            looks += 1
            group = self._means.state().group(id_)
            if group is None or not _is_ours(group):
                del self._due[id_]
            else:
                self._look_at(id_, max(self._look(group, now), now + _SOON))
        return self._queue[0][0] if self._queue else None

    def report(self) -> dict[str, Json]:
        """Report what was done since the start, for `status`."""
        flag = automation_flag(self._means.state())
        return {
            "frozen": None if flag.on else flag.reason or "",
            "groups": len(self._due),
            "switches": self.switched,
            "refused": dict[str, Json](self.refused),
        }

    def _note(self, id_: str, now: float) -> None:
        group = self._means.state().group(id_)
        if group is not None and _is_ours(group):
            self._look_at(id_, now)
        else:
            self._due.pop(id_, None)

    def _look_at(self, id_: str, at: float) -> None:
        self._due[id_] = at
        heappush(self._queue, (at, id_))

    def _is_next(self, at: float, id_: str) -> bool:
        """Tell whether a time in the queue still counts."""
        return self._due.get(id_) == at

    def _look(self, group: Group, steady: float) -> float:
        """Have done what is due for a group; return when to look again."""
        state, now, again = self._means.state(), self._means.now(), steady + LOOK_AGAIN
        if group.id in self._busy:
            return again
        planned = next_stage(group, now)
        if planned is not None:
            if planned.stage is not Stage.WAIT:
                self._begin(group, self._advance(group, planned.stage))
                return again
            again = min(again, steady + max(planned.at - now, 0.0))
        look = outlook(state, group, now, steady)
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
        self._means.spawn(self._until_done(group.id, work))

    async def _until_done(self, id_: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Rejected as refusal:
            self._means.log(f"{id_}: nothing was done, and it is tried again: {refusal.message}")
            self._look_at(id_, self._means.steady() + LOOK_AGAIN)
        finally:
            self._busy.discard(id_)

    async def _automate(self, group: Group, look: Outlook) -> None:
        objections: tuple[RuleFailure, ...] = ()
        if look.step is not None and not look.failures:
            reason = look.verdict.why if look.verdict is not None else ""
            objections = await self._objections(look.step, reason)
        if objections:
            self._objected[group.id] = self._means.steady() + ASK_AGAIN
        else:
            self._objected.pop(group.id, None)
        before = self._means.state().group(group.id)
        await self._means.submit(Automate(group.id, objections), "automatic")
        self._count(before, self._means.state().group(group.id))

    async def _advance(self, group: Group, stage: Stage) -> None:
        objections: tuple[RuleFailure, ...] = ()
        planned = group.automation.plan
        if stage is Stage.SWITCH and planned is not None:
            state, steady = self._means.state(), self._means.steady()
            (step,) = plan(state, [group], Side(planned.to), self._means.now(), steady)
            objections = await self._objections(step, planned.reason)
        await self._means.submit(AdvancePlan(group.id, objections), "planned switch")

    async def _objections(
        self, step: SwitchProposal, reason: str | None
    ) -> tuple[RuleFailure, ...]:
        approve = self._means.approval()
        if approve is None or step.before == step.after:
            return ()
        report = proposal_report(self._means.state(), step)
        return await approve({"groups": [report], "reason": reason})

    def _count(self, before: Group | None, after: Group | None) -> None:
        if before is None or after is None:
            return
        if before.active is not after.active:
            self.switched += 1
            self._means.log(f"{after.name}: switched to the {after.active.value} by itself")
        held = after.automation.held
        if held is not None and held != before.automation.held:
            for rule in held.reasons:
                self.refused[rule] = self.refused.get(rule, 0) + 1
            rules = ", ".join(held.reasons)
            self._means.log(f"{after.name}: not switched to the {held.to}, refused by {rules}")


_SOON = 0.001
_FAR = 3600.0
"""Seconds until a group is looked at again for which nothing is waited for."""


def _is_ours(group: Group) -> bool:
    return group.automation.policy is not None or group.automation.plan is not None
