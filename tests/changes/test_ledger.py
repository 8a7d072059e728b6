"""The ledger validates, persists, publishes and replies, over a store that may fail anywhere."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from corridors import ORIGIN, SECOND_ZONE, SERVER, WHO, ZONE, Corridor, build_shop
from drawn import about_records
from driving import Gate, run
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tables import served

from failoverdns.changes.batch import Done, Outcome, Submission
from failoverdns.changes.ledger import MAX_WAITING
from failoverdns.changes.queue import MAX_BATCH
from failoverdns.changes.state import State
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
from failoverdns.model.commands.automation import AdvancePlan, Automate, SetFlag, SetMaintenance
from failoverdns.model.commands.groups import AddGroup, RemoveGroup, RenameGroup, SetGroup, Switch
from failoverdns.model.commands.health import ForceHealth, LearnHealth
from failoverdns.model.commands.server import Configure
from failoverdns.model.errors import Rejected
from failoverdns.model.group import Side
from failoverdns.model.health import Check, CheckKind, Health, Observed
from failoverdns.model.names import DomainName
from failoverdns.model.policy import AllDown, AnswerOf, AutomationSettings, Mode, Policy
from failoverdns.model.principal import unix_principal
from failoverdns.model.records import TXT, Opaque, OwnedRRset
from failoverdns.model.zone import Reveal, Zone, ZoneSerial
from failoverdns.protocol.table.deltas import write_delta, write_nodes
from failoverdns.protocol.table.python_table import PythonTable
from failoverdns.rules.derived.serving import all_nodes
from failoverdns.rules.derived.zones import all_authorities
from failoverdns.store.memory import Failure, MemoryStore


def test_a_change_is_stored_then_published_then_acknowledged_then_announced(
    corridor: Corridor,
) -> None:
    """A change is durable before it is visible, and visible before it is acknowledged."""
    corridor.log.clear()
    corridor.gate.closed = True
    outcomes = corridor.submit(AddApplication("eu"))
    assert corridor.log == []
    assert not outcomes
    assert corridor.ledger.state.application_named("eu") is None
    corridor.gate.open()
    assert corridor.log == [("published", 2), ("replied", 2), ("announced", 2)]


def test_commands_that_arrive_together_share_one_commit(corridor: Corridor) -> None:
    """Commands that arrive while the first one is being stored wait and are stored together."""
    corridor.gate.closed = True
    outcomes = [corridor.submit(AddApplication(f"a{n}")) for n in range(101)]
    commits = corridor.store.commits
    corridor.gate.open()
    assert [o[0].revision for o in outcomes if isinstance(o[0], Done)] == [*range(2, 103)]
    assert corridor.store.commits == commits + 1 + -(-100 // MAX_BATCH)


def test_each_command_of_a_batch_sees_those_before_it(corridor: Corridor) -> None:
    """A name that an earlier command of the batch took cannot be taken again."""
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


def test_a_failed_commit_changes_nothing(corridor: Corridor) -> None:
    """The command is refused; the next command succeeds."""
    before = served(corridor.table)
    corridor.store.failures = [Failure.REFUSED]
    refusal = corridor.refuse(AddApplication("eu"))
    assert refusal.code == "unavailable"
    assert "nothing was changed" in refusal.message
    assert served(corridor.table) == before
    assert corridor.ledger.state.revision == 1
    corridor.do(AddApplication("eu"))


def test_a_commit_that_the_store_made_but_did_not_confirm_is_acknowledged(
    corridor: Corridor,
) -> None:
    """The ledger asks the store whether it committed before it reports an unknown outcome."""
    corridor.store.failures = [Failure.UNCONFIRMED]
    assert corridor.do(AddApplication("eu")).revision == 2
    assert corridor.ledger.state.application_named("eu") is not None
    assert not corridor.ledger.behind


def test_a_commit_that_is_neither_confirmed_nor_shown_has_an_unknown_outcome(
    corridor: Corridor,
) -> None:
    """That the store does not show it is no proof: a restart may find it."""
    before = served(corridor.table)
    corridor.store.failures = [Failure.LOST]
    refusal = corridor.refuse(AddApplication("eu"))
    assert refusal.code == "unknown-outcome"
    assert "nothing was changed" not in refusal.message
    assert served(corridor.table) == before
    assert corridor.ledger.behind
    assert corridor.do(AddApplication("eu")).revision == 2
    assert not corridor.ledger.behind


def test_a_commit_whose_outcome_cannot_be_learned_is_reported_as_unknown() -> None:
    """As soon as the store can be read again, the committed change becomes visible."""

    class Vanishing(MemoryStore):
        """A store that becomes unreachable during a commit."""

        async def commit(self, *arguments: Any) -> None:
            try:
                await super().commit(*arguments)
            finally:
                self.unreachable = bool(self.failures) or self.unreachable

    store = Vanishing()
    corridor = Corridor(store)
    corridor.do(Configure((ZONE,)))
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


def test_a_change_that_a_worker_may_not_answer_yet_has_an_unknown_outcome(
    corridor: Corridor,
) -> None:
    """The change is stored and announced; a refusal is still reported as a refusal."""
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


def test_while_the_store_is_unreachable_commands_are_refused_and_answers_stay(
    corridor: Corridor,
) -> None:
    """DNS answers come from memory."""
    build_shop(corridor)
    before = served(corridor.table)
    corridor.store.unreachable = True
    assert corridor.refuse(Switch(("shop",))).code == "unavailable"
    assert served(corridor.table) == before


def test_changes_of_another_writer_become_visible(corridor: Corridor) -> None:
    """The ledger watches the store; a command that conflicts is decided again on the new state."""
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
    """A repeated request gets the first reply and changes nothing, even after other changes."""
    build_shop(corridor)
    retry = {"op_id": "op-1", "request": "switch shop"}
    first = corridor.do(Switch(("shop",)), **retry)
    corridor.do(AddApplication("other"))
    again = corridor.do(Switch(("shop",)), **retry)
    assert (again.revision, again.result) == (first.revision, first.result)
    group = corridor.ledger.state.group_named("shop")
    assert group is not None
    assert group.active is Side.BACKUP


def test_an_op_id_cannot_be_used_for_another_command(corridor: Corridor) -> None:
    """The second command is refused as a conflict."""
    corridor.do(AddApplication("a"), op_id="x", request="add a")
    refusal = corridor.refuse(AddApplication("b"), op_id="x", request="add b")
    assert refusal.code == "conflict"


def test_an_op_id_of_another_principal_is_another_command(corridor: Corridor) -> None:
    """Nobody gets the reply to a command that another user gave, in one batch or later."""
    build_shop(corridor)
    alice, bob = unix_principal(1000, 1, "a", "alice"), unix_principal(1001, 2, "b", "bob")
    again = {"op_id": "op-1", "request": "switch shop"}
    first = corridor.do(Switch(("shop",)), principal=alice, **again)
    second = corridor.do(Switch(("shop",)), principal=bob, **again)
    assert second.revision == first.revision + 1
    renamed = unix_principal(1000, 3, "c", "alicia")
    assert corridor.do(Switch(("shop",)), principal=renamed, **again) == first, "the same user"
    corridor.do(AddApplication("x"), principal=bob, op_id="op-2", request="another command")
    corridor.gate.closed = True
    corridor.submit(AddApplication("first"))
    both = [
        corridor.submit(Switch(("shop",)), principal=who, op_id="both", request="r")
        for who in (alice, bob, alice)
    ]
    corridor.gate.open()
    assert both[0] == both[2] != both[1]


def test_an_op_id_is_remembered_for_a_command_that_had_nothing_to_do(corridor: Corridor) -> None:
    """A retry does nothing either, even if the state has changed since."""
    build_shop(corridor)
    to_primary = Switch(("shop",), Side.PRIMARY)
    corridor.do(to_primary, op_id="x", request="r")
    corridor.do(Switch(("shop",), Side.BACKUP))
    corridor.do(to_primary, op_id="x", request="r")
    group = corridor.ledger.state.group_named("shop")
    assert group is not None
    assert group.active is Side.BACKUP


def test_a_command_that_is_sent_twice_with_one_op_id_in_one_batch_is_carried_out_once(
    corridor: Corridor,
) -> None:
    """Both requests get the same reply."""
    build_shop(corridor)
    corridor.gate.closed = True
    corridor.submit(AddApplication("first"))
    pair = [corridor.submit(Switch(("shop",)), op_id="x", request="r") for _ in "ab"]
    corridor.gate.open()
    assert pair[0][0] == pair[1][0]


def test_the_op_id_of_a_refused_command_can_be_used_again(corridor: Corridor) -> None:
    """The refused command changed nothing; a retry is decided again."""
    assert corridor.refuse(RemoveApplication("a"), op_id="x", request="r")
    corridor.do(AddApplication("a"))
    corridor.do(RemoveApplication("a"), op_id="x", request="r")


def test_commands_beyond_the_limit_of_waiting_commands_are_refused_as_busy(
    corridor: Corridor,
) -> None:
    """Waiting commands are carried out afterwards."""
    corridor.gate.closed = True
    outcomes = [corridor.submit(AddApplication("a")) for _ in range(1 + MAX_WAITING + 2)]
    assert [o[0].code for o in outcomes if o and isinstance(o[0], Rejected)] == ["busy", "busy"]
    corridor.gate.open()
    assert isinstance(outcomes[0][0], Done)
    codes = [o[0].code for o in outcomes[1:] if isinstance(o[0], Rejected)]
    assert codes == ["exists"] * MAX_WAITING + ["busy", "busy"]


def test_a_defect_affects_only_the_commands_of_its_batch(corridor: Corridor) -> None:
    """Their outcome is reported as unknown; the next command is carried out."""

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


def test_a_command_gets_one_reply_even_if_a_later_reply_of_the_batch_fails(
    corridor: Corridor,
) -> None:
    """Only commands without a reply are reported as unknown."""
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


def test_a_switch_publishes_only_the_names_that_it_changes(corridor: Corridor) -> None:
    """Those are the group's name, a status record and the SOA record."""
    build_shop(corridor)
    for number in range(50):
        corridor.do(AddGroup(f"g{number}", primary="eu"))
    deltas: list[Delta] = []
    corridor.ledger._publish = deltas.append
    corridor.do(Switch(("shop",)))
    names = {node.owner.to_text() for node in deltas[0].nodes}
    assert names == {"shop.failover.test", "_status.us.failover.test"}
    assert [rrset.owner for rrset in deltas[0].authorities] == [ORIGIN]


