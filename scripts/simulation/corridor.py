"""From probe results to switches by the real ledger over a store in memory, on a virtual clock.

This is all that the server does, from `LearnHealth` to the switch in the state, except sockets.
It is too slow for years, for which there is `simulation.replay`, and is the reference for that.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from ipaddress import ip_address
from random import Random
from typing import Any

from failoverdns.changes.batch import Done, Outcome, Submission
from failoverdns.changes.ledger import Ledger
from failoverdns.changes.state import State
from failoverdns.model.application import HeadRole
from failoverdns.model.change import Change
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import AddApplication, AddHead, SetApplication
from failoverdns.model.commands.automation import Automate
from failoverdns.model.commands.groups import AddGroup
from failoverdns.model.commands.health import LearnHealth
from failoverdns.model.commands.server import Configure
from failoverdns.model.group import Group, Side
from failoverdns.model.health import Health, Observed
from failoverdns.model.moment import Moment
from failoverdns.model.names import DomainName
from failoverdns.model.policy import AutomationSettings
from failoverdns.model.principal import unix_principal
from failoverdns.model.zone import NameServer, Zone
from failoverdns.rules.decisions.automation import outlook
from failoverdns.rules.derived.active_side import side_condition
from failoverdns.rules.derived.health import NOT_OBSERVED, Tally, head_observed, tallied
from failoverdns.store.memory import MemoryStore
from simulation.probing import Observation
from simulation.run import AutomaticSwitch, HealthChange, Run
from simulation.setting import Setting

_ORIGIN = DomainName.from_text("failover.test")
_ZONE = Zone(_ORIGIN, (NameServer(_ORIGIN.child("ns1")),), _ORIGIN.child("hostmaster"), 60, 60)
_WHO = unix_principal(0, 0, "simulation")


def carried_out(seen: Iterable[Observation], heads: int, setting: Setting, until: float) -> Run:
    """Return the change corridor's run for these observations; a side has `heads` heads.

    Switches that are due by `until`, in seconds after the start, are carried out.
    """
    corridor = _Corridor(heads, setting)
    for observation in seen:
        corridor.advance(observation.at)
        corridor.observe(observation)
    corridor.advance(until)
    return Run(tuple(corridor.health), tuple(corridor.switches))


class _Corridor:
    """A ledger with one group, and the internal commands for it."""

    def __init__(self, heads: int, setting: Setting) -> None:
        self._check = setting.check
        self._tallies = {(side, head): Tally() for side in Side for head in range(heads)}
        self._clock = 0.0
        self.health: list[HealthChange] = []
        self.switches: list[AutomaticSwitch] = []
        self._ledger = Ledger(
            State(),
            MemoryStore(),
            publish=lambda delta: None,
            keep=_ignore,
            forget=_ignore,
            visible=_at_once,
            announce=self._announce,
            announce_unrecorded=_ignore,
            outage_began=_ignore,
            outage_ended=_ignore,
            spawn=_to_its_end,
            now=lambda: self._clock,
            random=Random(0),
            steady=lambda: self._clock,
            retry=lambda: None,
        )
        self._do(Configure((_ZONE,), AutomationSettings((setting.check,), (setting.policy,))))
        for number, side in enumerate(Side):
            name = side.value
            self._do(AddApplication(name))
            chosen = SetApplication(
                name, (setting.check.name,), require_heads=setting.require_heads
            )
            self._do(chosen)
            for head in range(heads):
                address = ip_address(f"192.0.2.{100 * number + head + 1}")
                role = HeadRole.WEB_SERVER
                self._do(AddHead(name, f"web{head}", role, (address,)))
        self._do(
            AddGroup(
                "shop",
                label="shop",
                primary=Side.PRIMARY.value,
                backup=Side.BACKUP.value,
                ttl=setting.ttl,
                policy=setting.policy.name,
            )
        )

    @property
    def _group(self) -> Group:
        group = self._ledger.state.group_named("shop")
        assert group is not None
        return group

    def observe(self, observation: Observation) -> None:
        """Send a probe result to the ledger, if it changes the observed health."""
        self._clock = observation.at
        key = (observation.side, observation.head)
        self._tallies[key] = tallied(self._tallies[key], observation.result, self._check)
        observed = head_observed([self._tallies[key]], "all", observation.at)
        application = self._ledger.state.application_named(observation.side.value)
        assert application is not None
        head = application.heads[observation.head]
        if _differs(head.observed or NOT_OBSERVED, observed):
            before = self._condition(observation.side)
            self._do(LearnHealth(application.id, ((head.name, observed),)))
            after = self._condition(observation.side)
            if after is not before:
                self.health.append(HealthChange(observation.at, observation.side, after))
            self.advance(observation.at)

    def advance(self, until: float) -> None:
        """Carry out everything that is due by a time, each at its time."""
        while True:
            look = outlook(self._ledger.state, self._group, Moment(self._clock, self._clock))
            if look.verdict is None or look.verdict.to is None or look.verdict.at > until:
                break
            self._clock = max(self._clock, look.verdict.at)
            before, why = self._group.active, look.verdict.why
            self._do(Automate(self._group.id))
            if self._group.active is before:
                break
            self.switches.append(AutomaticSwitch(self._clock, self._group.active, why))
        self._clock = max(self._clock, until)

    def _condition(self, side: Side) -> Health:
        return side_condition(self._ledger.state, self._group, side).health

    def _do(self, command: Mutation) -> None:
        outcomes: list[Outcome] = []
        given = {"command": type(command).__name__}
        self._ledger.submit(Submission(command, _WHO, given, outcomes.append))
        (outcome,) = outcomes
        assert isinstance(outcome, Done), outcome

    def _announce(self, change: Change) -> None:
        """Do nothing: there are no listeners."""


def _differs(before: Observed, after: Observed) -> bool:
    return (before.health, before.cause) != (after.health, after.cause)


def _ignore(*_: object) -> None:
    """Do nothing: the store is always writable."""


async def _at_once() -> None:
    """Return at once: the published delta is visible."""


def _to_its_end(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never has to wait."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("the coroutine waits, and nothing will ever resume it")
