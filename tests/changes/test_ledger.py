"""The change corridor: validate, persist, publish, reply, over a store that may fail anywhere."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from corridors import ORIGIN, SECOND_ZONE, SERVER, WHO, ZONE, Corridor, build_shop
from driving import Gate, run
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tables import served

from failoverdns.changes.batch import Done, Outcome, Submission
from failoverdns.changes.ledger import MAX_BATCH, MAX_WAITING
from failoverdns.changes.state import State
from failoverdns.model import commands as system_commands
from failoverdns.model.application import HeadRole
from failoverdns.model.change import Delta, Write
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import (
    ActivateHead,
    AddApplication,
    AddHead,
    RemoveApplication,
    RemoveHead,
    RenameApplication,
    RenameHead,
    SetApplication,
    SetHead,
)
from failoverdns.model.commands.automation import SetFlag, SetMaintenance
from failoverdns.model.commands.groups import AddGroup, RemoveGroup, RenameGroup, SetGroup, Switch
from failoverdns.model.commands.health import ForceHealth
from failoverdns.model.errors import Rejected
from failoverdns.model.group import Side
from failoverdns.model.health import Check, CheckKind, Health, Observed
from failoverdns.model.policy import AllDown, AnswerOf, AutomationSettings, Mode, Policy
from failoverdns.model.zone import Zone, ZoneSerial
from failoverdns.protocol.table.deltas import write_delta, write_nodes
from failoverdns.protocol.table.python_table import PythonTable
from failoverdns.rules.derived.serving import all_nodes
from failoverdns.rules.derived.zones import all_authorities
from failoverdns.store.memory import Failure, MemoryStore


def test_persist_comes_before_publish_before_reply_before_announce(corridor: Corridor) -> None:
    """Nothing is visible before it is durable, nothing acknowledged before it is visible."""
    corridor.log.clear()
    corridor.gate.closed = True
    outcomes = corridor.submit(AddApplication("eu"))
    assert corridor.log == []
    assert not outcomes
    assert corridor.ledger.state.application_named("eu") is None
    corridor.gate.open()
    assert corridor.log == [("published", 2), ("replied", 2), ("announced", 2)]


def test_commands_that_arrive_together_share_one_commit(corridor: Corridor) -> None:
    """While the first is on its way to the disk, the others gather."""
    corridor.gate.closed = True
    outcomes = [corridor.submit(AddApplication(f"a{n}")) for n in range(101)]
    commits = corridor.store.commits
    corridor.gate.open()
    assert [o[0].revision for o in outcomes if isinstance(o[0], Done)] == [*range(2, 103)]
    assert corridor.store.commits == commits + 1 + -(-100 // MAX_BATCH)


def test_each_command_of_a_batch_sees_those_before_it(corridor: Corridor) -> None:
    """A name is taken from the moment that somebody before took it."""
    corridor.gate.closed = True
    corridor.submit(AddApplication("first"))
    outcomes = [
        corridor.submit(AddApplication("eu")),
        corridor.submit(AddApplication("eu")),
        corridor.submit(RenameApplication("eu", "us")),
        corridor.submit(AddApplication("eu")),
    ]
    corridor.gate.open()
    kinds = [o[0].code if isinstance(o[0], Rejected) else "done" for o in outcomes]
    assert kinds == ["done", "exists", "done", "done"]


@pytest.mark.parametrize("failure", [Failure.REFUSED, Failure.LOST])
def test_a_commit_that_failed_changed_nothing(corridor: Corridor, failure: Failure) -> None:
    """Everybody who shared it is told; the next command succeeds."""
    before = served(corridor.table)
    corridor.store.failures = [failure]
    refusal = corridor.refuse(AddApplication("eu"))
    assert refusal.code == "unavailable"
    assert "nothing was changed" in refusal.message
    assert served(corridor.table) == before
    assert corridor.ledger.state.revision == 1
    corridor.do(AddApplication("eu"))


def test_a_commit_that_was_not_confirmed_but_is_there_is_done(corridor: Corridor) -> None:
    """The ledger asks the store before it says that it does not know."""
    corridor.store.failures = [Failure.UNCONFIRMED]
    assert corridor.do(AddApplication("eu")).revision == 2
    assert corridor.ledger.state.application_named("eu") is not None
    assert not corridor.ledger.behind


def test_a_fate_that_nobody_knows_is_called_unknown() -> None:
    """And as soon as the store answers again, what it has becomes visible."""

    class Vanishing(MemoryStore):
        """Goes away in the middle of a commit."""

        async def commit(self, *arguments: Any) -> None:
            try:
                await super().commit(*arguments)
            finally:
                self.unreachable = bool(self.failures) or self.unreachable

    store = Vanishing()
    corridor = Corridor(store)
    corridor.do(system_commands.Configure((ZONE,)))
    store.failures = [Failure.UNCONFIRMED, Failure.UNCONFIRMED]
    refusal = corridor.refuse(AddApplication("eu"))
    assert refusal.code == "unknown-outcome"
    assert corridor.ledger.state.application_named("eu") is None
    assert corridor.ledger.behind
    assert corridor.log[-1] == ("again", 1)
    corridor.ledger.resume()
    assert corridor.log[-2:] == [("again", 1), ("again", 1)]
    store.unreachable = False
    corridor.ledger.resume()
    assert not corridor.ledger.behind
    assert corridor.log.count(("again", 1)) == 2
    assert corridor.ledger.state.application_named("eu") is not None
    assert ("announced", 2) in corridor.log


def test_what_may_not_be_seen_by_all_is_said_so(corridor: Corridor) -> None:
    """It is done, stored and announced; only the reply cannot promise more; refusals stay."""
    build_shop(corridor)
    corridor.unseen = Rejected("unknown-outcome", "process 4711 is stuck")
    refusal = corridor.refuse(Switch(("shop",)))
    assert (refusal.code, refusal.message) == ("unknown-outcome", "process 4711 is stuck")
    group = corridor.ledger.state.group_named("shop")
    assert group is not None
    assert group.active is Side.BACKUP
    assert ("announced", corridor.ledger.state.revision) in corridor.log
    assert corridor.refuse(AddApplication("eu")).code == "exists"
    corridor.unseen = None
    corridor.do(Switch(("shop",)))


def test_while_the_store_is_away_commands_are_refused_and_answers_stay(corridor: Corridor) -> None:
    """Answers come from memory."""
    build_shop(corridor)
    before = served(corridor.table)
    corridor.store.unreachable = True
    assert corridor.refuse(Switch(("shop",))).code == "unavailable"
    assert served(corridor.table) == before


def test_what_another_writer_commits_becomes_visible(corridor: Corridor) -> None:
    """By watching; and a command that lost the race is decided again on the new state."""
    build_shop(corridor)
    twin = Corridor(corridor.store)
    twin.ledger.state.apply(0, (), (ZONE,))
    twin.ledger.behind = True
    twin.ledger.resume()
    assert twin.ledger.state.revision == corridor.ledger.state.revision
    twin.do(Switch(("shop",)))
    group = corridor.ledger.state.group_named("shop")
    assert group is not None
    assert group.active is Side.BACKUP
    assert corridor.do(Switch(("shop",))).revision == twin.ledger.state.revision
    for name in (b"\4shop", b"\x07_status\2us"):
        key = name + ORIGIN.wire
        assert corridor.table.find(key) == twin.table.find(key)


def test_an_op_id_makes_a_retry_safe(corridor: Corridor) -> None:
    """The first reply is given again, and nothing is done twice; not even after other changes."""
    build_shop(corridor)
    retry = {"op_id": "op-1", "request": "switch shop"}
    first = corridor.do(Switch(("shop",)), **retry)
    corridor.do(AddApplication("other"))
    again = corridor.do(Switch(("shop",)), **retry)
    assert (again.revision, again.result) == (first.revision, first.result)
    group = corridor.ledger.state.group_named("shop")
    assert group is not None
    assert group.active is Side.BACKUP


def test_an_op_id_is_for_one_command(corridor: Corridor) -> None:
    """Used for another one, it is a mistake of the client's."""
    corridor.do(AddApplication("a"), op_id="x", request="add a")
    refusal = corridor.refuse(AddApplication("b"), op_id="x", request="add b")
    assert refusal.code == "conflict"


