"""Explanations: what a group answers and why, what would switch it, and what prevents a switch."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import samples
import watched
from hypothesis import given
from hypothesis import strategies as st
from samples import HOSTNAME, carry_out
from watched import DOWN, UNKNOWN, UP, is_, learn, look, the_group

from failoverdns.changes.state import State
from failoverdns.model.change import Json
from failoverdns.model.commands.automation import AdvancePlan, SetFlag
from failoverdns.model.commands.groups import Switch
from failoverdns.model.group import Side
from failoverdns.model.moment import Moment
from failoverdns.model.policy import AllDown, AnswerOf, Automation, Gate, Maintenance, Mode, Plan
from failoverdns.model.store_condition import Outage
from failoverdns.rules.explaining import explanation

T = 1_800_000_000.0
LEFT_OUT = "Web servers that are down are left out of the answer."
NEVER = Gate("never", ("*",), flag="never")
BACKUP = Side.BACKUP


def explained(view: State, at: float = 1000.0, wall: float | None = None) -> Any:
    """The explanation of `shop`."""
    group, now = the_group(view), at if wall is None else wall
    return explanation(
        view, group, Moment(now, at), lambda application: [f"probes of {application.name}"]
    )


def sentences(view: State, at: float = 1000.0, wall: float | None = None) -> list[str]:
    """The sentences of the explanation of `shop`."""
    found: list[str] = explained(view, at, wall)["sentences"]
    return found


def test_a_healthy_group_is_explained() -> None:
    view = watched.shop(since=940.0)
    assert sentences(view) == [
        f"{HOSTNAME} answers 192.0.2.1: the primary side is active, and application eu is on it.",
        "The primary, eu, has been up for 1 min.",
        "The backup, us, has been up for 1 min.",
        "Its policy, auto, keeps it where it is: the primary is up.",
        "It switches to the backup when the primary has been down for 30 s and the backup is up.",
        "No rule prevents a switch to the backup.",
    ]


@pytest.mark.parametrize(
    ("is_full", "last"),
    [
        (False, "An automatic switch is made all the same, and recorded later."),
        (True, "Too many automatic steps are not recorded: no group switches automatically."),
    ],
)
def test_that_the_state_cannot_be_written_is_explained(is_full: bool, last: str) -> None:
    """No sentence says that no rule prevents a switch, which would be refused."""
    view = watched.shop(since=940.0)
    found: Any = explanation(
        view,
        the_group(view),
        Moment(T, 1000.0),
        lambda _: [],
        Outage(T - 60.0, "the disk is full", 7),
        unrecorded=T - 5.0,
        is_full=is_full,
    )
    assert found["sentences"][-3:] == [
        "The state cannot be written since 2027-01-15T07:59:00.000Z: the disk is full. "
        "A switch by hand is refused until it can be.",
        last,
        "What automation did here since 2027-01-15T07:59:55.000Z is not recorded yet.",
    ]
    assert not any("No rule" in sentence for sentence in found["sentences"])


def test_an_explanation_has_its_facts_as_values_too() -> None:
    view = watched.shop(DOWN, UP, NEVER, since=990.0)
    found = explained(view, wall=T)
    sentences = found.pop("sentences")
    assert found.pop("automation")["policy"] == "auto"
    assert found == {
        "group": "shop",
        "hostname": HOSTNAME,
        "active": "primary",
        "answers": ["192.0.2.1"],
        "switches_at": "2027-01-15T08:00:20.000Z",
        "rules": [
            {
                "rule": "never",
                "message": "group 'shop': the flag 'never' is off: `failoverdns flag on never` "
                "opens the gate",
            }
        ],
        "probes": {"primary": ["probes of eu"], "backup": ["probes of us"]},
    }
    assert sentences[3:] == [
        "Its policy, auto, calls for a switch to the backup: "
        "the primary is down and the backup is up; "
        "at the earliest in 20 s, at 2027-01-15T08:00:20.000Z (grace).",
        "An automatic switch to the backup would be refused by never: group 'shop': the "
        "flag 'never' is "
        "off: `failoverdns flag on never` opens the gate.",
    ]


def test_an_explanation_says_why_a_side_is_down() -> None:
    assert sentences(watched.shop(DOWN, UP))[1] == (
        "The primary, eu, has been down for 16 min 40 s: lb1: refused, port 80: refused."
    )


def test_an_explanation_says_what_this_machine_lacks_to_probe_a_side() -> None:
    """That is no reason to wait for more results."""
    view, why = watched.shop(UP, UNKNOWN), "this machine has no route to 2001:db8::1"
    results: list[Json] = [{"result": None}, {"result": "unknown", "detail": why}]
    found: Any = explanation(view, the_group(view), Moment(T, 1000.0), lambda _: results)
    expected = f"The backup, us, is unknown: it cannot be probed from here, {why}."
    assert expected in found["sentences"]


def test_an_explanation_of_a_forced_side_includes_its_observed_health() -> None:
    view = watched.shop(UP, UP)
    watched.force(view, "eu", DOWN, 970.0, reason="works")
    watched.force(view, "us", UP, 970.0)
    assert sentences(view)[1:3] == [
        "The primary, eu, has been down for 30 s, because it is forced (works); its observed "
        "health is up.",
        "The backup, us, has been up for 30 s, because it is forced; its observed health is up.",
    ]


@pytest.mark.parametrize(
    ("view", "sentence"),
    [
        (watched.shop(UP, UNKNOWN), "The backup, us, is unknown: its checks do not have enough "
                                    "results yet."),
        (samples.shop(), "The backup, us, is unknown: it has no checks."),
        (samples.state(samples.eu(), samples.us(), samples.group(automation=Automation("auto")),
                       settings=watched.settings()),
         "The backup, us, counts as up: nothing checks it, and its policy says unchecked: up."),
        (samples.state(samples.eu(), samples.application("us"), samples.group()),
         "The backup, us, is unknown: it has no web head."),
        (samples.state(samples.eu(), samples.application("us", emptied_at=940.0), samples.group()),
         "The backup, us, has been down for 1 min: it has no web head."),
        (samples.state(samples.eu(), samples.group(backup=None)),
         "The backup side has no application."),
    ],
)  # fmt: skip
def test_an_explanation_says_why_the_health_of_a_side_is_unknown(
    view: State, sentence: str
) -> None:
    assert sentences(view)[2] == sentence


@pytest.mark.parametrize(
    ("view", "sentence"),
    [
        (
            samples.state(samples.us(), samples.group(primary=None)),
            f"{HOSTNAME} answers nothing (NODATA): the primary side has no application.",
        ),
        (
            samples.state(samples.application("eu"), samples.us(), samples.group()),
            f"{HOSTNAME} answers nothing (NODATA): the primary side is active, and application eu "
            "on it has no web head.",
        ),
        (
            watched.shop(DOWN, DOWN, all_down=AllDown.EMPTY),
            f"{HOSTNAME} answers nothing (NODATA): both sides are down, and all_down is empty.",
        ),
        (
            watched.shop(DOWN, DOWN, all_down=AllDown.BACKUP),
            f"{HOSTNAME} answers 198.51.100.1: both sides are down, and all_down is backup: "
            "application us; primary stays active.",
        ),
        (
            watched.shop(DOWN, DOWN, all_down=AllDown.PRIMARY),
            f"{HOSTNAME} answers 192.0.2.1: the primary side is active, and application eu is on "
            "it.",
        ),
        (
            watched.watched(
                [samples.group(backup=None, automation=Automation("auto"))],
                DOWN,
                all_down=AllDown.BACKUP,
            ),
            f"{HOSTNAME} answers nothing (NODATA): the backup side has no application.",
        ),
    ],
)
def test_an_explanation_says_what_is_answered_and_why(view: State, sentence: str) -> None:
    assert sentences(view)[0] == sentence


@pytest.mark.parametrize(
    ("answer", "b", "is_mentioned"),
    [(AnswerOf.HEALTHY, DOWN, True), (AnswerOf.HEALTHY, UP, False), (AnswerOf.ALL, DOWN, False)],
)
def test_an_explanation_mentions_that_web_servers_are_left_out_of_the_answer(
    answer: AnswerOf, b: watched.Health, is_mentioned: bool
) -> None:
    servers = [is_(samples.server("a", "192.0.2.1"), UP), is_(samples.server("b", "192.0.2.2"), b)]
    eu = samples.application("eu", *servers, checks=("web",))
    group = samples.group(automation=Automation("auto"))
    view = samples.state(eu, samples.us(), group, settings=watched.settings(answer=answer))
    assert (LEFT_OUT in sentences(view)) is is_mentioned


@pytest.mark.parametrize("answer", AnswerOf)
def test_no_web_servers_are_left_out_when_the_other_side_is_answered(answer: AnswerOf) -> None:
    view = watched.shop(DOWN, DOWN, all_down=AllDown.BACKUP, answer=answer)
    assert explained(view)["answers"] == ["198.51.100.1"]
    assert LEFT_OUT not in sentences(view)


@pytest.mark.parametrize(
    ("view", "sentence"),
    [
        (samples.shop(), "It switches only on command: it has no policy."),
        (
            watched.shop(mode=Mode.MANUAL),
            "It switches only on command: its policy, auto, is manual.",
        ),
        (
            watched.watched(
                [samples.group(automation=Automation("auto", Maintenance(1.0, "disk")))]
            ),
            "Maintenance mode is on (disk): automation leaves the group alone.",
        ),
        (
            watched.watched([samples.group(automation=Automation("auto", Maintenance(1.0)))]),
            "Maintenance mode is on: automation leaves the group alone.",
        ),
    ],
)
def test_an_explanation_says_why_a_group_is_not_switched_automatically(
    view: State, sentence: str
) -> None:
    assert sentence in sentences(view)


@pytest.mark.parametrize(
    ("fail_back", "sentence"),
    [
        (Mode.MANUAL, "It fails back only on command: fail_back is manual."),
        (Mode.AUTOMATIC, "It fails back when the primary has been up for 2 min."),
    ],
)
def test_an_explanation_says_when_a_group_on_its_backup_fails_back(
    fail_back: Mode, sentence: str
) -> None:
    group = samples.group(active=BACKUP, automation=Automation("auto"))
    view = watched.watched([group], DOWN, UP, fail_back=fail_back)
    assert sentence in sentences(view)


def test_an_explanation_says_that_a_group_stays_where_an_operator_moved_it() -> None:
    group = samples.group(active=BACKUP, automation=Automation("auto", by_hand=True))
    assert sentences(watched.watched([group]))[3:5] == [
        "Its policy, auto, keeps it where it is: an operator switched it to the backup.",
        "It fails back only on command, because an operator moved it here.",
    ]


@pytest.mark.parametrize("since", [0.0, 970.0])
def test_an_explanation_says_that_a_switch_is_due(since: float) -> None:
    """`switches_at` is now, however long the switch has been due."""
    view = watched.shop(DOWN, UP, since=since)
    assert sentences(view)[3] == (
        "Its policy, auto, calls for a switch to the backup: "
        "the primary is down and the backup is up; "
        "the switch is due."
    )
    assert explained(view, wall=T)["switches_at"] == "2027-01-15T08:00:00.000Z"


def test_an_explanation_says_how_long_the_flap_guard_holds_a_group() -> None:
    automation = Automation("auto", automatic=(400.0, 500.0, 700.0))
    view = watched.watched([samples.group(automation=automation)], DOWN, UP)
    assert sentences(view)[3] == (
        "Its policy, auto, calls for a switch to the backup: "
        "the primary is down and the backup is up; "
        "but it switched automatically 3 times within 16 min 40 s, so it stays where it is "
        "(flap-guard) for 6 min 40 s."
    )


def test_an_explanation_mentions_a_planned_switch_and_the_ttl_until_then() -> None:
    view = watched.shop()
    carry_out(view, Switch(("shop",), at=T), T - 1000)
    planned = "A switch to the backup is planned for 2027-01-15T08:00:00.000Z; the TTL is "
    assert f"{planned}60 s." in sentences(view)
    carry_out(view, AdvancePlan("grp-shop"), T - 60)
    assert f"{planned}10 s until then." in sentences(view)


def test_the_rules_are_those_for_a_manual_switch_unless_the_policy_calls_for_an_automatic_one() -> (
    None
):
    view = watched.shop(UP, DOWN, NEVER)
    assert sentences(view)[-1] == (
        "A manual switch to the backup would be refused by target-down: the backup of group "
        "'shop' is down: lb1: refused, port 80: refused."
    )
    learn(view, "us", UP)
    assert sentences(view)[-1] == "No rule prevents a switch to the backup."
    learn(view, "eu", DOWN)
    carry_out(view, SetFlag("automation", False))
    assert [rule["rule"] for rule in explained(view)["rules"]] == ["automation", "never"]


@given(
    st.sampled_from(list(product((UP, DOWN, UNKNOWN), (UP, DOWN, UNKNOWN)))),
    st.sampled_from(Side),
    st.sampled_from(Mode),
    st.sampled_from([(), (NEVER,)]),
    st.sampled_from([0, 25, 29, 30, 31, 119, 120, 300]),
    st.booleans(),
)
def test_a_switch_is_explained_as_due_exactly_when_automation_makes_or_holds_it(
    health: tuple[watched.Health, watched.Health],
    active: Side,
    fail_back: Mode,
    rules: tuple[Gate, ...],
    at: int,
    planned: bool,
) -> None:
    """No combination of health, policy and rules makes the explanation fail."""
    plan = Plan(T, active.other.value, 10) if planned else None
    automation = replace(Automation("auto"), plan=plan)
    group = samples.group(active=active, automation=automation)
    view = watched.watched([group], *health, *rules, fail_back=fail_back)
    found = explained(view, float(at))
    due = any(sentence.endswith("; the switch is due.") for sentence in found["sentences"])
    did = look(view, float(at))
    assert ("groups" in did) is (due and not found["rules"])
    assert ("held" in did) is (due and bool(found["rules"]))


def test_an_explanation_says_what_keeps_a_policy_from_acting() -> None:
    group = samples.group(automation=Automation("auto"))
    view = samples.state(samples.eu(), samples.us(), group, settings=watched.settings())
    assert (
        "Its policy, auto, can never switch it to the backup: nothing checks its primary, "
        "eu, so it is never seen down: `application set eu --check CHECK`."
    ) in sentences(view)


def test_an_explanation_says_that_the_flap_guard_is_used_up_before_it_is_needed() -> None:
    used = Automation("auto", automatic=(100.0, 500.0, 900.0))
    view = watched.watched([samples.group(automation=used)])
    said = (
        "Its flap guard is used up: it switched automatically 3 times within 16 min 40 s, so it "
        "does not switch by itself for 1 min, whatever happens."
    )
    assert said in sentences(view, 1040.0)
    assert not any("flap guard" in sentence for sentence in sentences(view, 1100.0))


def test_every_sentence_ends_in_one_full_stop() -> None:
    """The sentences are made of parts, of which some were questions."""
    for primary, backup, active in product((UP, DOWN, UNKNOWN), (UP, DOWN, UNKNOWN), Side):
        group = samples.group(active=active, automation=Automation("auto"))
        for sentence in sentences(watched.watched([group], primary, backup)):
            assert sentence.endswith(".")
            assert sentence[-2] not in "?!.:"


def test_an_unchecked_backup_counts_as_up_only_for_a_group_on_its_primary() -> None:
    group = samples.group(active=BACKUP, automation=Automation("auto"))
    view = samples.state(samples.eu(), samples.us(), group, settings=watched.settings())
    assert "The backup, us, is unknown: it has no checks." in sentences(view)
