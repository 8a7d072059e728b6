"""A change corridor for tests: the real ledger over a store in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from random import Random
from typing import Any

from driving import Gate
from updates import SCOPES

from failoverdns.changes.batch import Done, Outcome, Submission
from failoverdns.changes.ledger import Ledger
from failoverdns.changes.state import State
from failoverdns.model.application import HeadRole
from failoverdns.model.change import Change, Delta
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import AddApplication, AddHead
from failoverdns.model.commands.groups import AddGroup
from failoverdns.model.errors import Rejected
from failoverdns.model.names import DomainName
from failoverdns.model.principal import Principal, unix_principal
from failoverdns.model.store_condition import Outage
from failoverdns.model.zone import NameServer, Zone
from failoverdns.protocol.table.deltas import write_delta
from failoverdns.protocol.table.python_table import PythonTable
from failoverdns.store.memory import MemoryStore

ORIGIN = DomainName.from_text("failover.test")
SERVER = NameServer(ORIGIN.child("ns1"), (ip_address("192.0.2.53"),))
ZONE = Zone(ORIGIN, (SERVER,), ORIGIN.child("hostmaster"), 60, 60, updates=SCOPES)
SECOND_ZONE = Zone(DomainName.from_text("b.test"), (NameServer(ORIGIN),), ORIGIN, 60, 60)
WHO = unix_principal(0, 1, "pytest")


@dataclass
class Corridor:
    """A ledger over a store in memory, and a log of what it published, announced and replied."""

    store: Any = field(default_factory=MemoryStore)
    gate: Gate = field(default_factory=Gate)
    table: PythonTable = field(default_factory=PythonTable)
    log: list[Any] = field(default_factory=list)
    now: float = 1000.0
    """Seconds of the steady clock."""
    ahead: float = 0.0
    """Seconds by which the wall clock is ahead of the steady clock."""
    listeners: list[Callable[[Change], None]] = field(default_factory=list)
    """Called with each change after it was announced."""
    early_listeners: list[Callable[[Change], None]] = field(default_factory=list)
    """Called with each step that is not stored."""
    outages: list[Outage] = field(default_factory=list)
    ended: list[Outage] = field(default_factory=list)
    """Outages that began, and those that ended."""
    kept: list[Change] = field(default_factory=list)
    """Unrecorded steps that the answering processes keep."""
    unseen: Rejected | None = None
    """Raised by `visible`, as if the visibility of the published delta were unknown."""

    def __post_init__(self) -> None:
        """Make the ledger."""
        self.open_ledger(State())

    def open_ledger(self, state: State) -> None:
        """Make a ledger that begins with this state, as a start of the server does."""
        self.ledger = Ledger(
            state,
            self.store,
            publish=self.publish,
            keep=self.kept.append,
            forget=self.kept.clear,
            visible=self.visible,
            announce=self.announce,
            announce_unrecorded=self.announce_unrecorded,
            outage_began=self.outages.append,
            outage_ended=lambda outage, _: self.ended.append(outage),
            spawn=self.gate.spawn,
            now=lambda: self.now + self.ahead,
            random=Random(0),
            steady=lambda: self.now,
            retry=lambda: self.log.append(("again", self.ledger.state.revision)),
        )

    async def visible(self) -> None:
        """Return when the published delta is visible; raise `unseen` if that is set."""
        if self.unseen is not None:
            raise self.unseen

    def announce(self, change: Change) -> None:
        """Log a change and pass it to the listeners."""
        self.log.append(("announced", change.revision))
        for listener in self.listeners:
            listener(change)

    def announce_unrecorded(self, step: Change) -> None:
        """Log a step that is not stored."""
        self.log.append(("unrecorded", step.revision))
        for listener in self.early_listeners:
            listener(step)

    def publish(self, delta: Delta) -> None:
        """Apply a delta to the table and log it."""
        self.table.apply(write_delta(delta))
        self.log.append(("published", self.ledger.state.revision))

    def submit(
        self, command: Mutation, *, principal: Principal = WHO, **more: Any
    ) -> list[Outcome]:
        """Submit a command; return a list that receives its outcome."""
        outcomes: list[Outcome] = []

        def reply(outcome: Outcome) -> None:
            outcomes.append(outcome)
            self.log.append(("replied", getattr(outcome, "revision", outcome)))

        name = type(command).__name__
        self.ledger.submit(Submission(command, principal, {"command": name}, reply, **more))
        return outcomes

    def do(self, command: Mutation, **more: Any) -> Done:
        """Submit a command that must succeed without waiting; return its outcome."""
        (outcome,) = self.submit(command, **more)
        assert isinstance(outcome, Done), outcome
        return outcome

    def refuse(self, command: Mutation, **more: Any) -> Rejected:
        """Submit a command that must be rejected without waiting; return the rejection."""
        (outcome,) = self.submit(command, **more)
        assert isinstance(outcome, Rejected), outcome
        return outcome


def build_shop(corridor: Corridor) -> None:
    """Add the group `shop` and two applications that resolve, `eu` (primary) and `us` (backup)."""
    for name, address in (("eu", "192.0.2.1"), ("us", "192.0.2.2")):
        corridor.do(AddApplication(name))
        role = HeadRole.LOAD_BALANCER
        corridor.do(AddHead(name, "lb", role, (ip_address(address),)))
    corridor.do(AddGroup("shop", label="shop", primary="eu", backup="us"))
