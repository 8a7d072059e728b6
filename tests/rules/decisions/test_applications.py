"""Commands on applications and heads: the answers afterwards, and refusals."""

from __future__ import annotations

import pytest
import samples
import watched
from samples import answers, application, balancer, carried_out, carry_out, refusal, server, state

from failoverdns.changes.state import State
from failoverdns.model.application import Application, HeadRole
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
from failoverdns.model.health import Health
from failoverdns.rules.derived.health import (
    Condition,
    application_condition,
    observed_of,
    why_down,
)

BALANCER, SERVER = HeadRole.LOAD_BALANCER, HeadRole.WEB_SERVER
TEMPLATE = "{head}.{application}.internal.example"


def add(head: str, role: HeadRole, *texts: str, **fields: object) -> AddHead:
    """The command that adds a head to `eu`."""
    return AddHead("eu", head, role, samples.addresses(*texts), **fields)


def empty() -> State:
    """The group `shop`, whose primary `eu` has no head."""
    return state(application("eu"), samples.group(backup=None))


def balanced(*heads: samples.Head, active: str | None = None) -> State:
    """The group `shop`, whose primary `eu` has these heads."""
    return state(application("eu", *heads, active=active), samples.group(backup=None))


LB1, LB2, LB3 = (balancer(f"lb{n}", f"192.0.2.{n}") for n in (1, 2, 3))
WEB1, WEB2 = (server(f"web{n}", f"192.0.2.1{n}") for n in (1, 2))


@pytest.mark.parametrize(
    ("commands", "answer"),
    [
        pytest.param([], [], id="no head: the name is reserved"),
        pytest.param([add("web1", SERVER, "192.0.2.11")], ["A 192.0.2.11"], id="a web server"),
        pytest.param(
            [add("web1", SERVER, "192.0.2.11"), add("web2", SERVER, "2001:db8::2")],
            ["A 192.0.2.11", "AAAA 2001:db8::2"],
            id="all web servers",
        ),
        pytest.param(
            [add("web1", SERVER, "192.0.2.11"), add("lb1", BALANCER, "192.0.2.1")],
            ["A 192.0.2.1"],
            id="a load balancer takes over from web servers",
        ),
        pytest.param(
            [add("lb1", BALANCER, "192.0.2.1"), add("lb2", BALANCER, "192.0.2.2")],
            ["A 192.0.2.2"],
            id="the load balancer that was added last is active",
        ),
        pytest.param(
            [add("lb1", BALANCER, "192.0.2.1"), add("lb2", BALANCER, "192.0.2.2", standby=True)],
            ["A 192.0.2.1"],
            id="unless it was added with standby",
        ),
        pytest.param(
            [
                add("web1", SERVER, "192.0.2.11"),
                add("lb1", BALANCER, "192.0.2.1", standby=True),
            ],
            ["A 192.0.2.11"],
            id="the first load balancer may be on standby too",
        ),
        pytest.param(
            [
                add("lb1", BALANCER, "192.0.2.1"),
                add("lb2", BALANCER, "192.0.2.2"),
                ActivateHead("eu", "lb1"),
            ],
            ["A 192.0.2.1"],
            id="activate chooses another",
        ),
        pytest.param(
            [
                add("lb1", BALANCER, "192.0.2.1"),
                add("lb2", BALANCER, "192.0.2.2", standby=True),
                ActivateHead("eu", "lb2"),
            ],
            ["A 192.0.2.2"],
            id="activate chooses one on standby",
        ),
        pytest.param(
            [add("lb1", BALANCER, hostname="elb.cloud.example")],
            ["CNAME elb.cloud.example"],
            id="a hostname is answered as CNAME",
        ),
        pytest.param(
            [
                add("lb1", BALANCER, "192.0.2.1"),
                SetHead("eu", "lb1", samples.addresses("192.0.2.9", "2001:db8::9")),
            ],
            ["A 192.0.2.9", "AAAA 2001:db8::9"],
            id="an address that moved",
        ),
        pytest.param(
            [add("lb1", BALANCER, "192.0.2.1"), SetHead("eu", "lb1", hostname="elb.example")],
            ["CNAME elb.example"],
            id="a hostname in the place of addresses",
        ),
    ],
)
def test_the_group_follows_the_heads_of_its_active_application(
    commands: list[Mutation], answer: list[str]
) -> None:
    view = empty()
    for command in commands:
        carry_out(view, command)
    assert answers(view) == answer