def test_only_changes_of_served_records_raise_the_serial(corridor: Corridor) -> None:
    """The new serial is stored in the same commit as the change."""
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


def test_each_change_of_a_batch_raises_the_serial(corridor: Corridor) -> None:
    """A secondary server that asks for the changes since a serial gets all of them."""
    build_shop(corridor)
    corridor.now = 0.0
    corridor.gate.closed = True
    corridor.submit(AddApplication("first"))
    for _ in range(3):
        corridor.submit(Switch(("shop",)))
    corridor.gate.open()
    serials = [
        write.after.serial
        for change in reversed(run(corridor.store.changes_after(0))[-3:])
        for write in change.writes
        if isinstance(write.after, ZoneSerial)
    ]
    assert len(serials) == len(set(serials)) == 3
    assert serials == sorted(serials, reverse=True)


SETTINGS = AutomationSettings(
    (Check("web", CheckKind.TCP, 80),),
    (Policy("auto", Mode.AUTOMATIC, grace=0.0, all_down=AllDown.EMPTY, answer=AnswerOf.HEALTHY),),
)
WITH_WILDCARDS = replace(
    ZONE,
    records=tuple(
        OwnedRRset(DomainName.from_text(f"{owner}.failover.test"), TXT, 60, (Opaque(b"\1w"),))
        for owner in ("*", "*.x", "y", "*.a")
    ),
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
        Configure,
        st.sampled_from(
            [
                (ZONE,),
                (Zone(ORIGIN, (SERVER,), ORIGIN.child("hostmaster"), 90, 30),),
                (ZONE, SECOND_ZONE),
                (WITH_WILDCARDS,),
                (replace(WITH_WILDCARDS, reveal=Reveal(sides=False, status=False)), SECOND_ZONE),
            ]
        ),
        st.sampled_from(
            [SETTINGS, replace(SETTINGS, policies=(*SETTINGS.policies, Policy("other")))]
        ),
    ),
    about_records((ORIGIN, SECOND_ZONE.origin)),
    st.builds(SetApplication, NAMES, st.sampled_from([("web",), ()])),
    st.builds(SetGroup, NAMES, policy=st.sampled_from(["auto", ""])),
    st.builds(ForceHealth, NAMES, st.none() | NAMES, st.sampled_from(Health)),
    st.builds(
        LearnHealth,
        st.sampled_from(["app-2", "app-5"]),
        st.tuples(st.tuples(NAMES, st.builds(Observed, st.sampled_from(Health), st.just(0.0)))),
    ),
    st.builds(Automate, st.just("grp-8")),
    st.builds(SetMaintenance, NAMES, st.booleans()),
    st.builds(SetFlag, NAMES | st.just("automation"), st.booleans()),
    st.builds(Switch, NAMES.map(lambda name: (name,)), at=st.sampled_from([1001.0, 4000.0])),
    st.builds(AdvancePlan, st.just("grp-8")),
)


