"""While the store cannot be written, automatic steps go on, and are recorded afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from corridors import ORIGIN, ZONE, Corridor
from driving import run
from hypothesis import given
from hypothesis import strategies as st
from tables import served
from unwritable import SETTINGS, build, fail_over, group, observe

from failoverdns.changes.batch import Done
from failoverdns.changes.state import State
from failoverdns.model.change import Change, Delta
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import AddApplication, SetApplication
from failoverdns.model.commands.automation import AdvancePlan, Automate, SetFlag, SetMaintenance
from failoverdns.model.commands.groups import AddGroup, SetGroup, Switch
from failoverdns.model.commands.health import ForceHealth, ForgetHealth
from failoverdns.model.commands.server import Configure
from failoverdns.model.errors import Rejected
from failoverdns.model.group import Side
from failoverdns.model.health import Health
from failoverdns.model.policy import Mode, Policy
from failoverdns.model.timestamps import timestamp
from failoverdns.model.zone import ZoneSerial
from failoverdns.protocol.table.deltas import write_delta, write_nodes
from failoverdns.protocol.table.python_table import PythonTable
from failoverdns.rules.derived.serving import all_nodes
from failoverdns.rules.derived.zones import all_authorities
from failoverdns.store.memory import Failure, MemoryStore


@pytest.fixture
def shop() -> Corridor:
    """Return a corridor with a checked group `shop` that is switched automatically."""
    return build(MemoryStore())


def answers(corridor: Corridor) -> Any:
    """Return what is served."""
    return served(corridor.table)


def fresh_answers(state: State) -> Any:
    """Return what a server would answer that starts with a state."""
    table = PythonTable()
    table.apply(write_delta(Delta(authorities=all_authorities(state))))
    table.apply(write_nodes(all_nodes(state)))
    return served(table)


def history(corridor: Corridor, after: int) -> tuple[Change, ...]:
    """Return the stored changes after a revision."""
    return run(corridor.store.changes_after(after))


def test_automatic_failover_goes_on_while_the_store_cannot_be_written(shop: Corridor) -> None:
    """The name is served from the other side at once, and the revision stays."""
    revision, before = shop.ledger.state.revision, answers(shop)
    shop.store.unreachable = True
    fail_over(shop)
    assert answers(shop) != before
    assert answers(shop) == fresh_answers(shop.ledger.state)
    assert shop.ledger.state.revision == revision
    assert len(shop.ledger.overlay) == 2
    assert ("unrecorded", revision + 1) in shop.log
    assert ("announced", revision + 1) not in shop.log


def test_commands_by_hand_are_refused_with_the_cause(shop: Corridor) -> None:
    """Switches, forced health, flags, maintenance and a reload wait for the disk."""
    shop.store.unreachable = True
    for command in (
        Switch(("shop",)),
        ForceHealth("eu", None, Health.DOWN),
        SetFlag("automation", on=False),
        SetMaintenance("shop", on=True),
        Configure((replace(ZONE, ttl=5),), SETTINGS),
    ):
        refusal = shop.refuse(command)
        assert refusal.code == "unavailable"
        assert "nothing was changed: a test has the store unreachable" in refusal.message
    assert not shop.ledger.overlay


def test_a_command_by_hand_that_changes_nothing_needs_no_store(shop: Corridor) -> None:
    """It is acknowledged with the recorded revision, while automatic steps are not recorded."""
    shop.store.unreachable = True
    fail_over(shop)
    done = shop.do(Switch(("shop",), Side.BACKUP))
    assert done.revision == shop.ledger.state.revision
    assert shop.do(Switch(("shop",), Side.PRIMARY, override=("target-down",), dry_run=True))
    repeated = shop.refuse(Switch(("shop",), Side.BACKUP), op_id="x", request="switch shop")
    assert repeated.code == "unavailable"


def test_a_reload_of_settings_alone_needs_no_store(shop: Corridor) -> None:
    """So automation can be stopped while the disk is full."""
    shop.store.unreachable = True
    observe(shop, "eu", Health.DOWN)
    manual = replace(SETTINGS, policies=(Policy("auto", Mode.MANUAL),))
    shop.do(Configure((ZONE,), manual))
    shop.do(Automate(group(shop).id))
    assert group(shop).active is Side.PRIMARY


def test_steps_are_recorded_in_order_with_both_times_before_any_other_command(
    shop: Corridor,
) -> None:
    """History has when each step happened, and when it was stored."""
    revision = shop.ledger.state.revision
    shop.store.unreachable = True
    fail_over(shop)
    happened = shop.now
    shop.now += 60.0
    shop.store.unreachable = False
    done = shop.do(AddApplication("later"))
    health, switched, added = history(shop, revision)
    assert [c.revision for c in (health, switched, added)] == [revision + n for n in (1, 2, 3)]
    assert done.revision == revision + 3
    for change, word in ((health, "LearnHealth"), (switched, "Automate")):
        assert change.command["command"] == word
        assert change.command["happened"] == timestamp(happened)
        assert change.time == shop.now
    assert "happened" not in added.command
    assert group(shop).revision == switched.revision
    assert [entry for entry in shop.log if entry[0] == "announced"][-3:] == [
        ("announced", revision + number) for number in (1, 2, 3)
    ]


def test_an_outage_begins_once_and_ends_once(shop: Corridor) -> None:
    """However many steps and refusals there are."""
    shop.store.unreachable = True
    shop.refuse(Switch(("shop",)))
    began = shop.now
    shop.now += 5.0
    fail_over(shop)
    shop.ledger.resume()
    assert [outage.since for outage in shop.outages] == [began]
    assert shop.ledger.outage == shop.outages[0]
    assert shop.ended == []
    shop.store.unreachable = False
    shop.ledger.resume()
    assert shop.ended == shop.outages
    assert shop.ledger.outage is None
    assert not shop.ledger.overlay


def test_an_outage_without_steps_ends_when_the_store_can_be_written(shop: Corridor) -> None:
    """So that orders of certificates do not wait for a command."""
    shop.store.unreachable = True
    shop.refuse(Switch(("shop",)))
    shop.ledger.resume()
    assert shop.ledger.outage is not None
    shop.store.unreachable = False
    revision = shop.ledger.state.revision
    shop.ledger.resume()
    assert shop.ledger.outage is None
    assert shop.ledger.state.revision == revision


def test_observations_do_not_try_the_store_again_and_again(shop: Corridor) -> None:
    """Attempts are made by the timer, and by commands by hand."""
    shop.store.unreachable = True
    fail_over(shop)
    attempts: list[None] = []

    async def count() -> None:
        attempts.append(None)

    shop.store._before_commit = count
    for number in range(50):
        observe(shop, "us", Health.DOWN if number % 2 else Health.UP)
    assert attempts == []
    assert ("again", shop.ledger.state.revision) in shop.log
    shop.ledger.resume()
    assert len(attempts) == 1
    shop.refuse(Switch(("shop",)))
    assert len(attempts) == 2


def test_beyond_the_limit_health_is_summarized_and_switches_are_refused(shop: Corridor) -> None:
    """The summary is one change, from the first value to the last."""
    shop.ledger.overlay.limit = 3
    shop.store.unreachable = True
    revision = shop.ledger.state.revision
    for health in (Health.DOWN, Health.UP, Health.DOWN, Health.UP, Health.DOWN):
        observe(shop, "eu", health)
    refusal = shop.refuse(Automate(group(shop).id))
    assert refusal.code == "unavailable"
    assert "steps are not recorded" in refusal.message
    observe(shop, "us", Health.DOWN)
    assert len(shop.ledger.overlay) == 4
    assert answers(shop) == fresh_answers(shop.ledger.state)
    shop.store.unreachable = False
    shop.ledger.resume()
    *_, summary = changes = history(shop, revision)
    assert len(changes) == 4
    assert summary.command["command"] == "summary"
    assert summary.command["steps"] == 3
    assert [part["name"] for part in summary.changed] == ["us"]  # eu is down again
    loaded = run(shop.store.load())
    assert State(0, loaded.entities).application_named("us") == (
        shop.ledger.state.application_named("us")
    )
    shop.do(Automate(group(shop).id))


def test_an_unrecorded_step_takes_the_next_serial_number(shop: Corridor) -> None:
    """The clock's number is not reserved on disk, the next one is."""
    shop.now += 1000.0
    before = shop.ledger.state.serial(ORIGIN)
    shop.store.unreachable = True
    fail_over(shop)
    after = shop.ledger.state.serial(ORIGIN)
    assert before is not None
    assert after is not None
    assert after.serial == before.serial + 1