@pytest.mark.parametrize(
    ("heads", "active", "removed", "answer"),
    [
        pytest.param(
            (LB1, LB2, LB3),
            "lb3",
            "lb3",
            ["A 192.0.2.2"],
            id="the most recently added one that is left",
        ),
        pytest.param(
            (LB1, LB2, LB3), "lb1", "lb1", ["A 192.0.2.3"], id="the most recent, not the next one"
        ),
        pytest.param((LB1, LB2, LB3), "lb3", "lb1", ["A 192.0.2.3"], id="the active one stays"),
        pytest.param((LB1, WEB1, WEB2, LB2), "lb2", "lb2", ["A 192.0.2.1"], id="not web servers"),
        pytest.param(
            (LB1, WEB1, WEB2),
            "lb1",
            "lb1",
            ["A 192.0.2.11", "A 192.0.2.12"],
            id="the web servers when it was the last load balancer",
        ),
        pytest.param((LB1,), "lb1", "lb1", [], id="nothing when it was the last head"),
        pytest.param((WEB1, WEB2), None, "web1", ["A 192.0.2.12"], id="the other web server"),
        pytest.param((WEB1, LB1), None, "lb1", ["A 192.0.2.11"], id="a standby changes nothing"),
    ],
)
def test_a_removed_load_balancer_falls_back_to_the_most_recently_added_one_then_to_web_servers(
    heads: tuple[samples.Head, ...], active: str | None, removed: str, answer: list[str]
) -> None:
    view = balanced(*heads, active=active)
    carry_out(view, RemoveHead("eu", removed, override=("target-empty",)))
    assert answers(view) == answer


def test_changing_or_renaming_a_load_balancer_does_not_make_it_more_recently_added() -> None:
    """Neither new addresses nor another name make it newer."""
    view = balanced(LB1, LB2, LB3, active="lb3")
    carry_out(view, SetHead("eu", "lb1", samples.addresses("192.0.2.99")))
    carry_out(view, RenameHead("eu", "lb1", "lb9"))
    carry_out(view, RemoveHead("eu", "lb3"))
    assert answers(view) == ["A 192.0.2.2"]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        pytest.param(
            RenameHead("eu", "lb", "edge"), ["CNAME edge.eu.internal.example"], id="the head"
        ),
        pytest.param(
            RenameApplication("eu", "europe"),
            ["CNAME lb.europe.internal.example"],
            id="the application",
        ),
    ],
)
@pytest.mark.parametrize("where", ["head", "application"])
def test_a_rename_changes_the_answers_of_every_group_with_a_hostname_from_a_template(
    where: str, command: Mutation, answer: list[str]
) -> None:
    """The change itself has the new answers of both groups."""
    if where == "head":
        follows = application("eu", balancer("lb", hostname=TEMPLATE), active="lb")
    else:
        follows = application("eu", balancer("lb"), active="lb", hostname_template=TEMPLATE)
    view = state(follows, samples.group(backup=None), samples.group("blog", backup=None))
    assert answers(view) == ["CNAME lb.eu.internal.example"]
    _, _, delta = carried_out(view, command)
    changed = {node.owner.to_text(): samples.node_texts(node) for node in delta.nodes}
    for hostname in (samples.HOSTNAME, "blog.failover.test"):
        assert changed[hostname] == changed[f"primary.{hostname}"] == answer
        assert answers(view, hostname) == answer


@pytest.mark.parametrize(
    "command",
    [RenameHead("eu", "lb1", "edge"), RenameApplication("eu", "europe")],
    ids=["the head", "the application"],
)
def test_renaming_a_head_with_addresses_changes_no_answer(command: Mutation) -> None:
    view = samples.shop()
    before = [answers(view, f"{at}{samples.HOSTNAME}") for at in ("", "primary.", "backup.")]
    carry_out(view, command)
    after = [answers(view, f"{at}{samples.HOSTNAME}") for at in ("", "primary.", "backup.")]
    assert before == after == [["A 192.0.2.1"], ["A 192.0.2.1"], ["A 198.51.100.1"]]


def test_renaming_the_active_load_balancer_leaves_it_active() -> None:
    view = balanced(LB1, LB2, active="lb1")
    carry_out(view, RenameHead("eu", "lb1", "edge"))
    assert answers(view) == ["A 192.0.2.1"]
    carry_out(view, RemoveHead("eu", "edge"))
    assert answers(view) == ["A 192.0.2.2"]


def test_an_application_keeps_its_id_when_it_is_renamed() -> None:
    view = samples.shop()
    carry_out(view, RenameApplication("eu", "europe"))
    assert view.application_named("eu") is None
    found = view.application_named("europe")
    assert found is not None
    assert found.id == "app-eu"
    assert [group.name for group in view.following(found.id)] == ["shop"]