def test_an_op_id_is_remembered_for_a_command_that_had_nothing_to_do(corridor: Corridor) -> None:
    """A retry does not do later what the first try did not have to do."""
    build_shop(corridor)
    to_primary = Switch(("shop",), Side.PRIMARY)
    corridor.do(to_primary, op_id="x", request="r")
    corridor.do(Switch(("shop",), Side.BACKUP))
    corridor.do(to_primary, op_id="x", request="r")
    group = corridor.ledger.state.group_named("shop")
    assert group is not None
    assert group.active is Side.BACKUP


def test_the_same_op_id_twice_in_one_batch_is_done_once(corridor: Corridor) -> None:
    """Two impatient retries."""
    build_shop(corridor)
    corridor.gate.closed = True
    corridor.submit(AddApplication("first"))
    pair = [corridor.submit(Switch(("shop",)), op_id="x", request="r") for _ in "ab"]
    corridor.gate.open()
    assert pair[0][0] == pair[1][0]


def test_a_refused_command_does_not_use_its_op_id_up(corridor: Corridor) -> None:
    """It changed nothing; the retry is decided anew."""
    assert corridor.refuse(RemoveApplication("a"), op_id="x", request="r")
    corridor.do(AddApplication("a"))
    corridor.do(RemoveApplication("a"), op_id="x", request="r")


