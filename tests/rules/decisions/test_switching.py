"""The switch: which side answers afterwards, when it is refused, and when clients have moved."""

from __future__ import annotations

import pytest
import samples
from samples import HOSTNAME, answers, application, carried_out, carry_out, group, refusal, state

from failoverdns.changes.state import State
from failoverdns.model.application import HeadRole
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import ActivateHead, AddHead
from failoverdns.model.commands.groups import RenameGroup, SetGroup, Switch
from failoverdns.model.errors import Rejected
from failoverdns.model.group import Side
from failoverdns.rules.decisions.switching import check_override

PRIMARY, BACKUP = Side.PRIMARY, Side.BACKUP
EU, US = ["A 192.0.2.1"], ["A 198.51.100.1"]
EMPTY = application("empty")


def shop(**fields: object) -> State:
    """The group `shop` and both its applications."""
    return state(samples.eu(), samples.us(), group(**fields))


def only(result: dict[str, object]) -> dict[str, object]:
    """The report on the only group."""
    (report,) = result["groups"]
    return report


@pytest.mark.parametrize(
    ("active", "to", "answer", "changed"),
    [
        pytest.param(PRIMARY, BACKUP, US, True, id="to the backup"),
        pytest.param(BACKUP, PRIMARY, EU, True, id="back to the primary"),
        pytest.param(PRIMARY, PRIMARY, EU, False, id="to the primary, which is active already"),
        pytest.param(BACKUP, BACKUP, US, False, id="to the backup, which is active already"),
        pytest.param(PRIMARY, None, US, True, id="without a side: from the primary to the backup"),
        pytest.param(BACKUP, None, EU, True, id="without a side: from the backup to the primary"),
    ],
)
def test_a_switch_makes_a_side_active(
    active: Side, to: Side | None, answer: list[str], changed: bool
) -> None:
    view = shop(active=active)
    report = only(carry_out(view, Switch(("shop",), to)))
    assert answers(view) == answer
    assert answers(view, f"primary.{HOSTNAME}") == EU
    assert answers(view, f"backup.{HOSTNAME}") == US
    assert report["changed"] is changed
    assert view.revision == (11 if changed else 10)


def test_the_reply_has_both_sides_and_when_the_old_one_is_drained() -> None:
    result = carry_out(shop(), Switch(("shop",), BACKUP), now=1_800_000_000.25)
    assert result == {
        "groups": [
            {
                "name": "shop",
                "hostname": HOSTNAME,
                "from": "primary",
                "to": "backup",
                "changed": True,
                "targets": ["198.51.100.1"],
                "drained_at": "2027-01-15T08:01:00.250Z",
                "overridden": [],
                "certificate": None,
            }
        ]
    }


def test_a_switch_to_the_active_side_changes_nothing_and_applies_no_rule() -> None:
    """It is safe to repeat, and needs no override."""
    view = state(EMPTY, group(primary="empty", backup=None))
    result, writes, delta = carried_out(view, Switch(("shop",), PRIMARY))
    assert writes == ()
    assert (delta.nodes, delta.removed) == ((), ())
    assert only(result)["changed"] is False
    assert only(result)["overridden"] == []


def test_a_repeated_switch_changes_nothing_more() -> None:
    view = shop()
    first = only(carry_out(view, Switch(("shop",), BACKUP), now=100.0))
    again = only(carry_out(view, Switch(("shop",), BACKUP), now=130.0))
    assert again == {**first, "from": "backup", "changed": False}


@pytest.mark.parametrize(
    ("fields", "ttl_set_at", "now", "drained_at"),
    [
        pytest.param({"ttl": 60}, {}, 1000.0, 1060.0, id="after the TTL"),
        pytest.param({"ttl": 0}, {}, 1000.0, 1000.0, id="at once with a TTL of 0"),
        pytest.param(
            {"ttl": 3600}, {990.0: 60}, 1000.0, 4590.0, id="lowered shortly before: the old TTL"
        ),
        pytest.param({"ttl": 3600}, {10.0: 60}, 9000.0, 9060.0, id="lowered long before: the TTL"),
        pytest.param(
            {"ttl": 3600}, {980.0: 300, 990.0: 60}, 1000.0, 4580.0, id="lowered twice: the longest"
        ),
        pytest.param({"ttl": 60}, {990.0: 3600}, 1000.0, 4600.0, id="raised: the new TTL"),
        pytest.param(
            {"ttl": 60}, {980.0: 3600, 990.0: 5}, 1000.0, 4590.0, id="raised for ten seconds"
        ),
    ],
)
def test_the_old_side_is_drained_when_the_last_answer_for_it_has_expired(
    fields: dict[str, int], ttl_set_at: dict[float, int], now: float, drained_at: float
) -> None:
    view = shop(**fields)
    for when, ttl in ttl_set_at.items():
        carry_out(view, SetGroup("shop", ttl=ttl), now=when)
    carry_out(view, Switch(("shop",)), now=now)
    found = view.group_named("shop")
    assert found is not None
    assert found.drained_at == drained_at