@pytest.mark.parametrize("failure", [Failure.LOST, Failure.UNCONFIRMED])
def test_a_step_whose_outcome_is_unknown_is_carried_out_once(failure: Failure) -> None:
    """The store is asked what it has before the step is stored again."""

    class Vanishing(MemoryStore):
        """A store that becomes unreachable during a commit."""

        async def commit(self, *arguments: Any) -> None:
            try:
                await super().commit(*arguments)
            finally:
                self.unreachable = bool(self.failures) or self.unreachable

    store = Vanishing()
    shop = build(store)
    revision = shop.ledger.state.revision
    store.failures = [failure, None]
    fail_over(shop)
    assert shop.ledger.behind
    assert shop.refuse(AddApplication("x")).code in ("unavailable", "unknown-outcome")
    store.unreachable = False
    store.failures = []
    shop.ledger.resume()
    commands = [change.command["command"] for change in history(shop, revision)]
    assert commands == ["LearnHealth", "Automate"]
    assert not shop.ledger.overlay
    assert group(shop).active is Side.BACKUP
    assert answers(shop) == fresh_answers(shop.ledger.state)


def test_steps_are_laid_again_over_a_change_that_was_stored_after_all(shop: Corridor) -> None:
    """A command by hand of unknown outcome comes back before them; the steps that fit stay."""
    twin = Corridor(shop.store)
    twin.open_ledger(
        State(shop.ledger.state.revision, run(shop.store.load()).entities, (ZONE,), SETTINGS)
    )
    shop.do(AddGroup("other", label="other", primary="us"))
    twin.ledger.behind = True
    twin.ledger.resume()
    twin.table.apply(write_delta(Delta(authorities=all_authorities(twin.ledger.state))))
    twin.table.apply(write_nodes(all_nodes(twin.ledger.state)))
    shop.store.unreachable = True
    fail_over(shop)
    shop.store.unreachable = False
    twin.do(SetGroup("other", ttl=7))
    twin.do(SetApplication("us", require_heads="all"))
    shop.ledger.resume()
    assert not shop.ledger.overlay
    assert group(shop).active is Side.BACKUP
    assert group(shop, "other").ttl == 7
    (switched,) = [c for c in history(shop, 0) if c.command["command"] == "Automate"]
    assert group(shop).revision == switched.revision
    assert answers(shop) == fresh_answers(shop.ledger.state)
    loaded = run(shop.store.load())
    assert set(State(0, loaded.entities).groups()) == set(shop.ledger.state.groups())