def test_a_name_can_be_used_again_after_a_rename_or_removal() -> None:
    view = samples.shop()
    carry_out(view, RenameApplication("eu", "europe"))
    carry_out(view, AddApplication("eu"))
    carry_out(view, RemoveApplication("eu"))
    carry_out(view, RenameApplication("europe", "eu"))
    assert answers(view) == ["A 192.0.2.1"]


def test_a_new_application_has_a_new_id_and_no_heads() -> None:
    view = state(revision=41)
    result = carry_out(view, AddApplication("eu", TEMPLATE))
    assert result == {
        "name": "eu",
        "id": "app-42",
        "hostname_template": TEMPLATE,
        "role": "none",
        "heads": [],
        "web_head": {"heads": [], "targets": []},
        "health": samples.UNCHECKED,
        "certificate": None,
    }


def test_a_removed_application_is_not_found_any_more() -> None:
    view = state(samples.eu())
    assert carry_out(view, RemoveApplication("eu")) == {"removed": "eu"}
    assert view.application_named("eu") is None
    assert list(view.applications()) == []


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(RenameApplication("eu", "eu"), id="a rename to the same name"),
        pytest.param(RenameHead("eu", "lb1", "lb1"), id="a rename of a head to the same name"),
        pytest.param(ActivateHead("eu", "lb1"), id="activating the active load balancer"),
        pytest.param(
            SetHead("eu", "lb1", samples.addresses("192.0.2.1")), id="setting the same address"
        ),
    ],
)
def test_a_command_that_sets_the_present_value_changes_nothing(command: Mutation) -> None:
    result, writes, _ = carried_out(samples.shop(), command)
    assert writes == ()
    assert result["name"] == "eu"


TAKEN = "there is an application 'us' already"
TWO_KINDS = "a head has addresses or a hostname, not both"
V4 = samples.addresses("192.0.2.7")


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        pytest.param(AddApplication("us"), "exists", TAKEN, id="adding a taken name"),
        pytest.param(RenameApplication("eu", "us"), "exists", TAKEN, id="renaming to a taken name"),
        pytest.param(
            AddApplication("x", "{head}.{zone}"), "invalid", "only {head}", id="a bad template"
        ),
        pytest.param(
            RemoveApplication("eu"),
            "in-use",
            "application 'eu' is attached to 1 group(s) ('shop'): detach it first",
            id="removing the active application of a group",
        ),
        pytest.param(
            RemoveApplication("us"),
            "in-use",
            "application 'us' is attached to 1 group(s) ('shop')",
            id="removing the inactive application of a group",
        ),
        pytest.param(
            add("lb1", BALANCER, "192.0.2.7"),
            "exists",
            "application 'eu' has a head 'lb1' already: change it with `head set`",
            id="a second head of that name",
        ),
        pytest.param(
            RenameHead("eu", "lb1", "web1"),
            "exists",
            "application 'eu' has a head 'web1' already",
            id="renaming a head to a taken name",
        ),
        pytest.param(
            add("web9", SERVER, "192.0.2.7", standby=True),
            "invalid",
            "--standby is for load balancers",
            id="a web server on standby",
        ),
        pytest.param(
            ActivateHead("eu", "web1"),
            "invalid",
            "head 'web1' is a web server: only a load balancer can be made active",
            id="activating a web server",
        ),
        pytest.param(
            add("lb9", BALANCER, "192.0.2.7", hostname="x.example"),
            "invalid",
            TWO_KINDS,
            id="adding with addresses and a hostname",
        ),
        pytest.param(
            SetHead("eu", "lb1", hostname="{head}.{region}.example"),
            "invalid",
            "only {head} and {application} can stand in braces",
            id="a hostname with an unknown field",
        ),
        pytest.param(
            SetHead("eu", "lb1", V4, "x.example"),
            "invalid",
            TWO_KINDS,
            id="setting addresses and a hostname",
        ),
        pytest.param(
            SetHead("eu", "lb1"),
            "invalid",
            "nothing to set: give --address (repeatable) or --hostname",
            id="setting nothing",
        ),
        pytest.param(
            SetHead("eu", "lb1", V4 * 2), "invalid", "given twice", id="an address given twice"
        ),
        pytest.param(
            add("lb9", BALANCER),
            "invalid",
            "head 'lb9' needs --address or --hostname",
            id="a head without address and hostname",
        ),
        pytest.param(
            add("web9", SERVER, hostname="x.example"),
            "invalid",
            "a name can have only one CNAME",
            id="a hostname beside other web servers",
        ),
        pytest.param(
            add("lb9", BALANCER, hostname=""), "invalid", "it is empty", id="an empty hostname"
        ),
        pytest.param(RemoveHead("eu", "lb7"), "not-found", "did you mean 'lb1'", id="no such head"),
        pytest.param(
            RemoveHead("oe", "lb1"), "not-found", "no application 'oe'", id="no such application"
        ),
    ],
)
def test_a_command_is_refused(command: Mutation, code: str, message: str) -> None:
    primary = application("eu", LB1, WEB1, active="lb1")
    refused = refusal(state(primary, samples.us(), samples.group()), command)
    assert refused.code == code
    assert message in refused.message


