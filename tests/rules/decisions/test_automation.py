"""Automatic switches: when they are made, when they are held back, and what never happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import samples
import watched
from corridors import ZONE, Corridor
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from samples import answers, carried_out, carry_out
from tables import served
from watched import AUTO, DOWN, UNKNOWN, UP, learn, look, said, the_group

from failoverdns.changes.state import State
from failoverdns.model.application import Application, HeadRole
from failoverdns.model.change import Json, Write
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import (
    AddApplication,
    AddHead,
    RemoveHead,
    SetApplication,
)
from failoverdns.model.commands.automation import AdvancePlan, Automate, SetFlag, SetMaintenance
from failoverdns.model.commands.groups import AddGroup, SetGroup, Switch
from failoverdns.model.commands.health import ForceHealth, ForgetHealth, LearnHealth
from failoverdns.model.commands.server import Configure
from failoverdns.model.errors import RuleFailure
from failoverdns.model.group import Group, Side
from failoverdns.model.health import Cause, Health, Observed
from failoverdns.model.moment import Moment
from failoverdns.model.policy import (
    AllDown,
    AnswerOf,
    Assertion,
    Automation,
    AutomationSettings,
    Gate,
    Held,
    Policy,
    Unchecked,
)
from failoverdns.protocol.table.python_table import PythonTable
from failoverdns.rules.decisions.automation import outlook, wants_writing
from failoverdns.rules.derived.active_side import side_condition
from failoverdns.workers import full_table as filling

PRIMARY, BACKUP = Side.PRIMARY, Side.BACKUP
EU, US = ["A 192.0.2.1"], ["A 198.51.100.1"]
NEVER = Gate("never", ("*",), flag="never")
OBJECTION = RuleFailure("before-switch", "the database is not ready", "shop")


def held(view: State) -> Held | None:
    """The switch of `shop` that is recorded as held."""
    return the_group(view).automation.held


def test_a_group_whose_primary_is_down_is_switched_after_the_grace_period() -> None:
    view = watched.shop(UP, UP)
    learn(view, "eu", DOWN, 1000.0)
    assert look(view, 1029.9) == {}
    assert answers(view) == EU
    assert look(view, 1030.0) == {"groups": ["shop"], "to": "backup"}
    assert answers(view) == US
    group = the_group(view)
    assert group.automation == Automation("auto", switched_at=1030.0, automatic=(1030.0,))
    assert group.drained_at == 1090.0


def test_a_group_fails_back_when_the_primary_was_up_for_the_hold_time() -> None:
    view = watched.shop(UP, UP)
    learn(view, "eu", DOWN, 1000.0)
    look(view, 1030.0)
    learn(view, "eu", UP, 1050.0)
    assert look(view, 1169.9) == {}
    assert look(view, 1170.0) == {"groups": ["shop"], "to": "primary"}
    automation = the_group(view).automation
    assert (automation.automatic, automation.by_hand) == ((1030.0, 1170.0), False)


def test_a_primary_that_recovers_within_the_grace_period_keeps_its_group() -> None:
    view = watched.shop(UP, UP)
    learn(view, "eu", DOWN, 1000.0)
    learn(view, "eu", UP, 1029.0)
    assert look(view, 5000.0) == {}
    learn(view, "eu", DOWN, 5000.0)
    assert look(view, 5029.0) == {}, "the grace period begins again the next time"


@pytest.mark.parametrize(
    ("policy", "maintained"),
    [
        pytest.param("", False, id="without a policy"),
        pytest.param("by-hand", False, id="with a manual policy"),
        pytest.param("auto", True, id="in maintenance"),
    ],
)
def test_a_group_without_automation_is_never_switched_automatically(
    policy: str, maintained: bool
) -> None:
    by_hand = Policy("by-hand")
    view = watched.shop(DOWN, UP)
    settings = replace(view.settings, policies=(*view.settings.policies, by_hand))
    carry_out(view, Configure(view.zones, settings))
    carry_out(view, SetGroup("shop", policy=policy))
    if maintained:
        carry_out(view, SetMaintenance("shop", True))
    assert look(view, 1e6) == {}
    assert answers(view) == EU
    looked = outlook(view, the_group(view), Moment(1e6, 1e6))
    assert (looked.verdict, looked.is_due, looked.failures) == (None, False, ())


def test_a_group_is_switched_automatically_again_after_maintenance() -> None:
    view = watched.shop(DOWN, UP)
    carry_out(view, SetMaintenance("shop", True, "disk swap"))
    assert look(view, 1000.0) == {}
    carry_out(view, SetMaintenance("shop", False))
    assert look(view, 1000.0)["to"] == "backup"


def test_automation_of_a_removed_group_is_not_an_error() -> None:
    assert carry_out(watched.shop(), Automate("grp-gone")) == {}


def test_a_refused_automatic_switch_is_recorded_once_with_its_rules() -> None:
    view = watched.shop(DOWN, UP, NEVER)
    carry_out(view, SetFlag("automation", False))
    first = look(view, 1000.0)
    assert first["held"] == ["automation", "never"]
    assert first["to"] == "backup"
    assert [r["rule"] for r in first["rules"]] == ["automation", "never"]
    assert held(view) == Held("backup", ("automation", "never"), 1000.0)
    revision = view.revision
    for later in range(1001, 1100):
        assert look(view, float(later)) == {}
    assert view.revision == revision
    assert answers(view) == EU


def test_a_held_switch_is_recorded_again_when_other_rules_refuse_it() -> None:
    view = watched.shop(DOWN, UP, NEVER)
    look(view, 1000.0)
    carry_out(view, SetFlag("automation", False))
    look(view, 1010.0)
    assert held(view) == Held("backup", ("automation", "never"), 1010.0)
    carry_out(view, SetFlag("automation", True))
    assert look(view, 1020.0)["held"] == ["never"]
    carry_out(view, SetFlag("never", True))
    assert look(view, 1030.0)["to"] == "backup"
    assert held(view) is None


def test_a_held_switch_is_cleared_when_the_policy_does_not_call_for_it_any_more() -> None:
    view = watched.shop(DOWN, UP, NEVER)
    look(view, 1000.0)
    learn(view, "eu", UP, 1010.0)
    assert look(view, 1010.0) == {"group": "shop", "held": None}
    assert held(view) is None
    assert look(view, 1011.0) == {}


def test_a_manual_switch_maintenance_and_another_policy_clear_the_held_switch() -> None:
    for command in (
        Switch(("shop",), BACKUP),
        SetMaintenance("shop", True),
        SetGroup("shop", policy=""),
    ):
        view = watched.shop(DOWN, UP, NEVER)
        look(view, 1000.0)
        assert held(view) is not None
        carry_out(view, command, 1001.0)
        assert held(view) is None


def test_a_held_switch_appears_in_the_history() -> None:
    view = watched.shop(DOWN, UP, NEVER)
    (part,) = samples.changed_by(view, Automate("grp-shop"), now=1000.0)
    assert part["fields"] == {"held": [None, "from backup by never"]}


def test_the_objection_of_an_external_program_is_recorded_like_a_failed_rule() -> None:
    view = watched.shop(DOWN, UP)
    result = carry_out(view, Automate("grp-shop", (OBJECTION,)), 1000.0)
    assert result == {
        "group": "shop",
        "held": ["before-switch"],
        "to": "backup",
        "rules": [{"rule": "before-switch", "message": "the database is not ready"}],
    }
    assert carry_out(view, Automate("grp-shop", (OBJECTION,)), 1001.0) == {}
    assert carry_out(view, Automate("grp-shop"), 1002.0)["to"] == "backup"


def test_an_objection_to_a_switch_that_is_not_due_any_more_is_ignored() -> None:
    for primary, since in ((UP, 0.0), (DOWN, 990.0)):
        view = watched.shop(primary, UP, since=since)
        assert carry_out(view, Automate("grp-shop", (OBJECTION,)), 1000.0) == {}
        assert held(view) is None


def test_forced_health_with_a_start_in_the_future_counts_from_now() -> None:
    """The clock was set back while no server ran: the grace period begins at each decision."""
    view = watched.shop(UP, UP)
    watched.force(view, "eu", DOWN, 1e9)
    looked = outlook(view, the_group(view), Moment(1000.0, 1000.0))
    assert looked.verdict is not None
    assert (looked.verdict.at, looked.is_due) == (1030.0, False)


def flapped(view: State) -> None:
    """Switch the group automatically twice, as often as its policy allows within 1000 s."""
    learn(view, "eu", DOWN, 1000.0)
    look(view, 1030.0)
    learn(view, "eu", UP, 1040.0)
    learn(view, "us", DOWN, 1100.0)
    look(view, 1130.0)
    assert the_group(view).automation.automatic == (1030.0, 1130.0)
    learn(view, "us", UP, 1140.0)
    learn(view, "eu", DOWN, 1200.0)


def test_the_flap_guard_holds_a_group_that_switched_too_often_and_is_recorded() -> None:
    view = watched.shop(UP, UP, max_switches=2)
    flapped(view)
    assert look(view, 1230.0) == {"group": "shop", "held": ["flap-guard"], "to": "backup"}
    assert held(view) == Held("backup", ("flap-guard",), 1230.0)
    assert look(view, 2029.9) == {}
    assert look(view, 2030.0) == {"groups": ["shop"], "to": "backup"}
    assert the_group(view).automation.automatic == (1130.0, 2030.0)


def test_a_manual_switch_is_not_counted_and_not_held_back_by_the_flap_guard() -> None:
    view = watched.shop(UP, UP)
    flapped(view)
    carry_out(view, Switch(("shop",), BACKUP), 1230.0)
    automation = the_group(view).automation
    assert (automation.automatic, automation.switched_at) == ((1030.0, 1130.0), 1230.0)


@pytest.mark.parametrize("at", [None, 1_000_001.0], ids=["now", "planned"])
def test_a_manual_switch_from_a_side_that_was_not_down_is_not_undone(at: float | None) -> None:
    """An operator wants it there, although the primary has been up for a long time."""
    view = watched.shop(UP, UP)
    carry_out(view, Switch(("shop",), BACKUP, at=at), 1e6)
    carry_out(view, AdvancePlan("grp-shop"), 1_000_001.0)
    assert the_group(view).active is BACKUP
    assert look(view, 2e6) == {}
    learn(view, "eu", DOWN, 2e6)
    learn(view, "eu", UP, 2e6 + 1)
    assert look(view, 3e6) == {}
    learn(view, "us", DOWN, 3e6)
    assert look(view, 3e6 + 30)["to"] == "primary", "the backup is down"
    learn(view, "us", UP, 3e6 + 31)
    learn(view, "eu", DOWN, 4e6)
    assert look(view, 4e6 + 30)["to"] == "backup"
    learn(view, "eu", UP, 4e6 + 31)
    assert look(view, 5e6)["to"] == "primary", "no operator made the last switch"


def test_a_manual_switch_from_a_side_that_was_down_fails_back_like_an_automatic_one() -> None:
    view = watched.shop(DOWN, UP)
    carry_out(view, Switch(("shop",), BACKUP), 10.0)
    learn(view, "eu", UP, 20.0)
    assert look(view, 139.0) == {}
    assert look(view, 140.0)["to"] == "primary"


def test_the_rules_of_a_manual_switch_apply_to_automatic_ones() -> None:
    """A switch to a side with a certificate for other names is held back."""
    view = watched.shop(DOWN, UP)
    for of, names in (("eu", "www.shop.example"), ("us", "docs.shop.example")):
        certificate = samples.certificate(of, names, called=of)
        view.apply(view.revision, [samples.Write(None, certificate)])
    assert look(view, 1000.0)["held"] == ["certificate-names"]


def test_an_assertion_holds_back_an_automatic_switch_that_leaves_too_few_on_their_primary() -> None:
    groups = [samples.group(called, automation=Automation("auto")) for called in ("shop", "blog")]
    rule = Assertion("one-at-home", ("shop", "blog"), 1)
    view = watched.watched(groups, DOWN, UP, rule)
    assert look(view, 1000.0)["to"] == "backup"
    assert carry_out(view, Automate("grp-blog"), 1000.0)["held"] == ["one-at-home"]


def test_the_history_has_the_reason_of_an_automatic_switch() -> None:
    corridor = shop_in_a_corridor()
    corridor.do(LearnHealth(id_of(corridor, "eu"), (("web1", said(DOWN, 1000.0)),)))
    corridor.now = 1030.0
    corridor.do(Automate(the_group(corridor.ledger.state).id))
    commands: list[Json] = []
    corridor.listeners.append(lambda change: commands.append(dict(change.command)))
    corridor.do(LearnHealth(id_of(corridor, "eu"), (("web1", said(UP, 1030.0)),)))
    corridor.now = 1300.0
    corridor.do(Automate(the_group(corridor.ledger.state).id))
    assert commands[-1] == {
        "command": "Automate",
        "groups": ["shop"],
        "to": "primary",
        "reason": "the primary is up again",
    }


def test_a_group_wants_writing_only_when_automation_would_change_something() -> None:
    """A group that is checked each second and does not change costs no command."""
    view = watched.shop(DOWN, UP, NEVER)
    for at, due in ((10.0, False), (30.0, True), (31.0, False)):
        group = the_group(view)
        assert wants_writing(view, group, outlook(view, group, Moment(at, at))) is due
        look(view, at)


@given(
    st.sampled_from(Health),
    st.sampled_from(Health),
    st.sampled_from(Side),
    st.lists(st.integers(0, 400), max_size=3),
    st.sampled_from([None, Held("backup", ("flap-guard",), 0.0), Held("backup", ("never",), 0.0)]),
    st.booleans(),
    st.integers(0, 2000),
)
def test_automation_writes_exactly_when_it_wants_to(
    primary: Health,
    backup: Health,
    active: Side,
    automatic: list[int],
    held: Held | None,
    barred: bool,
    now: int,
) -> None:
    automation = Automation("auto", automatic=tuple(map(float, sorted(automatic))), held=held)
    rules = (NEVER,) if barred else ()
    group = samples.group(active=active, automation=automation)
    view = watched.watched([group], primary, backup, *rules)
    wanted = wants_writing(view, group, outlook(view, group, Moment(now, now)))
    _, writes, _ = carried_out(view, Automate("grp-shop"), float(now))
    assert wanted is bool(writes)


@pytest.mark.parametrize("by", [-3600.0, 3600.0])
def test_setting_the_wall_clock_by_an_hour_makes_no_switch_early_or_late(by: float) -> None:
    """The grace period, the hold time and recorded times do not depend on the wall clock."""
    view = watched.shop(UP, UP)
    learn(view, "eu", DOWN, 10000.0)
    assert look(view, 10029.9, wall=10029.9 + by) == {}
    assert look(view, 10030.0, wall=10030.0 + by)["to"] == "backup"
    learn(view, "eu", UP, 10040.0)
    assert look(view, 10159.9, wall=10159.9 - by) == {}
    assert look(view, 10160.0, wall=10160.0 - by)["to"] == "primary"
    assert the_group(view).automation.automatic == (10030.0, 10160.0)


STORY = st.lists(
    st.tuples(
        st.sampled_from([(UP, UP), (DOWN, UP), (DOWN, UP), (UP, DOWN), (DOWN, DOWN)]),
        st.integers(1, 90),
    ),
    min_size=15,
    max_size=40,
)


@settings(max_examples=50)
@given(STORY, st.integers(1, 3), st.sampled_from([0.0, 40.0]), st.booleans())
def test_a_group_with_flapping_health_switches_no_more_often_than_its_policy_allows(
    story: list[tuple[tuple[Health, Health], int]], most: int, cooldown: float, by_hand: bool
) -> None:
    """Within any window, with the cooldown between switches, and never to a side that is not up."""
    policy = {"grace": 5.0, "hold": 5.0, "window": 600.0, "max_switches": most}
    view = watched.shop(UP, UP, cooldown=cooldown, **policy)
    now, switched = 1000.0, list[float]()
    for (primary, backup), passed in story:
        learn(view, "eu", primary, now)
        learn(view, "us", backup, now)
        now += passed
        health = {PRIMARY: primary, BACKUP: backup}
        if "to" in (result := look(view, now)) and "held" not in result:
            switched.append(now)
            assert health[the_group(view).active] is UP
        if by_hand and passed % 7 == 0:
            carry_out(view, Switch(("shop",), override=("target-down",)), now)
    assert all(later - earlier >= cooldown for earlier, later in pairwise(switched))
    window = zip(switched, switched[most:], strict=False)
    assert all(one_too_many - first >= 600.0 for first, one_too_many in window)


POLICY = replace(AUTO, grace=10.0, hold=20.0, all_down=AllDown.EMPTY, answer=AnswerOf.HEALTHY)
TIMES = st.sampled_from([1.0, 5.0, 30.0, 30.0, 61.0, 400.0])
APPLICATIONS = st.sampled_from(["eu", "us"])
HEADS = st.sampled_from(["web1", "web2", "web*"])
ASSERTION = Assertion("one-at-home", ("shop", "blog"), 1)
GATE = Gate("office-hours", ("blog",), flag="office")


def shop_in_a_corridor() -> Corridor:
    """The groups `shop` and `blog` over two applications of two web servers each."""
    corridor = Corridor()
    corridor.do(Configure((ZONE,), AutomationSettings((watched.WEB,), (POLICY,))))
    for number, called in enumerate(("eu", "us")):
        corridor.do(AddApplication(called))
        for server in (1, 2):
            address = samples.addresses(f"192.0.2.{10 * number + server}")
            head = AddHead(called, f"web{server}", HeadRole.WEB_SERVER, address)
            corridor.do(head)
        corridor.do(SetApplication(called, ("web",), require_heads="all"))
        for server in (1, 2):
            up = Observed(UP, corridor.now)
            corridor.do(LearnHealth(id_of(corridor, called), ((f"web{server}", up),)))
    for called, primary, backup in (("shop", "eu", "us"), ("blog", "us", "eu")):
        corridor.do(AddGroup(called, label=called, primary=primary, backup=backup, policy="auto"))
    return corridor


def id_of(corridor: Corridor, called: str) -> str:
    """The id of an application."""
    application = corridor.ledger.state.application_named(called)
    assert application is not None
    return application.id


class AutomationMachine(RuleBasedStateMachine):
    """Probes, commands, passing time and set clocks in any order, with automation in between."""

    def __init__(self) -> None:
        super().__init__()
        self.corridor = shop_in_a_corridor()
        self.switched: dict[str, list[float]] = {"shop": [], "blog": []}
        self.observed: dict[str, dict[str, Observed | None]] = {}
        self.forced: dict[str, object] = {}

    @property
    def state(self) -> State:
        """The committed state."""
        return self.corridor.ledger.state

    def groups(self) -> Iterator[Group]:
        """Both groups, in their present state."""
        return (the_group(self.state, called) for called in self.switched)

    @initialize(rules=st.sampled_from([(), (ASSERTION,), (GATE,), (ASSERTION, GATE)]))
    def configure(self, rules: tuple[Assertion | Gate, ...]) -> None:
        """Configure some safety rules, or none."""
        self.corridor.do(Configure((ZONE,), AutomationSettings((watched.WEB,), (POLICY,), rules)))

    @rule(
        of=APPLICATIONS,
        head=st.sampled_from(["web1", "web2"]),
        cause=st.sampled_from([None, None, Cause.TIMEOUT, Cause.REFUSED]),
    )
    def probe(self, of: str, head: str, cause: Cause | None) -> None:
        """Record the results of probes: they never change forced health."""
        before = self.healths()
        health = UP if cause is None else DOWN
        observed = Observed(health, self.corridor.now, cause, "")
        self.corridor.do(LearnHealth(id_of(self.corridor, of), ((head, observed),)))
        after = self.healths()
        assert [forced for forced, _ in after.values()] == [forced for forced, _ in before.values()]
        assert after[of, head][1].health is health

    @rule(of=APPLICATIONS, head=st.none() | HEADS, health=st.sampled_from(Health))
    def force(self, of: str, head: str | None, health: Health) -> None:
        """Force health, or remove the override: this never changes observed health."""
        before = self.healths()
        self.corridor.do(ForceHealth(of, head, health))
        after = self.healths()
        seen = [[(s.health, s.cause) for _, s in healths.values()] for healths in (before, after)]
        assert seen[0] == seen[1]
        application = self.state.application_named(of)
        assert application is not None
        changed = [application.head(head)] if head in ("web1", "web2") else application.heads
        for entity in (application,) if head is None else changed:
            assert entity is not None
            assert (entity.forced and entity.forced.health) == (
                health if health is not UNKNOWN else None
            )

    def healths(self) -> dict[tuple[str, str], tuple[object, Observed]]:
        """Forced and observed health, for each head."""
        return {
            (application.name, head.name): (
                (application.forced, head.forced),
                head.observed or Observed(UNKNOWN, 0.0),
            )
            for application in self.state.applications()
            for head in application.heads
        }

    @rule(down=st.sampled_from([(), ("eu",), ("us",), ("eu", "us")]), passed=TIMES)
    def live_through(self, down: tuple[str, ...], passed: float) -> None:
        """Make whole applications down, and the others up, for some time."""
        for of in ("eu", "us"):
            for head in ("web1", "web2"):
                self.probe(of, head, Cause.TIMEOUT if of in down else None)
        self.pass_time(passed, 2)

    @rule(passed=TIMES, looks=st.integers(1, 3))
    def pass_time(self, passed: float, looks: int) -> None:
        """Let time pass, and let automation decide on every group at least once."""
        for _ in range(looks):
            self.corridor.now += passed
            for called in self.switched:
                self.look(called)

    def look(self, called: str) -> None:
        """Let automation decide on a group, and record an automatic switch."""
        before = the_group(self.state, called)
        sides = {side: side_condition(self.state, before, side).health for side in Side}
        self.corridor.do(Automate(before.id))
        after = the_group(self.state, called)
        if after.active is not before.active:
            assert sides[after.active] is UP
            assert before.automation.maintenance is None
            if before.automation.by_hand and before.active is BACKUP:
                assert sides[BACKUP] is DOWN
            self.switched[called].append(self.corridor.now)

    @rule(by=st.sampled_from([-3600.0, 3600.0]))
    def set_the_clock(self, by: float) -> None:
        """Set the wall clock when nothing is due: this makes nothing due."""
        for called in self.switched:
            self.look(called)
        revision = self.state.revision
        self.corridor.ahead += by
        for called in self.switched:
            self.look(called)
        assert self.state.revision == revision

    @rule(
        command=st.one_of(
            st.builds(
                Switch,
                st.sampled_from([("shop",), ("blog",), ("shop", "blog")]),
                st.sampled_from([None, *Side]),
                override=st.sampled_from([(), ("target-down",)]),
            ),
            st.builds(SetMaintenance, st.sampled_from(["shop", "blog"]), st.booleans()),
            st.builds(SetFlag, st.sampled_from(["office", "automation"]), st.just(True)),
            st.builds(SetFlag, st.sampled_from(["office", "automation"]), st.booleans()),
            st.just(ForgetHealth()),
        )
    )
    def intervene(self, command: Mutation) -> None:
        """Give a command of an operator; it may be refused."""
        self.corridor.submit(command)

    @invariant()
    def nothing_flaps(self) -> None:
        """No two automatic switches are too close, no window has too many."""
        for times in self.switched.values():
            assert all(later - earlier >= POLICY.cooldown for earlier, later in pairwise(times))
            most = POLICY.max_switches
            first_and_too_many = zip(times, times[most:], strict=False)
            assert all(after - first >= POLICY.window for first, after in first_and_too_many)

    @invariant()
    def every_group_is_on_one_side(self) -> None:
        """Each group makes one application active, and that one is online."""
        active = [self.state.attachments(a.id)[1] for a in self.state.applications()]
        assert sum(active) == len(self.switched)
        for application in self.state.applications():
            owner = f"_status.{application.name}.failover.test"
            online = any(g.application(g.active) == application.id for g in self.groups())
            assert answers(self.state, owner) == ["TXT online" if online else "TXT offline"]

    @invariant()
    def what_is_served_is_what_a_restart_would_serve(self) -> None:
        """The table made by deltas equals one that is filled from the state."""
        fresh = PythonTable()
        for part in filling.parts(self.state):
            fresh.apply(part)
        assert served(fresh) == served(self.corridor.table)


TestAutomationMachine = AutomationMachine.TestCase
TestAutomationMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def unchecked(**fields: Any) -> State:
    """`shop`, whose backup `us` has a web head since 10 s and no check."""
    return samples.state(
        watched.all_are(samples.eu(), DOWN, 100.0),
        samples.us(unchecked_at=10.0),
        samples.group(automation=Automation("auto")),
        settings=watched.settings(**fields),
    )


def test_a_group_leaves_a_dead_primary_for_a_backup_that_nothing_checks() -> None:
    view = unchecked()
    assert look(view, 129.9) == {}
    assert look(view, 130.0)["to"] == "backup"


def test_a_policy_can_say_that_what_nothing_checks_is_unknown() -> None:
    view = unchecked(unchecked=Unchecked.UNKNOWN)
    assert look(view, 10_000.0) == {}


def test_an_unchecked_backup_counts_as_up_since_nothing_checks_it() -> None:
    """The grace begins again when the last check, or the first head, came."""
    view = watched.shop(DOWN, DOWN)
    samples.carry_out(view, SetApplication("us", check=()), 500.0)
    assert look(view, 529.9) == {}
    assert look(view, 530.0)["to"] == "backup"


@pytest.mark.parametrize(
    "backup",
    [
        pytest.param(samples.application("us"), id="without a web head"),
        pytest.param(samples.us(checks=("web",)), id="with a check that has no result yet"),
        pytest.param(samples.us(forced=watched.forced(DOWN)), id="forced down"),
        pytest.param(samples.us(require_heads=2), id="with fewer heads than must be up"),
    ],
)
def test_no_other_backup_without_a_result_counts_as_up(backup: Application) -> None:
    view = unchecked()
    before = view.application("app-us")
    view.apply(view.revision, (Write(before, backup),))
    assert look(view, 10_000.0) == {}


def test_a_group_never_goes_back_to_a_primary_that_nothing_checks() -> None:
    for backup in (DOWN, UP):
        view = samples.state(
            samples.eu(unchecked_at=0.0),
            watched.all_are(samples.us(), backup),
            samples.group(active=Side.BACKUP, automation=Automation("auto")),
            settings=watched.settings(),
        )
        assert look(view, 10_000.0) == {}


def test_a_head_that_is_no_longer_forced_counts_from_then() -> None:
    view = unchecked()
    watched.force(view, "us", DOWN, 200.0)
    watched.force(view, "us", UNKNOWN, 300.0)
    assert look(view, 329.9) == {}
    assert look(view, 330.0)["to"] == "backup"


def test_a_primary_that_lost_its_last_head_is_left() -> None:
    view = watched.shop()
    samples.carry_out(view, RemoveHead("eu", "lb1", override=("target-empty",)), 100.0)
    assert look(view, 129.9) == {}
    assert look(view, 130.0)["to"] == "backup"