def test_a_start_goes_on_with_unrecorded_steps_of_the_server_before(shop: Corridor) -> None:
    """The new server serves the same sides and serials, and records the steps later."""
    shop.store.unreachable = True
    fail_over(shop)
    steps, before = shop.ledger.overlay.steps, shop.ledger.state
    shop.store.unreachable = False
    loaded = run(shop.store.load())
    shop.store.unreachable = True
    shop.open_ledger(State(loaded.revision, loaded.entities, (ZONE,), SETTINGS))
    shop.ledger.adopt(steps, "the disk is full")
    assert group(shop).active is Side.BACKUP
    assert shop.ledger.state.serial(ORIGIN) == before.serial(ORIGIN)
    assert shop.ledger.outage is not None
    shop.store.unreachable = False
    shop.ledger.resume()
    assert [c.command["command"] for c in history(shop, loaded.revision)] == [
        "LearnHealth",
        "Automate",
    ]


def test_steps_that_were_recorded_before_a_start_are_not_made_again(shop: Corridor) -> None:
    """Processes may hold steps that the store has already."""
    shop.store.unreachable = True
    fail_over(shop)
    steps = shop.ledger.overlay.steps
    shop.store.unreachable = False
    shop.ledger.resume()
    loaded = run(shop.store.load())
    shop.open_ledger(State(loaded.revision, loaded.entities, (ZONE,), SETTINGS))
    shop.ledger.adopt(steps, "")
    assert not shop.ledger.overlay
    assert shop.ledger.outage is None


