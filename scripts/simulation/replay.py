"""From probe results to switches by the server's rules alone, as pure functions.

This is fast enough for years.  It repeats the little code of the server between the rules
(`health_changes` and `switching` of `rules.decisions`); tests compare it with the corridor.
Every switch is automatic.
"""

from __future__ import annotations

from collections.abc import Iterable

from failoverdns.model.group import Side
from failoverdns.model.health import Health
from failoverdns.rules.decisions.policy import PolicyVerdict, Situation, verdict
from failoverdns.rules.derived.health import Condition, Tally, combined, head_observed, tallied
from simulation.probing import Observation
from simulation.run import AutomaticSwitch, HealthChange, Run
from simulation.setting import Setting


def replayed(seen: Iterable[Observation], heads: int, setting: Setting, until: float) -> Run:
    """Return the run of the rules for these observations; a side has `heads` heads.

    Switches that are due by `until`, in seconds after the start, are carried out.
    """
    group = _Group(heads, setting)
    for observation in seen:
        group.carry_out(observation.at)
        group.observe(observation)
    group.carry_out(until)
    return Run(tuple(group.health), tuple(group.switches))


class _Group:
    """A group in automatic mode, with the health of its sides."""

    def __init__(self, heads: int, setting: Setting) -> None:
        self._setting = setting
        self._tallies = {(side, head): Tally() for side in Side for head in range(heads)}
        unknown = Condition(Health.UNKNOWN, 0.0)
        self._heads = {side: [unknown] * heads for side in Side}
        self._sides = {side: self._combined(side) for side in Side}
        self._active = Side.PRIMARY
        self._automatic: tuple[float, ...] = ()
        self._switched_at: float | None = None
        self._verdict: PolicyVerdict | None = None
        self.health: list[HealthChange] = []
        self.switches: list[AutomaticSwitch] = []

    def observe(self, observation: Observation) -> None:
        """Count a probe result; evaluate the policy again if the health changes."""
        at, side, key = observation.at, observation.side, (observation.side, observation.head)
        before = self._tallies[key]
        tally = self._tallies[key] = tallied(before, observation.result, self._setting.check)
        if tally.health is before.health:
            return
        observed = head_observed([tally], "all", at)
        self._heads[side][observation.head] = Condition(observed.health, observed.since)
        whole = self._combined(side)
        if whole.health is not self._sides[side].health:
            self.health.append(HealthChange(at, side, whole.health))
        self._sides[side] = whole
        self._look(at)
        self.carry_out(at)

    def carry_out(self, until: float) -> None:
        """Carry out all switches that are due by a time."""
        says = self._verdict
        while says is not None and says.to is not None and says.at <= until:
            at = max(says.at, self._looked)
            self._active, self._switched_at = says.to, at
            self._automatic = (*self._automatic, at)[-self._setting.policy.max_switches :]
            self.switches.append(AutomaticSwitch(at, says.to, says.why))
            says = self._look(at)

    def _combined(self, side: Side) -> Condition:
        return combined(self._heads[side], self._setting.require_heads)

    def _look(self, at: float) -> PolicyVerdict:
        primary, backup = self._sides[Side.PRIMARY], self._sides[Side.BACKUP]
        situation = Situation(
            self._active, primary, backup, self._automatic, switched_at=self._switched_at
        )
        self._looked = at
        self._verdict = verdict(self._setting.policy, situation, at)
        return self._verdict
