"""Commands that record observed health or force health, and that neither changes the other."""

from __future__ import annotations

from dataclasses import replace

import pytest
import samples
import watched
from hypothesis import given
from hypothesis import strategies as st
from samples import carried_out, carry_out, refusal
from watched import DOWN, UNKNOWN, UP, condition, learn, said

from failoverdns.changes.state import State
from failoverdns.model.application import Application, Head, HeadRole
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import (
    AddHead,
    RenameApplication,
    RenameHead,
    SetApplication,
    SetHead,
)
from failoverdns.model.commands.health import ForceHealth, ForgetHealth, LearnHealth
from failoverdns.model.health import Cause, Forced, Health, Observed
from failoverdns.rules.derived.health import application_condition, observed_of


def named(view: State, called: str = "eu") -> Application:
    """An application by its name."""
    application = view.application_named(called)
    assert application is not None
    return application


def head(view: State, called: str = "lb1", of: str = "eu") -> Head:
    """A head by its name."""
    found = named(view, of).head(called)
    assert found is not None
    return found


def test_observed_health_is_recorded() -> None:
    view = watched.shop(UNKNOWN, UNKNOWN)
    learn(view, "eu", DOWN, 5.0)
    assert head(view).observed == said(DOWN, 5.0)
    assert application_condition(named(view)) == condition(DOWN, 5.0)


def test_only_another_health_or_cause_is_a_change() -> None:
    """The history does not have every probe."""
    view = watched.shop(DOWN)
    timeout = Observed(DOWN, 7.0, Cause.TIMEOUT, "3 s")
    cases = [
        (said(DOWN, 6.0), False),
        (Observed(DOWN, 6.0, Cause.REFUSED, "port 81"), False),
        (timeout, True),
        (timeout, False),
        (said(UP, 8.0), True),
        (said(UP, 9.0), False),
    ]
    for observed, changes in cases:
        _, writes, _ = carried_out(view, LearnHealth("app-eu", (("lb1", observed),)))
        assert bool(writes) is changes
    assert head(view).observed == said(UP, 8.0)


def test_another_cause_does_not_change_since_when_a_head_is_down() -> None:
    """The grace period would never end for a head that fails in more than one way."""
    view = watched.shop(DOWN, since=1.0)
    carry_out(view, LearnHealth("app-eu", (("lb1", Observed(DOWN, 7.0, Cause.TIMEOUT, "3 s")),)))
    assert head(view).observed == Observed(DOWN, 1.0, Cause.TIMEOUT, "3 s")


@pytest.mark.parametrize(("application", "called"), [("app-gone", "lb1"), ("app-eu", "gone")])
def test_the_health_of_a_removed_application_or_head_is_ignored(
    application: str, called: str
) -> None:
    view = watched.shop()
    assert carried_out(view, LearnHealth(application, ((called, said(DOWN)),)))[:2] == ({}, ())


def test_the_health_of_a_head_that_is_not_checked_any_more_is_ignored() -> None:
    """No later probe would ever change a result that arrives late."""
    view = watched.shop()
    carry_out(view, SetApplication("eu", ()))
    learn(view, "eu", DOWN)
    assert head(view).observed is None


def test_after_a_start_observed_health_is_unknown_and_forced_health_stays() -> None:
    view = watched.shop(DOWN, UP)
    watched.force(view, "us", DOWN, 5.0)
    assert carry_out(view, ForgetHealth()) == {"forgotten": 2}
    assert application_condition(named(view)).health is UNKNOWN
    assert application_condition(named(view, "us")) == condition(DOWN, 5.0)
    assert observed_of(named(view, "us")).health is UNKNOWN
    assert carried_out(view, ForgetHealth())[:2] == ({"forgotten": 0}, ())