NO_APPLICATION = "has no backup application: attach one with `group set shop --backup APPLICATION`"
TARGET_EMPTY = "the backup of group 'shop' resolves to nothing: add a head to its application"
ON_STANDBY = "its load balancers are on standby: `head activate standby lb1`"


@pytest.mark.parametrize(
    ("backup", "rule", "message"),
    [
        pytest.param(None, "no-application", NO_APPLICATION, id="no application is attached"),
        pytest.param("empty", "target-empty", TARGET_EMPTY, id="it has no head"),
        pytest.param("standby", "target-empty", ON_STANDBY, id="it has only a standby"),
    ],
)
def test_a_switch_to_a_side_without_a_target_is_refused(
    backup: str | None, rule: str, message: str
) -> None:
    """The refusal names the rule and what to do, and the rule can be overridden by that name."""
    standby = application("standby", samples.balancer("lb1", "192.0.2.7"))
    view = state(samples.eu(), EMPTY, standby, group(backup=backup))
    refused = refusal(view, Switch(("shop",), BACKUP))
    assert refused.code == "refused"
    assert refused.message == f"nothing was switched: {rule} (shop)"
    (failure,) = refused.rules
    assert (failure.rule, failure.group) == (rule, "shop")
    assert message in failure.message

    report = only(carry_out(view, Switch(("shop",), BACKUP, override=(rule,))))
    assert report["overridden"] == [rule]
    assert report["targets"] == []
    assert answers(view) == []


def test_a_switch_is_possible_without_an_application_on_the_side_it_leaves() -> None:
    view = state(samples.us(), group(primary=None))
    carry_out(view, Switch(("shop",)))
    assert answers(view) == US


def three(**blog: object) -> State:
    """The groups `shop`, `blog`, and `wiki`, which has an empty backup."""
    return state(
        samples.eu(),
        samples.us(),
        EMPTY,
        group(),
        group("blog", **blog),
        group("wiki", backup="empty"),
    )


def test_several_groups_are_switched_in_one_step() -> None:
    view = three()
    result = carry_out(view, Switch(("blog", "shop"), BACKUP))
    assert [report["name"] for report in result["groups"]] == ["blog", "shop"]
    assert answers(view) == answers(view, "blog.failover.test") == US
    assert view.revision == 11


def test_without_a_side_each_group_is_switched_to_its_other_side() -> None:
    view = three(active=BACKUP)
    result = carry_out(view, Switch(("shop", "blog")))
    assert [report["to"] for report in result["groups"]] == ["backup", "primary"]
    assert answers(view) == US
    assert answers(view, "blog.failover.test") == EU


def test_a_group_that_is_named_twice_is_switched_once() -> None:
    view = three()
    result = carry_out(view, Switch(("shop", "shop")))
    assert len(result["groups"]) == 1
    assert answers(view) == US


def test_groups_on_the_wanted_side_already_are_not_changed() -> None:
    view = three(active=BACKUP)
    result, writes, _ = carried_out(view, Switch(("shop", "blog"), BACKUP))
    assert [report["changed"] for report in result["groups"]] == [True, False]
    assert [write.after.name for write in writes] == ["shop"]


def test_if_one_group_cannot_be_switched_none_is() -> None:
    view = three()
    refused = refusal(view, Switch(("shop", "wiki", "blog"), BACKUP))
    assert refused.message == "nothing was switched: target-empty (wiki)"
    assert answers(view) == EU


def test_a_refusal_lists_every_rule_that_failed_for_every_group() -> None:
    view = three(backup=None)
    refused = refusal(view, Switch(("wiki", "shop", "blog"), BACKUP))
    assert refused.message == "nothing was switched: no-application (blog), target-empty (wiki)"
    assert [(rule.rule, rule.group) for rule in refused.rules] == [
        ("target-empty", "wiki"),
        ("no-application", "blog"),
    ]


def test_only_the_rules_that_are_overridden_may_fail() -> None:
    view = three(backup=None)
    both = Switch(("wiki", "blog"), BACKUP, override=("target-empty",))
    assert [rule.rule for rule in refusal(view, both).rules] == ["no-application"]