def test_the_first_configuration_is_applied_although_the_store_cannot_be_written(
    shop: Corridor,
) -> None:
    """A start on a read-only file system serves the zones of the configuration."""
    loaded = run(shop.store.load())
    shop.store.unreachable = True
    zone = replace(ZONE, ttl=5)
    shop.open_ledger(State(loaded.revision, loaded.entities, (ZONE,), SETTINGS))
    shop.do(Configure((zone,), SETTINGS, is_start=True))
    shop.do(ForgetHealth())
    assert shop.ledger.state.zones == (zone,)
    shop.store.unreachable = False
    shop.ledger.resume()
    assert [c.command["command"] for c in history(shop, loaded.revision)] == [
        "Configure",
        "ForgetHealth",
    ]


STEPS = st.one_of(
    st.tuples(st.just("observe"), st.sampled_from(["eu", "us"]), st.sampled_from(Health)),
    st.just(("automate",)),
    st.just(("plan",)),
    st.just(("forget",)),
    st.tuples(st.just("pass"), st.sampled_from([1.0, 100.0])),
    st.sampled_from([("fails", failure) for failure in Failure]),
    st.sampled_from([("full",), ("room",), ("resume",)]),
)


@given(st.lists(STEPS, max_size=30))
def test_phases_without_room_lead_to_the_same_state_and_history(
    steps: list[tuple[Any, ...]],
) -> None:
    """What happens to groups does not depend on when the store can be written."""
    states, told = [], []
    for may_fail in (False, True):
        shop = build(MemoryStore())
        shop.do(Switch(("shop",), at=shop.now + 150.0))
        for word, *values in steps:
            take(shop, word, values, may_fail=may_fail)
        shop.store.unreachable = False
        shop.store.failures = []
        shop.ledger.resume()
        assert not shop.ledger.overlay
        assert answers(shop) == fresh_answers(shop.ledger.state)
        loaded = run(shop.store.load())
        assert loaded.revision == shop.ledger.state.revision
        states.append([e for e in loaded.entities if not isinstance(e, ZoneSerial)])
        told.append([(c.command["command"], c.changed) for c in history(shop, 0)])
    assert states[0] == states[1]
    assert told[0] == told[1]


def take(shop: Corridor, word: str, values: list[Any], *, may_fail: bool) -> None:
    """Take one step of a test; if `may_fail`, with the store failing as the step says."""
    command: Mutation | None = None
    match word:
        case "observe":
            observe(shop, *values)
        case "automate":
            command = Automate(group(shop).id)
        case "plan":
            command = AdvancePlan(group(shop).id)
        case "forget":
            command = ForgetHealth()
        case "pass":
            shop.now += values[0]
        case "fails" if may_fail:
            shop.store.failures = [values[0]]
        case "full" | "room" if may_fail:
            shop.store.unreachable = word == "full"
        case "resume" if may_fail:
            shop.ledger.resume()
    if command is not None:
        (outcome,) = shop.submit(command)
        assert isinstance(outcome, Done | Rejected)
        assert isinstance(outcome, Done), outcome