def test_a_rename_that_makes_a_hostname_too_long_is_refused() -> None:
    """A template is checked again with every name that is filled in."""
    view = state(application("eu", balancer("lb", hostname="lb-{application}.example")))
    refused = refusal(view, RenameApplication("eu", "a" * 61))
    assert refused.code == "invalid"
    assert "a label is 64 bytes long" in refused.message


def test_a_refusal_names_at_most_five_of_the_attached_groups() -> None:
    groups = [samples.group(f"g{n}", backup=None) for n in range(7)]
    refused = refusal(state(samples.eu(), *groups), RemoveApplication("eu"))
    assert "attached to 7 group(s) ('g0', 'g1', 'g2', 'g3', 'g4')" in refused.message
    assert "--override active-side" in refused.message


def test_duplicate_checks_are_dropped_and_omitted_settings_stay_unchanged() -> None:
    view = watched.shop()
    carry_out(view, SetApplication("eu", ("web", "web"), "any", 2))
    application = view.application("app-eu")
    assert application is not None
    assert (application.checks, application.require_checks) == (("web",), "any")
    carry_out(view, SetApplication("eu", require_heads="all"))
    application = view.application("app-eu")
    assert application is not None
    assert (application.checks, application.require_checks) == (("web",), "any")
    assert application.require_heads == "all"


def test_a_check_that_is_not_configured_is_refused() -> None:
    refused = refusal(watched.shop(), SetApplication("eu", ("web", "wbe")))
    assert (refused.code, refused.message) == ("not-found", "no check 'wbe'; did you mean 'web'?")


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (AddHead("eu", "1", BALANCER, hostname="lb.{head}"), "lb.1"),
        (AddHead("eu", "lb2", BALANCER, hostname="198.51.100.20"), "198.51.100.20"),
        (SetHead("eu", "lb1", hostname="lb.example.com:443"), "lb.example.com:443"),
        (RenameHead("eu", "lb1", "7"), "x.7"),
    ],
)
def test_a_head_that_would_be_called_as_no_host_can_be_is_refused(
    command: Mutation, text: str
) -> None:
    view = state(application("eu", balancer("lb1", hostname="x.{head}"), active="lb1"))
    assert refusal(view, command).message.startswith(f"{text!r} cannot be a hostname")


def test_a_rename_that_makes_an_address_of_a_template_is_refused() -> None:
    head = balancer("lb1", hostname="192.0.2.{application}")
    view = state(application("eu", head, active="lb1"))
    assert "an address" in refusal(view, RenameApplication("eu", "20")).message


def test_a_hostname_of_an_earlier_version_hinders_no_other_change() -> None:
    """Version 0.1.0 took addresses as hostnames; such a head can be replaced step by step."""
    view = state(application("eu", balancer("lb1", hostname="192.0.2.1"), active="lb1"))
    carry_out(view, add("lb2", BALANCER, "192.0.2.2"))
    carry_out(view, RenameApplication("eu", "europe"))
    assert refusal(view, SetHead("europe", "lb1", hostname="192.0.2.2")).code == "invalid"
    carry_out(view, SetHead("europe", "lb1", samples.addresses("192.0.2.1")))


def test_the_template_of_an_application_can_be_set_and_removed() -> None:
    view = state(application("eu", balancer("lb1"), active="lb1", hostname_template="{head}.a.b"))
    carry_out(view, SetApplication("eu", hostname_template="{head}.c.d"))
    assert carry_out(view, SetApplication("eu"))["web_head"]["targets"] == ["lb1.c.d"]
    template = SetApplication("eu", hostname_template="192.0.2.{head}")
    assert "makes addresses" in refusal(view, template).message
    assert (
        "has no hostname template"
        in refusal(view, SetApplication("eu", hostname_template="")).message
    )
    carry_out(view, SetHead("eu", "lb1", hostname="lb.example"))
    assert carry_out(view, SetApplication("eu", hostname_template=""))["hostname_template"] is None