def test_commands_beyond_the_limit_are_told_to_come_back(corridor: Corridor) -> None:
    """What waits is bounded."""
    corridor.gate.closed = True
    number = 1 + MAX_WAITING + 2
    outcomes = [corridor.submit(AddApplication(f"a{n}")) for n in range(number)]
    assert [o[0].code for o in outcomes if o and isinstance(o[0], Rejected)] == ["busy", "busy"]
    corridor.gate.open()
    assert [o[0].revision for o in outcomes if isinstance(o[0], Done)] == [*range(2, number)]


def test_a_defect_is_kept_to_the_commands_that_met_it(corridor: Corridor) -> None:
    """They are told that their fate is unknown; the next command is carried out."""

    def broken(_: Delta) -> None:
        raise ZeroDivisionError

    publish, corridor.ledger._publish = corridor.ledger._publish, broken
    outcomes: list[Outcome] = []
    submission = Submission(AddApplication("a"), WHO, {}, outcomes.append)
    with pytest.raises(ZeroDivisionError):
        corridor.ledger.submit(submission)
    assert isinstance(outcomes[0], Rejected)
    assert outcomes[0].code == "unknown-outcome"
    corridor.ledger._publish = publish
    corridor.do(AddApplication("b"))


def test_whoever_is_answered_is_not_answered_again(corridor: Corridor) -> None:
    """A defect in giving one reply is told to those who have none yet."""
    corridor.gate.closed = True
    corridor.submit(AddApplication("first"))
    before = corridor.submit(AddApplication("before"))

    def broken(_: Outcome) -> None:
        raise ZeroDivisionError

    corridor.ledger.submit(Submission(AddApplication("a"), WHO, {}, broken))
    after = corridor.submit(AddApplication("after"))
    with pytest.raises(ZeroDivisionError):
        corridor.gate.open()
    assert [type(outcome) for outcome in before] == [Done]
    assert [type(outcome) for outcome in after] == [Rejected]


def test_a_change_costs_what_it_touches(corridor: Corridor) -> None:
    """A switch rewrites the group's names, two status records and the SOA, and no others."""
    build_shop(corridor)
    for number in range(50):
        corridor.do(AddGroup(f"g{number}", primary="eu"))
    deltas: list[Delta] = []
    corridor.ledger._publish = deltas.append
    corridor.do(Switch(("shop",)))
    names = {node.owner.to_text() for node in deltas[0].nodes}
    assert names == {"shop.failover.test", "_status.us.failover.test"}
    assert [rrset.owner for rrset in deltas[0].authorities] == [ORIGIN]