def test_a_side_that_was_down_before_a_start_causes_no_switch_until_it_is_probed_again() -> None:
    view = watched.shop(DOWN, UP)
    carry_out(view, ForgetHealth())
    assert watched.look(view, 1e6) == {}
    learn(view, "us", UP, 1e6)
    learn(view, "eu", DOWN, 1e6)
    assert watched.look(view, 1e6 + 29) == {}
    assert watched.look(view, 1e6 + 30)["to"] == "backup"


@pytest.mark.parametrize(
    ("command", "kept"),
    [
        (RenameApplication("eu", "europe"), True),
        (RenameHead("eu", "lb1", "front"), True),
        (SetApplication("eu", ("web",)), True),
        (SetApplication("eu", require_heads="all"), True),
        (AddHead("eu", "web1", HeadRole.WEB_SERVER, samples.addresses("192.0.2.9")), True),
        (SetHead("eu", "lb1", samples.addresses("192.0.2.1")), True),
        (SetHead("eu", "lb1", samples.addresses("192.0.2.9")), False),
        (SetHead("eu", "lb1", hostname="lb.example"), False),
        (SetApplication("eu", ()), False),
        (SetApplication("eu", require_checks="any"), False),
    ],
)
def test_observed_health_survives_another_name_but_not_another_address(
    command: Mutation, kept: bool
) -> None:
    view = watched.shop(DOWN, since=5.0)
    carry_out(view, ForceHealth("eu", "lb1", UP), 6.0)
    carry_out(view, command, 7.0)
    application = view.application("app-eu")
    assert application is not None
    assert application.heads[0].observed == (said(DOWN, 5.0) if kept else None)
    assert application.heads[0].forced == Forced(UP, 6.0)


def test_health_is_forced_and_the_override_removed() -> None:
    view = watched.shop(UP, since=1.0)
    result = carry_out(view, ForceHealth("eu", None, DOWN, "works"), 5.0)
    assert result == {"forced": "down", "named": ["eu"]}
    assert named(view).forced == Forced(DOWN, 5.0, "works")
    assert application_condition(named(view)) == condition(DOWN, 5.0)
    result = carry_out(view, ForceHealth("eu", None, UNKNOWN), 6.0)
    assert result == {"forced": None, "named": ["eu"]}
    assert application_condition(named(view)) == condition(UP, 6.0)


def test_observed_health_counts_from_when_the_override_is_removed() -> None:
    """A primary that was forced down becomes up now, and its whole hold time begins."""
    view = watched.shop(UP, since=1.0)
    carry_out(view, ForceHealth("eu", "lb1", DOWN), 5.0)
    carry_out(view, ForceHealth("eu", "lb1", UNKNOWN), 6.0)
    assert application_condition(named(view)) == condition(UP, 6.0)
    carry_out(view, ForceHealth("eu", "lb1", UP), 7.0)
    carry_out(view, ForceHealth("eu", "lb1", UNKNOWN), 8.0)
    assert application_condition(named(view)) == condition(UP, 6.0)


def test_health_that_is_forced_already_keeps_its_start() -> None:
    view = watched.shop()
    carry_out(view, ForceHealth("eu", "lb1", DOWN, "works"), 5.0)
    assert carried_out(view, ForceHealth("eu", "lb1", DOWN), 6.0)[1] == ()
    carry_out(view, ForceHealth("eu", "lb1", DOWN, "more works"), 7.0)
    assert head(view).forced == Forced(DOWN, 5.0, "more works")
    carry_out(view, ForceHealth("eu", "lb1", UP), 8.0)
    assert head(view).forced == Forced(UP, 8.0)