def watched_by_three() -> State:
    """`eu` is active in `shop` and `api`, and on standby in `docs`; it has a web server only."""
    return state(
        application("eu", WEB1, balancer("lb1", "192.0.2.1")),
        samples.us(),
        samples.group(),
        samples.group("api"),
        samples.group("docs", primary="us", backup="eu"),
    )


def test_the_last_web_head_that_groups_follow_goes_only_with_an_override() -> None:
    """A standby load balancer is no web head: nothing would answer with it."""
    view = watched_by_three()
    refused = refusal(view, RemoveHead("eu", "web1"))
    assert refused.code == "refused"
    assert refused.message == (
        "without 'web1' application 'eu' has no web head: "
        "shop, api would answer nothing (NODATA), and the backup of docs would be empty; "
        "activate a standby with `head activate`, or add --override target-empty"
    )
    assert [(rule.rule, rule.group) for rule in refused.rules] == [
        ("target-empty", "shop"),
        ("target-empty", "api"),
        ("target-empty", "docs"),
    ]
    assert answers(view) == ["A 192.0.2.11"]
    result = carry_out(view, RemoveHead("eu", "web1", override=("target-empty",)))
    assert (result["answering_nothing"], result["overridden"]) == (
        ["shop", "api"],
        ["target-empty"],
    )
    assert answers(view) == []


def test_a_head_that_nothing_depends_on_goes_without_an_override() -> None:
    view = watched_by_three()
    result = carry_out(view, RemoveHead("eu", "lb1"))
    assert (result["answering_nothing"], result["overridden"]) == ([], [])
    carry_out(view, AddApplication("new"))
    carry_out(view, AddHead("new", "lb", BALANCER, samples.addresses("192.0.2.9")))
    assert carry_out(view, RemoveHead("new", "lb"))["heads"] == []


def test_a_removal_that_is_only_tried_names_the_groups_and_changes_nothing() -> None:
    view = watched_by_three()
    command = RemoveHead("eu", "web1", override=("target-empty",), dry_run=True)
    result, writes, _ = carried_out(view, command)
    assert (result["dry_run"], result["answering_nothing"]) == (True, ["shop", "api"])
    assert writes == ()
    assert refusal(view, RemoveHead("eu", "web1", dry_run=True)).code == "refused"


def test_very_many_groups_are_counted_and_not_all_named() -> None:
    groups = [samples.group(f"g{n}", backup=None) for n in range(500)]
    view = state(application("eu", LB1, active="lb1"), *groups)
    refused = refusal(view, RemoveHead("eu", "lb1"))
    assert "g19 and 480 more would answer nothing" in refused.message
    assert len(refused.rules) == 20


def test_an_application_that_lost_its_last_web_head_is_down_since_then() -> None:
    """It does not count as unknown, for which no policy would leave it; one never had any does."""
    view = state(samples.eu(), application("new"), samples.us(), samples.group())
    assert application_condition(the(view, "new")).health is Health.UNKNOWN
    carry_out(view, RemoveHead("eu", "lb1", override=("target-empty",)), 70.0)
    assert application_condition(the(view, "eu")) == Condition(Health.DOWN, 70.0)
    assert observed_of(the(view, "eu")).health is Health.DOWN
    assert why_down(the(view, "eu")) == "it has no web head"
    carry_out(view, add("lb2", BALANCER, "192.0.2.7", standby=True), 80.0)
    assert application_condition(the(view, "eu")) == Condition(Health.DOWN, 70.0)
    carry_out(view, ActivateHead("eu", "lb2"), 90.0)
    assert application_condition(the(view, "eu")).health is Health.UNKNOWN


def test_since_when_an_application_is_unchecked_is_recorded() -> None:
    view = watched.shop()
    assert the(view, "us").unchecked_at is None
    carry_out(view, SetApplication("us", check=()), 50.0)
    carry_out(view, RenameHead("us", "lb1", "lb2"), 60.0)
    assert the(view, "us").unchecked_at == 50.0
    carry_out(view, SetApplication("us", check=("web",)), 70.0)
    assert the(view, "us").unchecked_at is None


def the(view: State, name: str) -> Application:
    """The application of this name."""
    found = view.application_named(name)
    assert found is not None
    return found


def test_a_standby_beside_no_web_head_is_said_to_answer_nothing() -> None:
    view = empty()
    result = carry_out(view, add("lb1", BALANCER, "192.0.2.1", standby=True))
    assert result["warnings"] == [
        "lb1 is on standby, and eu has no web head, so nothing answers with it: "
        "`head activate eu lb1`"
    ]
    carry_out(view, ActivateHead("eu", "lb1"))
    assert "warnings" not in carry_out(view, add("lb2", BALANCER, "192.0.2.2", standby=True))