def test_only_changes_that_are_served_raise_the_serial(corridor: Corridor) -> None:
    """In the same commit as the change."""
    build_shop(corridor)

    def serial() -> int:
        found = corridor.ledger.state.serial(ORIGIN)
        assert found is not None
        return found.serial

    before = serial()
    corridor.do(RenameGroup("shop", "store"))
    assert serial() == before
    corridor.do(Switch(("store",)))
    assert serial() > before
    stored = {e.serial for e in run(corridor.store.load()).entities if isinstance(e, ZoneSerial)}
    assert stored == {serial()}


def test_each_change_of_a_batch_has_a_serial_of_its_own(corridor: Corridor) -> None:
    """A secondary that asks for what changed since a serial misses nothing."""
    build_shop(corridor)
    corridor.now = 0.0
    corridor.gate.closed = True
    corridor.submit(AddApplication("first"))
    for _ in range(3):
        corridor.submit(Switch(("shop",)))
    corridor.gate.open()
    serials = [
        write.after.serial
        for change in run(corridor.store.history(None, 3))
        for write in change.writes
        if isinstance(write.after, ZoneSerial)
    ]
    assert len(serials) == len(set(serials)) == 3
    assert serials == sorted(serials, reverse=True)


TERMS = AutomationSettings(
    (Check("web", CheckKind.TCP, 80),),
    (Policy("auto", Mode.AUTOMATIC, grace=0.0, all_down=AllDown.EMPTY, answer=AnswerOf.HEALTHY),),
)
NAMES = st.sampled_from(["a", "b", "c"])
SIDES = st.sampled_from(["a", "b", "c", "", None])
ADDRESSES = st.lists(
    st.sampled_from([ip_address("192.0.2.1"), ip_address("192.0.2.2"), ip_address("2001:db8::1")]),
    unique=True,
).map(tuple)
COMMANDS = st.one_of(
    st.builds(AddApplication, NAMES, st.sampled_from([None, "{head}.{application}.ex."])),
    st.builds(RenameApplication, NAMES, NAMES),
    st.builds(RemoveApplication, NAMES),
    st.builds(AddHead, NAMES, NAMES, st.sampled_from(HeadRole), ADDRESSES, standby=st.booleans()),
    st.builds(SetHead, NAMES, NAMES, ADDRESSES),
    st.builds(RenameHead, NAMES, NAMES, NAMES),
    st.builds(ActivateHead, NAMES, NAMES),
    st.builds(RemoveHead, NAMES, NAMES),
    st.builds(
        AddGroup,
        NAMES,
        label=st.sampled_from(["a", "x", "y", "ns1", None]),
        primary=SIDES,
        backup=SIDES,
        ttl=st.sampled_from([None, 0, 30, 86400]),
    ),
    st.builds(
        SetGroup,
        NAMES,
        SIDES,
        SIDES,
        st.sampled_from([None, 0, 90]),
        st.sampled_from([(), ("active-side",)]),
    ),
    st.builds(RenameGroup, NAMES, NAMES),
    st.builds(RemoveGroup, NAMES),
    st.builds(
        Switch,
        st.lists(NAMES, min_size=1, max_size=3).map(tuple),
        st.sampled_from([None, *Side]),
        override=st.sampled_from([(), ("target-empty",), ("no-application", "target-empty")]),
        dry_run=st.booleans(),
    ),
    st.builds(
        system_commands.Configure,
        st.sampled_from(
            [
                (ZONE,),
                (Zone(ORIGIN, (SERVER,), ORIGIN.child("hostmaster"), 90, 30),),
                (ZONE, SECOND_ZONE),
            ]
        ),
        st.sampled_from([TERMS, replace(TERMS, policies=(*TERMS.policies, Policy("other")))]),
    ),
    st.builds(SetApplication, NAMES, st.sampled_from([("web",), ()])),
    st.builds(SetGroup, NAMES, policy=st.sampled_from(["auto", ""])),
    st.builds(ForceHealth, NAMES, st.none() | NAMES, st.sampled_from(Health)),
    st.builds(
        system_commands.LearnHealth,
        st.sampled_from(["app-2", "app-5"]),
        st.tuples(st.tuples(NAMES, st.builds(Observed, st.sampled_from(Health), st.just(0.0)))),
    ),
    st.builds(system_commands.Automate, st.just("grp-8")),
    st.builds(SetMaintenance, NAMES, st.booleans()),
    st.builds(SetFlag, NAMES | st.just("automation"), st.booleans()),
    st.builds(Switch, NAMES.map(lambda name: (name,)), at=st.sampled_from([1001.0, 4000.0])),
    st.builds(system_commands.AdvancePlan, st.just("grp-8")),
)


