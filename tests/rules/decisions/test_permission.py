"""Which roles may give which commands, with and without limits."""

from __future__ import annotations

from itertools import product

import pytest
from control.language.test_commands import COMMANDS

from failoverdns.changes.state import State
from failoverdns.control.language.commands import ROWS
from failoverdns.control.language.requests import read_request
from failoverdns.model.commands import Command
from failoverdns.model.commands.automation import CancelPlan, ListPlans, SetFlag, SetMaintenance
from failoverdns.model.commands.groups import SetGroup, Switch
from failoverdns.model.commands.health import ForceHealth, ReportHealth
from failoverdns.model.errors import Rejected
from failoverdns.model.health import Health
from failoverdns.model.roles import Grant, Rights, Role
from failoverdns.rules.decisions.permission import permit, touched_by


def refusal(command: Command, *grants: Grant, needed: Role = Role.OPERATOR) -> str:
    """Return why a user with these grants may not give a command; nothing if he or she may."""
    try:
        permit(Rights(grants), needed, "the command", command, State())
    except Rejected as fault:
        return fault.message if fault.code == "forbidden" else repr(fault)
    return ""


@pytest.mark.parametrize(("held", "needed"), list(product((None, *Role), Role)))
def test_a_role_permits_what_needs_it_or_less(held: Role | None, needed: Role) -> None:
    """The whole truth table; the message says what is missing."""
    grants = () if held is None else (Grant(held),)
    text = refusal(Switch(("shop",)), *grants, needed=needed)
    assert (text == "") == (held is not None and held.includes(needed))
    if text:
        what = f"the role {held.value}" if held is not None else "no role"
        assert text == (
            f"`the command` needs the role {needed.value}, and you have {what} "
            "(see `failoverdns whoami`)"
        )


SHOPS = Grant(Role.OPERATOR, groups=("shop-*",), applications=("shop-*",))
BLOGS = Grant(Role.OPERATOR, groups=("blog",))
REPORTS = Grant(Role.REPORTER, applications=("shop-*", "blog"))
VIEWER, OPERATOR = Grant(Role.VIEWER), Grant(Role.OPERATOR)


@pytest.mark.parametrize(
    ("command", "grants", "outside"),
    [
        pytest.param(Switch(("shop-eu",)), (SHOPS,), "", id="a group inside"),
        pytest.param(Switch(("shop-eu", "shop-us")), (SHOPS,), "", id="several groups inside"),
        pytest.param(Switch(("blog",)), (SHOPS,), "group blog", id="a group outside"),
        pytest.param(
            Switch(("shop-eu", "blog", "x")), (SHOPS,), "group blog, group x", id="some outside"
        ),
        pytest.param(Switch(("shop-eu", "blog")), (SHOPS, BLOGS), "", id="two grants together"),
        pytest.param(Switch(("blog",)), (SHOPS, VIEWER), "group blog", id="a lower role"),
        pytest.param(Switch(("blog",)), (SHOPS, OPERATOR), "", id="a grant without limits"),
        pytest.param(SetMaintenance("shop-x", on=True), (SHOPS,), "", id="maintenance inside"),
        pytest.param(SetMaintenance("x", on=True), (SHOPS,), "group x", id="maintenance outside"),
        pytest.param(CancelPlan("shop-x"), (SHOPS,), "", id="a plan inside"),
        pytest.param(CancelPlan("x"), (SHOPS,), "group x", id="a plan outside"),
        pytest.param(
            ForceHealth("shop-eu", None, Health.DOWN), (SHOPS,), "", id="an application inside"
        ),
        pytest.param(
            ForceHealth("shop-?*", "web*", Health.DOWN), (SHOPS,), "", id="a pattern inside"
        ),
        pytest.param(
            ForceHealth("*", None, Health.DOWN), (SHOPS,), "application *", id="a wider pattern"
        ),
        pytest.param(
            ForceHealth("blog", None, Health.DOWN),
            (BLOGS,),
            "application blog",
            id="limits of groups cover no applications",
        ),
        pytest.param(
            ForceHealth("shop-eu", None, Health.DOWN),
            (REPORTS, BLOGS),
            "application shop-eu",
            id="the right to report is not the right to force",
        ),
    ],
)
def test_a_limited_operator_may_not_touch_anything_else(
    command: Command, grants: tuple[Grant, ...], outside: str
) -> None:
    """A command that touches another group is forbidden as a whole, and the message names it."""
    text = refusal(command, *grants)
    if outside:
        assert f"does not cover {outside}; nothing was changed" in text
    else:
        assert text == ""


@pytest.mark.parametrize(
    ("application", "grant", "is_permitted"),
    [
        ("shop-eu", REPORTS, True),
        ("blog", REPORTS, True),
        ("other", REPORTS, False),
        ("shop-eu", SHOPS, True),
        ("blog", BLOGS, False),
        ("other", Grant(Role.REPORTER), True),
    ],
)
def test_a_limited_reporter_reports_only_its_applications(
    application: str, grant: Grant, is_permitted: bool
) -> None:
    command = ReportHealth(application, None, Health.UP)
    assert (refusal(command, grant, needed=Role.REPORTER) == "") == is_permitted


@pytest.mark.parametrize("command", [SetFlag("automation", on=False), SetGroup("shop-eu")])
def test_what_does_not_name_what_it_touches_is_not_for_limited_users(command: Command) -> None:
    """A freeze is for all groups.  So is a command that nobody thought of."""
    text = refusal(command, SHOPS)
    assert text == (
        "`the command` is not limited to some groups or applications, and your role operator "
        "(groups shop-*; applications shop-*) is"
    )
    assert refusal(command, OPERATOR) == ""


def test_everybody_with_a_role_reads_everything() -> None:
    assert refusal(ListPlans(), REPORTS, needed=Role.VIEWER) == ""


def test_every_command_of_operators_says_what_it_touches_or_is_for_all() -> None:
    """Those that touch everything are listed here, so that a new one is thought about."""
    everything = set()
    for line, _, command in COMMANDS:
        words = str(read_request(line.encode()).given["command"])
        if ROWS[words].role in (Role.REPORTER, Role.OPERATOR) and touched_by(command) is None:
            everything.add(words)
    assert everything == {
        "automation freeze",
        "automation thaw",
        "flag on",
        "flag off",
        "zone notify",
    }