@pytest.mark.parametrize(
    ("application", "head_", "expected"),
    [
        ("eu", None, ["eu"]),
        ("*", None, ["eu", "us", "asia"]),
        ("?u", None, ["eu"]),
        ("eu", "lb1", ["eu/lb1"]),
        ("eu", "*", ["eu/lb1"]),
        ("*", "lb1", ["eu/lb1", "us/lb1"]),
        ("*", "web?", ["asia/web1", "asia/web2"]),
        ("asia", "w*1", ["asia/web1"]),
        ("EU", "LB1", ["eu/lb1"]),
    ],
)
def test_a_pattern_forces_several_heads_or_applications_in_one_step(
    application: str, head_: str | None, expected: list[str]
) -> None:
    view = watched.shop()
    servers = [samples.server(f"web{n}", f"192.0.2.{n}") for n in (7, 8)]
    servers = [replace(server, name=f"web{n}") for n, server in enumerate(servers, 1)]
    view.apply(view.revision, [samples.Write(None, samples.application("asia", *servers))])
    revision = view.revision
    result = carry_out(view, ForceHealth(application, head_, DOWN), 5.0)
    assert result["named"] == expected
    assert view.revision == revision + 1
    named_ = [
        a.name if where is None else f"{a.name}/{where.name}"
        for a in view.applications()
        for where in (None, *a.heads)
        if (a if where is None else where).forced is not None
    ]
    assert named_ == expected


@pytest.mark.parametrize(
    ("application", "head_", "message"),
    [
        ("uss", None, "no application 'uss'; did you mean 'us'?"),
        ("eu", "lb", "no head 'lb' in application 'eu'; did you mean 'lb1'?"),
        ("x*", None, "nothing matches 'x*'"),
        ("*", "web?", "nothing matches '*/web?'"),
    ],
)
def test_a_name_or_pattern_that_matches_nothing_is_refused(
    application: str, head_: str | None, message: str
) -> None:
    refused = refusal(watched.shop(), ForceHealth(application, head_, DOWN))
    assert (refused.code, refused.message) == ("not-found", message)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("learn"), st.sampled_from(["lb1", "lb2"]), st.sampled_from([UP, DOWN])),
        st.tuples(st.just("force"), st.sampled_from([None, "lb1", "lb2"]), st.sampled_from(Health)),
        st.tuples(st.just("forget"), st.none(), st.just(UNKNOWN)),
    ),
    max_size=20,
)


@given(STEPS)
def test_probes_never_change_forced_health_and_removing_it_restores_observed_health(
    steps: list[tuple[str, str | None, Health]],
) -> None:
    """Two applications with the same probes, one of them forced, have the same observed health."""
    heads = (samples.balancer("lb1", "192.0.2.1"), samples.balancer("lb2", "192.0.2.2"))
    both = [
        samples.application(name, *heads, active="lb1", checks=("web",)) for name in ("one", "twin")
    ]
    view = samples.state(*both, settings=watched.settings())
    expected: dict[str | None, Health | None] = {None: None, "lb1": None, "lb2": None}
    for at, (what, where, health) in enumerate(steps):
        if what == "learn":
            for name in ("one", "twin"):
                learn(view, name, health, float(at), where or "lb1")
        elif what == "force":
            carry_out(view, ForceHealth("one", where, health), float(at))
            expected[where] = health if health is not UNKNOWN else None
        else:
            carry_out(view, ForgetHealth())
        one, twin = named(view, "one"), named(view, "twin")
        forced = {None: one.forced, **{head.name: head.forced for head in one.heads}}
        assert {
            key: one_forced and one_forced.health for key, one_forced in forced.items()
        } == expected
        assert [observed(head) for head in one.heads] == [observed(head) for head in twin.heads]
        assert observed_of(one).health is application_condition(twin).health
        if one.forced is not None:
            assert application_condition(one).health is one.forced.health
    for where in (None, "lb1", "lb2"):
        carry_out(view, ForceHealth("one", where, UNKNOWN))
    one, twin = (application_condition(named(view, name)) for name in ("one", "twin"))
    assert one.health is twin.health


def observed(head: Head) -> tuple[Health, Cause | None] | None:
    """The observed health and cause of a head, without its start."""
    return (head.observed.health, head.observed.cause) if head.observed is not None else None