class LedgerMachine(RuleBasedStateMachine):
    """Any commands, together or one by one, over a store that fails in any way."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate()
        self.corridor = Corridor(MemoryStore(self.gate), self.gate)
        self.corridor.do(system_commands.Configure((ZONE,), TERMS))
        for name, address in (("a", "192.0.2.1"), ("b", "192.0.2.2")):
            role = HeadRole.LOAD_BALANCER
            self.corridor.do(AddApplication(name))
            self.corridor.do(AddHead(name, name, role, (ip_address(address),)))
            self.corridor.do(SetApplication(name, ("web",)))
        group = AddGroup("a", label="a", primary="a", backup="b", policy="auto")
        self.acknowledged = self.corridor.do(group).revision

    @rule(
        batch=st.lists(COMMANDS, min_size=1, max_size=4), failure=st.sampled_from([None, *Failure])
    )
    def command(self, batch: list[Mutation], failure: Failure | None) -> None:
        """Submit commands that share a commit; it may fail."""
        self.gate.closed = True
        outcomes = [self.corridor.submit(AddApplication("opener"))]
        outcomes += [self.corridor.submit(command) for command in batch]
        self.corridor.store.failures = [None, failure]
        self.gate.open()
        self.corridor.store.failures = []
        assert all(len(outcome) == 1 for outcome in outcomes), "each gets one reply"
        done = [o[0].revision for o in outcomes if isinstance(o[0], Done)]
        self.acknowledged = max([self.acknowledged, *done])

    @rule(step=st.sampled_from([-100000.0, 0.0, 1.0, 3600.0]))
    def pass_time(self, step: float) -> None:
        """Let time pass, or the clock jump back."""
        self.corridor.now = max(0.0, self.corridor.now + step)

    @invariant()
    def what_is_acknowledged_is_stored(self) -> None:
        """The store has it, and memory is what the store has."""
        loaded = run(self.corridor.store.load())
        assert loaded.revision >= self.acknowledged
        state = self.corridor.ledger.state
        fresh = State(loaded.revision, loaded.entities, state.zones, state.settings)
        assert contents(fresh) == contents(self.corridor.ledger.state)
        assert list(fresh.groups()) == list(self.corridor.ledger.state.groups())

    @invariant()
    def what_is_served_follows_from_the_state(self) -> None:
        """The table that deltas made is the one that a restart would make."""
        state = self.corridor.ledger.state
        fresh = PythonTable()
        fresh.apply(write_delta(Delta(authorities=all_authorities(state))))
        fresh.apply(write_nodes(all_nodes(state)))
        assert served(fresh) == served(self.corridor.table)

    @invariant()
    def history_tells_every_revision(self) -> None:
        """Replaying it leads to the same state."""
        changes = run(self.corridor.store.changes_after(0))
        assert [change.revision for change in changes] == [*range(1, len(changes) + 1)]
        writes = [write for change in changes for write in change.writes]
        state = self.corridor.ledger.state
        replayed = State(zones=state.zones, settings=state.settings)
        for write in writes:
            assert isinstance(write, Write)
        for change in changes:
            replayed.apply(change.revision, change.writes)
        assert contents(replayed) == contents(self.corridor.ledger.state)


def contents(state: State) -> dict[str, object]:
    """All that a state consists of, its indexes too; a kind without entities counts as absent."""
    found = dict(vars(state))
    tables = found.pop("_tables")
    indexes = found.pop("_indexes")
    assert "_zones" in found
    return {
        **found,
        "tables": {kind: table for kind, table in tables.items() if table},
        "indexes": vars(indexes),
    }


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