class LedgerMachine(RuleBasedStateMachine):
    """Any commands, together or one after another, over a store that may fail in any way."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate()
        self.corridor = Corridor(MemoryStore(self.gate), self.gate)
        self.corridor.do(Configure((ZONE,), SETTINGS))
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
        """Submit commands that share a commit, which may fail."""
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
        """Advance the clock, or set it back."""
        self.corridor.now = max(0.0, self.corridor.now + step)

    @rule()
    def the_store_can_be_written(self) -> None:
        """Store what was not recorded: nothing is left."""
        self.corridor.ledger.resume()
        assert not self.corridor.ledger.overlay
        assert self.corridor.ledger.outage is None

    @invariant()
    def acknowledged_changes_are_stored(self) -> None:
        """The store has every acknowledged change; the state is the stored one and the overlay."""
        loaded = run(self.corridor.store.load())
        assert loaded.revision >= self.acknowledged
        state = self.corridor.ledger.state
        fresh = State(loaded.revision, loaded.entities, state.zones, state.settings)
        for step in self.corridor.ledger.overlay.steps:
            fresh.apply(loaded.revision, step.writes)
        assert contents(fresh) == contents(self.corridor.ledger.state)
        assert list(fresh.groups()) == list(self.corridor.ledger.state.groups())

    @invariant()
    def the_table_follows_from_the_state(self) -> None:
        """The table built from deltas equals the one that a restart would build."""
        state = self.corridor.ledger.state
        fresh = PythonTable()
        fresh.apply(write_delta(Delta(authorities=all_authorities(state))))
        fresh.apply(write_nodes(all_nodes(state)))
        assert served(fresh) == served(self.corridor.table)

    @invariant()
    def the_history_has_every_revision(self) -> None:
        """Replaying the history, and then the overlay, leads to the same state."""
        changes = run(self.corridor.store.changes_after(0))
        assert [change.revision for change in changes] == [*range(1, len(changes) + 1)]
        writes = [write for change in changes for write in change.writes]
        state = self.corridor.ledger.state
        replayed = State(zones=state.zones, settings=state.settings)
        for write in writes:
            assert isinstance(write, Write)
        for change in changes:
            replayed.apply(change.revision, change.writes)
        for step in self.corridor.ledger.overlay.steps:
            replayed.apply(len(changes), step.writes)
        assert contents(replayed) == contents(self.corridor.ledger.state)

    @invariant()
    def the_stored_entities_follow_from_the_history(self) -> None:
        """`history --verify` replays the documents of the history into those of the entities."""
        run(self.corridor.store.verify())


def contents(state: State) -> dict[str, object]:
    """Return the contents of a state with its indexes; a kind without entities is left out."""
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
TestLedgerMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