def test_an_override_is_recorded_only_where_the_rule_failed() -> None:
    view = three()
    groups = ("shop", "wiki")
    result = carry_out(view, Switch(groups, BACKUP, override=("target-empty", "no-application")))
    assert [report["overridden"] for report in result["groups"]] == [[], ["target-empty"]]


@pytest.mark.parametrize("dry_run", [False, True])
def test_an_override_of_a_rule_that_does_not_exist_is_refused(dry_run: bool) -> None:
    refused = refusal(
        shop(), Switch(("shop",), override=("target-empty", "tagret-empty"), dry_run=dry_run)
    )
    assert refused.code == "invalid"
    assert refused.message == (
        "no rule 'tagret-empty' to override here: there is 'no-application', 'target-empty', "
        "'target-down', 'target-loop', 'certificate-names', 'certificate-expired', 'before-switch'"
    )


def test_a_group_that_does_not_exist_is_named_with_the_nearest_one() -> None:
    refused = refusal(three(), Switch(("shop", "blgo")))
    assert (refused.code, refused.message) == (
        "not-found",
        "no group 'blgo'; did you mean 'blog'?",
    )


ANOTHER_HEAD = AddHead("eu", "lb2", HeadRole.LOAD_BALANCER, samples.addresses("192.0.2.2"))


@pytest.mark.parametrize(
    ("meanwhile", "if_revision", "message"),
    [
        pytest.param([], 10, None, id="nothing happened since"),
        pytest.param([], 3, None, id="nothing happened to the group since its own revision"),
        pytest.param([], 2, "'shop' at revision 3; look again", id="the group is newer"),
        pytest.param(
            [SetGroup("shop", ttl=5)],
            10,
            "changed since revision 10: 'shop' at revision 11; look again",
            id="the group was set",
        ),
        pytest.param(
            [RenameGroup("blog", "news"), RenameGroup("news", "blog")],
            10,
            None,
            id="another group changed",
        ),
        pytest.param(
            [Switch(("shop",)), Switch(("shop",))],
            10,
            "'shop' at revision 12",
            id="the group was switched and is back",
        ),
        pytest.param([ANOTHER_HEAD, ActivateHead("eu", "lb1")], 10, None, id="a head changed"),
        pytest.param(
            [], 11, "revision 11 is not reached yet: it is 10 now", id="a revision of the future"
        ),
    ],
)
def test_a_switch_with_if_revision_conflicts_when_a_named_group_changed_after_it(
    meanwhile: list[Mutation], if_revision: int, message: str | None
) -> None:
    view = three()
    for command in meanwhile:
        carry_out(view, command)
    switch = Switch(("shop",), BACKUP, if_revision=if_revision)
    if message is None:
        assert only(carry_out(view, switch))["changed"] is True
    else:
        refused = refusal(view, switch)
        assert refused.code == "conflict"
        assert message in refused.message


def test_a_conflict_names_every_group_that_changed() -> None:
    view = three()
    carry_out(view, Switch(("shop", "blog")))
    refused = refusal(view, Switch(("shop", "wiki", "blog"), PRIMARY, if_revision=10))
    assert refused.message == (
        "changed since revision 10: 'shop' at revision 11, 'blog' at revision 11; look again"
    )


def test_a_dry_run_reports_the_result_and_writes_nothing() -> None:
    view = shop()
    command = Switch(("shop",), BACKUP, dry_run=True)
    result, writes, delta = carried_out(view, command, now=1_800_000_000.0)
    assert writes == ()
    assert (delta.nodes, delta.removed) == ((), ())
    assert answers(view) == EU
    assert result["dry_run"] is True
    really = carry_out(shop(), Switch(("shop",), BACKUP), now=1_800_000_000.0)
    assert result["groups"] == really["groups"]


def test_a_dry_run_is_refused_as_the_switch_would_be() -> None:
    view = state(samples.eu(), EMPTY, group(backup="empty"))
    really = refusal(view, Switch(("shop",)))
    dry = refusal(view, Switch(("shop",), dry_run=True))
    assert (dry.code, dry.message, dry.rules) == (really.code, really.message, really.rules)


RULES = ("no-application", "target-empty")


@pytest.mark.parametrize("override", [(), RULES[:1], RULES, RULES[:1] * 2])
def test_any_rule_of_a_command_may_be_overridden(override: tuple[str, ...]) -> None:
    check_override(override, RULES)


@pytest.mark.parametrize("name", ["all", "", "Target-Empty", "target_empty"])
def test_an_unknown_rule_cannot_be_overridden(name: str) -> None:
    with pytest.raises(Rejected) as caught:
        check_override(("target-empty", name), RULES)
    assert (caught.value.code, caught.value.message) == (
        "invalid",
        f"no rule {name!r} to override here: there is 'no-application', 'target-empty'",
    )
