"""Obstacles: what keeps an automatic policy from ever acting, and what makes it act too early."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import samples
import watched
from samples import application, carry_out, eu, server, us

from failoverdns.changes.state import State
from failoverdns.model.application import Application
from failoverdns.model.commands.applications import RemoveHead, SetApplication
from failoverdns.model.commands.groups import AddGroup, SetGroup
from failoverdns.model.commands.server import Configure
from failoverdns.model.group import Side
from failoverdns.model.health import Check, CheckKind
from failoverdns.model.policy import (
    Assertion,
    Automation,
    AutomationSettings,
    Gate,
    Mode,
    SafetyRule,
    Unchecked,
    Wait,
)
from failoverdns.rules.derived.obstacles import cautions, obstacles, sentences

CHECKED: dict[str, Any] = {"checks": ("web",)}
UP, DOWN = watched.forced(watched.UP), watched.forced(watched.DOWN)


def shop(
    primary: Application | None = None,
    backup: Application | None = None,
    *rules: SafetyRule,
    **fields: Any,
) -> State:
    """The group `shop` under a policy with `fields`; a side that is left out is checked."""
    there = primary or eu(**CHECKED), backup or us(**CHECKED)
    group = samples.group(automation=Automation("auto"))
    return samples.state(*there, group, settings=watched.settings(*rules, **fields))


def found(view: State) -> list[str]:
    """What keeps the policy of `shop` from acting."""
    return list(obstacles(view, watched.the_group(view)))


def test_a_policy_that_can_act_has_no_obstacles() -> None:
    assert found(shop()) == []
    assert cautions(shop(), watched.the_group(shop())) == ()
    assert sentences(shop(), shop().groups()) == []


@pytest.mark.parametrize(
    ("view", "obstacle"),
    [
        pytest.param(
            shop(eu()),
            "nothing checks its primary, eu, so it is never seen down: "
            "`application set eu --check CHECK`",
            id="a primary that nothing checks",
        ),
        pytest.param(
            shop(eu(forced=UP, **CHECKED)),
            "its primary, eu, is forced up, so it is never seen down",
            id="a primary that is forced up",
        ),
        pytest.param(
            shop(eu(require_heads=2, **CHECKED)),
            "its primary, eu, is never up: 2 web heads must be up, and it has 1 (--require-heads)",
            id="more heads of the primary than there are",
        ),
        pytest.param(
            shop(eu(require_checks=2, **CHECKED)),
            "its primary, eu, is never up: 2 checks of a head must be up, and it has 1 "
            "(--require-checks)",
            id="more checks than there are",
        ),
        pytest.param(
            shop(backup=us(), unchecked=Unchecked.UNKNOWN),
            "nothing checks its backup, us, and the policy says unchecked: unknown, so it is never "
            "up: `application set us --check CHECK`",
            id="a backup that nothing checks",
        ),
        pytest.param(
            shop(backup=application("us", **CHECKED)),
            "its backup, us, is never up: it has no web head",
            id="a backup without heads",
        ),
        pytest.param(
            shop(backup=application("us", samples.balancer("lb", "192.0.2.9"), **CHECKED)),
            "its backup, us, is never up: it has no web head",
            id="a backup with a standby only",
        ),
        pytest.param(
            shop(backup=us(forced=DOWN, **CHECKED)),
            "its backup, us, is forced down",
            id="a backup that is forced down",
        ),
        pytest.param(
            shop(backup=us(require_heads=3)),
            "its backup, us, is never up: 3 web heads must be up, and it has 1 (--require-heads)",
            id="more heads of an unchecked backup than there are",
        ),
        pytest.param(
            shop(None, None, Gate("door", ("sh*",), group="gone")),
            "the gate door never opens: there is no group gone",
            id="a gate on a group that is not there",
        ),
        pytest.param(
            shop(None, None, Assertion("home", ("shop", "gone"), 1)),
            "the safety rule home never lets it go to its backup: 1 of shop, gone must stay on "
            "their primary, and 0 of them could",
            id="an assertion that no switch can pass",
        ),
    ],
)
def test_each_obstacle_is_said_with_what_to_do(view: State, obstacle: str) -> None:
    assert found(view) == [obstacle]


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(shop(backup=us()), id="an unchecked backup, which counts as up"),
        pytest.param(shop(eu(forced=DOWN, **CHECKED)), id="a primary that is forced down"),
        pytest.param(shop(eu(forced=DOWN)), id="an unchecked primary that is forced down"),
        pytest.param(shop(backup=us(forced=UP), unchecked=Unchecked.UNKNOWN), id="one forced up"),
        pytest.param(shop(eu(require_heads=1, require_checks=1, **CHECKED)), id="thresholds"),
        pytest.param(shop(eu(require_heads="all", **CHECKED)), id="all heads"),
        pytest.param(shop(None, None, Gate("door", ("x*",), group="gone")), id="another's gate"),
        pytest.param(shop(None, None, Gate("door", ("*",), group="shop")), id="its own gate"),
        pytest.param(shop(None, None, Gate("door", ("*",), flag="f")), id="a flag, which opens"),
        pytest.param(shop(None, None, Wait("w", ("*",), 60.0)), id="a wait, which ends"),
        pytest.param(shop(eu(), us(), mode=Mode.MANUAL), id="a policy that is manual"),
    ],
)
def test_what_can_pass_is_no_obstacle(view: State) -> None:
    assert found(view) == []


def test_a_missing_side_is_an_obstacle() -> None:
    group = samples.group(primary=None, backup=None, automation=Automation("auto"))
    assert found(samples.state(group, settings=watched.settings())) == [
        "it has no primary application: attach one with `group set`",
        "it has no backup application: attach one with `group set`",
    ]


def test_a_grace_that_is_not_above_the_interval_is_a_caution() -> None:
    for grace, said in ((10.1, 0), (10.0, 1), (0.0, 1)):
        view = shop(grace=grace)
        assert len(cautions(view, watched.the_group(view))) == said
    text = cautions(view, watched.the_group(view))[0]
    assert text.startswith("its grace, 0 s, is not above the interval of check web, 10 s: after")
    push = AutomationSettings((Check("web", CheckKind.PUSH),), view.settings.policies)
    view.apply(view.revision, (), settings=push)
    assert cautions(view, watched.the_group(view)) == ()


def test_sides_with_the_same_targets_are_a_caution() -> None:
    view = shop(backup=replace(us(**CHECKED), heads=eu().heads))
    assert cautions(view, watched.the_group(view)) == (
        "its primary and its backup have the same targets: a switch changes no answer",
    )


NOTHING_CHECKS = (
    "policy auto can never switch {} to the backup: nothing checks its primary, eu, so it is never "
    "seen down: `application set eu --check CHECK`"
)


def test_a_policy_that_can_never_act_is_said_when_it_is_put_on() -> None:
    view = samples.state(eu(), us(), samples.group(), settings=watched.settings())
    assert carry_out(view, SetGroup("shop", policy="auto"))["warnings"] == [
        NOTHING_CHECKS.format("shop")
    ]
    assert "warnings" not in carry_out(view, SetGroup("shop", ttl=30))  # said already
    added = carry_out(view, AddGroup("api", primary="eu", backup="us", policy="auto"))
    assert added["warnings"] == [NOTHING_CHECKS.format("api")]


def test_it_is_said_when_the_last_check_of_a_primary_goes() -> None:
    view = shop()
    result = carry_out(view, SetApplication("eu", check=()))
    assert result["warnings"] == [NOTHING_CHECKS.format("shop")]
    assert "warnings" not in carry_out(view, SetApplication("eu", check=("web",)))


def test_it_is_said_when_the_last_web_head_of_a_backup_goes() -> None:
    result = carry_out(shop(), RemoveHead("us", "lb1", override=("target-empty",)))
    assert result["warnings"] == [
        "policy auto can never switch shop to the backup: its backup, us, is never up: it has no "
        "web head"
    ]


def test_it_is_said_when_heads_become_fewer_than_must_be_up() -> None:
    heads = (server("web1", "198.51.100.1"), server("web2", "198.51.100.2"))
    view = shop(backup=application("us", *heads, require_heads=2, **CHECKED))
    assert "2 web heads must be up, and it has 1" in str(
        carry_out(view, RemoveHead("us", "web2"))["warnings"]
    )


def test_a_reload_says_what_is_new_and_a_start_says_all() -> None:
    view = shop(eu(), us())
    same = Configure(view.zones, view.settings)
    assert "warnings" not in carry_out(view, same)
    strict = replace(view.settings.policies[0], unchecked=Unchecked.UNKNOWN)
    changed = AutomationSettings(view.settings.checks, (strict,))
    warnings = carry_out(view, Configure(view.zones, changed))["warnings"]
    assert warnings == [
        "policy auto can never switch shop to the backup: nothing checks its backup, us, and the "
        "policy says unchecked: unknown, so it is never up: `application set us --check CHECK`"
    ]
    warnings = carry_out(view, Configure(view.zones, same.settings))["warnings"]
    assert warnings == [
        "nothing checks the backup of shop, which counts as up when the primary is down "
        "(unchecked: up)"
    ]
    start = samples.state(eu(), us(), *view.groups())
    started = carry_out(start, Configure(view.zones, same.settings, is_start=True))
    assert started["warnings"] == [NOTHING_CHECKS.format("shop"), *warnings]


def test_many_groups_with_the_same_obstacle_are_one_sentence() -> None:
    groups = [samples.group(f"g{n}", automation=Automation("auto")) for n in range(12)]
    view = samples.state(eu(), us(**CHECKED), *groups, settings=watched.settings())
    assert len(found := sentences(view, view.groups())) == 1
    assert "g8, g9 and 2 more to the backup: nothing checks" in found[0]


def test_a_group_on_its_backup_has_the_same_obstacles() -> None:
    group = samples.group(active=Side.BACKUP, automation=Automation("auto"))
    view = samples.state(eu(), us(), group, settings=watched.settings())
    assert found(view)[0].startswith("nothing checks its primary")
