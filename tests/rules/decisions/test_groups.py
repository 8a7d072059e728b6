"""Commands on groups: what they change, and refusals."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
import samples
import watched
from samples import HOSTNAME, answers, carried_out, carry_out, group, refusal, shop, state

from failoverdns.changes.state import State
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.groups import AddGroup, RemoveGroup, RenameGroup, SetGroup
from failoverdns.model.group import Group, Side, Tombstone
from failoverdns.model.policy import NO_AUTOMATION, Automation, Gate

EU, US = ["A 192.0.2.1"], ["A 198.51.100.1"]
FIRST_RANDOM, SECOND_RANDOM = "906-691-059", "413-653-999"
"""The labels that `Random(0)` draws."""


def attached(view: State, called: str = "shop") -> tuple[str | None, str | None]:
    """The ids of a group's primary and backup."""
    found = view.group_named(called)
    assert found is not None
    return found.primary, found.backup


@pytest.mark.parametrize(
    ("primary", "backup", "answer", "of_primary", "of_backup"),
    [
        pytest.param(None, None, [], [], [], id="no application: NODATA everywhere"),
        pytest.param("eu", None, EU, EU, [], id="a primary only"),
        pytest.param(None, "us", [], [], US, id="a backup only: it is not active yet"),
        pytest.param("eu", "us", EU, EU, US, id="both: the primary is active"),
    ],
)
def test_a_new_group_answers_for_its_primary(
    primary: str | None,
    backup: str | None,
    answer: list[str],
    of_primary: list[str],
    of_backup: list[str],
) -> None:
    view = state(samples.eu(), samples.us())
    carry_out(view, AddGroup("shop", label=samples.LABEL, primary=primary, backup=backup))
    assert answers(view) == answer
    assert answers(view, f"primary.{HOSTNAME}") == of_primary
    assert answers(view, f"backup.{HOSTNAME}") == of_backup


def test_a_new_group_can_begin_on_its_backup() -> None:
    view = state(samples.eu(), samples.us())
    command = AddGroup("shop", None, samples.LABEL, "eu", "us", active=Side.BACKUP)
    assert carry_out(view, command)["active"] == "backup"
    assert answers(view) == answers(view, f"backup.{HOSTNAME}") != []


def test_a_group_without_a_label_gets_nine_random_digits() -> None:
    result = carry_out(state(), AddGroup("shop"))
    assert result["hostname"] == f"{FIRST_RANDOM}.failover.test"


@pytest.mark.parametrize(
    ("entity", "record"),
    [
        pytest.param(group(label=FIRST_RANDOM), None, id="taken by a group"),
        pytest.param(samples.tombstone(FIRST_RANDOM), None, id="retired"),
        pytest.param(None, f"{FIRST_RANDOM}.failover.test", id="configured"),
        pytest.param(None, f"backup.{FIRST_RANDOM}.failover.test", id="configured below backup"),
    ],
)
def test_a_random_label_is_never_one_that_is(
    entity: Group | Tombstone | None, record: str | None
) -> None:
    records = (samples.text_record(record),) if record else ()
    view = state(*([entity] if entity else []), zones=[samples.zone(records=records)])
    assert carry_out(view, AddGroup("new"))["hostname"] == f"{SECOND_RANDOM}.failover.test"


def test_a_label_that_is_taken_in_one_zone_is_free_in_another() -> None:
    zones = [samples.zone(), samples.zone("failover.example")]
    view = state(group(label=FIRST_RANDOM), zones=zones)
    result = carry_out(view, AddGroup("new", zone=samples.name("failover.example")))
    assert result["hostname"] == f"{FIRST_RANDOM}.failover.example"


class Stuck(Random):
    """A source of randomness that always draws the same number."""

    def randrange(self, *_: object) -> int:
        return 0


def test_the_operator_must_give_a_label_when_no_free_one_is_found() -> None:
    view = state(group(label="000-000-000"))
    with pytest.raises(samples.Rejected, match="found no free label: give one with --label"):
        carried_out(view, AddGroup("new"), random=Stuck())


def test_a_group_has_the_ttl_of_its_zone_unless_it_is_given_one() -> None:
    view = state(zones=[samples.zone(ttl=30)])
    assert carry_out(view, AddGroup("a", label="a"))["ttl"] == 30
    assert carry_out(view, AddGroup("b", label="b", ttl=0))["ttl"] == 0


@pytest.mark.parametrize(
    ("ttl", "is_allowed"),
    [(-1, False), (0, True), (60, True), (86400, True), (86401, False)],
)
def test_a_ttl_is_from_0_to_86400_seconds(ttl: int, is_allowed: bool) -> None:
    for command in (AddGroup("new", label="new", ttl=ttl), SetGroup("shop", ttl=ttl)):
        if is_allowed:
            assert carry_out(shop(ttl=77), command)["ttl"] == ttl
        else:
            refused = refusal(shop(), command)
            assert refused.code == "invalid"
            assert refused.message == f"ttl {ttl}: must be from 0 to 86400 seconds"


@pytest.mark.parametrize(
    ("command", "primary", "backup"),
    [
        pytest.param(SetGroup("shop"), "app-eu", "app-us", id="nothing given: both stay"),
        pytest.param(SetGroup("shop", ttl=5), "app-eu", "app-us", id="only the TTL: both stay"),
        pytest.param(SetGroup("shop", backup=""), "app-eu", None, id="empty: detached"),
        pytest.param(SetGroup("shop", backup="asia"), "app-eu", "app-asia", id="a name: attached"),
        pytest.param(
            SetGroup("shop", primary="eu", backup="us"),
            "app-eu",
            "app-us",
            id="the same: both stay",
        ),
        pytest.param(
            SetGroup("shop", primary="", override=("active-side",)),
            None,
            "app-us",
            id="the active one, overridden: detached",
        ),
        pytest.param(
            SetGroup("shop", primary="asia", override=("active-side", "target-empty")),
            "app-asia",
            "app-us",
            id="the active one, overridden: replaced",
        ),
        pytest.param(
            SetGroup("shop", primary="us", backup="eu", override=("active-side",)),
            "app-us",
            "app-eu",
            id="both change places, overridden",
        ),
        pytest.param(
            SetGroup("shop", backup="", override=("active-side",)),
            "app-eu",
            None,
            id="an override that is not needed has no effect",
        ),
    ],
)
def test_an_omitted_application_stays_and_an_empty_one_is_detached(
    command: SetGroup, primary: str | None, backup: str | None
) -> None:
    view = state(samples.eu(), samples.us(), samples.application("asia"), group())
    carry_out(view, command)
    assert attached(view) == (primary, backup)


@pytest.mark.parametrize(
    ("active", "command", "is_refused"),
    [
        pytest.param(Side.PRIMARY, SetGroup("shop", primary=""), True, id="detach the active"),
        pytest.param(Side.PRIMARY, SetGroup("shop", primary="asia"), True, id="replace the active"),
        pytest.param(Side.PRIMARY, SetGroup("shop", backup=""), False, id="detach the inactive"),
        pytest.param(
            Side.PRIMARY, SetGroup("shop", backup="asia"), False, id="replace the inactive"
        ),
        pytest.param(Side.BACKUP, SetGroup("shop", backup=""), True, id="detach the active backup"),
        pytest.param(
            Side.BACKUP, SetGroup("shop", primary=""), False, id="detach the inactive primary"
        ),
        pytest.param(
            Side.PRIMARY,
            SetGroup("shop", primary="", backup=""),
            True,
            id="detach both: the active one is among them",
        ),
        pytest.param(
            Side.PRIMARY, SetGroup("shop", primary="eu"), False, id="attach the same again"
        ),
    ],
)
def test_the_active_application_is_not_detached_unless_overridden(
    active: Side, command: SetGroup, is_refused: bool
) -> None:
    view = state(samples.eu(), samples.us(), samples.application("asia"), group(active=active))
    if not is_refused:
        carry_out(view, command)
        return
    refused = refusal(view, command)
    assert refused.code == "refused"
    assert [(rule.rule, rule.group) for rule in refused.rules] == [("active-side", "shop")]
    assert "switch to the other side first, or add --override active-side" in refused.message


def test_an_application_can_be_attached_to_an_empty_active_side() -> None:
    view = state(samples.eu(), group(primary=None, backup=None))
    assert answers(view) == []
    carry_out(view, SetGroup("shop", primary="eu"))
    assert answers(view) == EU


def test_detaching_the_active_application_reserves_the_name() -> None:
    """The name answers NODATA, never NXDOMAIN, and the other side does not become active."""
    view = shop()
    carry_out(view, SetGroup("shop", primary="", override=("active-side",)))
    assert answers(view) == []
    assert answers(view, f"backup.{HOSTNAME}") == US


def test_a_group_that_is_renamed_keeps_its_hostname() -> None:
    view = shop()
    result, _, delta = carried_out(view, RenameGroup("shop", "store"))
    assert result["name"] == "store"
    assert result["hostname"] == HOSTNAME
    assert view.group_named("shop") is None
    assert (delta.nodes, delta.removed) == ((), ())


def test_the_label_of_a_removed_group_is_never_used_again() -> None:
    view = state(samples.eu(), group(primary=None, backup=None))
    result = carry_out(view, RemoveGroup("shop"))
    assert result == {"removed": "shop", "retired": HOSTNAME}
    assert view.group_named("shop") is None
    assert view.label_owner(samples.name("failover.test"), samples.LABEL) == Tombstone(
        samples.name("failover.test"), samples.LABEL, "shop"
    )
    assert [answers(view, f"{at}{HOSTNAME}") for at in ("", "primary.", "backup.")] == [None] * 3
    for called in ("other", "shop"):
        refused = refusal(view, AddGroup(called, label=samples.LABEL))
        assert refused.code == "exists"
        assert "is retired: it belonged to the removed group 'shop', and" in refused.message


def test_a_group_of_the_same_name_as_a_removed_one_is_another_group() -> None:
    view = state(group(primary=None, backup=None))
    carry_out(view, RemoveGroup("shop"))
    result = carry_out(view, AddGroup("shop"))
    assert result["hostname"] != HOSTNAME
    assert result["id"] == "grp-12"


@pytest.mark.parametrize(
    ("primary", "backup"), [("eu", "us"), ("eu", None), (None, "us")], ids=["both", "one", "other"]
)
def test_a_group_is_removed_only_when_nothing_is_attached(
    primary: str | None, backup: str | None
) -> None:
    view = state(samples.eu(), samples.us(), group(primary=primary, backup=backup))
    refused = refusal(view, RemoveGroup("shop"))
    assert refused.code == "in-use"
    assert "group 'shop' still has applications: detach them first" in refused.message


ZONES = [
    samples.zone(
        records=(
            samples.text_record("www.failover.test"),
            samples.text_record("primary.blog.failover.test"),
            samples.text_record("deep.free.failover.test"),
        )
    )
]


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        pytest.param(
            AddGroup("shop"), "exists", "there is a group 'shop' already", id="adding a taken name"
        ),
        pytest.param(
            RenameGroup("shop", "store"),
            "exists",
            "there is a group 'store' already",
            id="renaming to a taken name",
        ),
        pytest.param(
            AddGroup("new", label=samples.LABEL),
            "exists",
            "label '414-262-781' belongs to group 'shop'",
            id="a label of another group",
        ),
        pytest.param(
            AddGroup("new", label="gone"), "exists", "label 'gone' is retired", id="a retired label"
        ),
        pytest.param(
            AddGroup("new", label="www"),
            "exists",
            "www.failover.test has records in the configuration",
            id="a label with static records",
        ),
        pytest.param(
            AddGroup("new", label="ns1"),
            "exists",
            "ns1.failover.test has records in the configuration",
            id="the label of a name server",
        ),
        pytest.param(
            AddGroup("new", label="blog"),
            "exists",
            "primary.blog.failover.test has records in the configuration, and a group "
            "blog.failover.test answers there: choose another label",
            id="a label whose primary name has static records",
        ),
        pytest.param(
            AddGroup("new", label="_status"),
            "exists",
            "label '_status' belongs to the server",
            id="the label that is reserved for status",
        ),
        pytest.param(
            AddGroup("new", label="_acme-challenge"),
            "exists",
            "label '_acme-challenge' belongs to the server",
            id="the label that is reserved for challenges",
        ),
        pytest.param(
            AddGroup("new", primary="eu", backup="eu"),
            "invalid",
            "primary and backup are both 'eu': they must be different",
            id="adding with one application on both sides",
        ),
        pytest.param(
            SetGroup("shop", backup="eu"),
            "invalid",
            "primary and backup are both 'eu'",
            id="setting one application on both sides",
        ),
        pytest.param(
            AddGroup("new", primary="uk"), "not-found", "no application 'uk'", id="no such primary"
        ),
        pytest.param(
            AddGroup("new", backup="uk"), "not-found", "no application 'uk'", id="no such backup"
        ),
        pytest.param(
            AddGroup("new", zone=samples.name("failover.tset")),
            "not-found",
            "no zone 'failover.tset'; did you mean 'failover.test'?",
            id="no such zone",
        ),
        pytest.param(
            SetGroup("shop", override=("target-down",)),
            "invalid",
            "no rule 'target-down' to override here: there is 'active-side', 'target-empty'",
            id="an override of a rule that this command does not have",
        ),
        pytest.param(SetGroup("shpo"), "not-found", "did you mean 'shop'", id="no such group"),
        pytest.param(
            RemoveGroup("shpo"), "not-found", "did you mean 'shop'", id="no group to remove"
        ),
        pytest.param(RenameGroup("shpo", "x"), "not-found", "'shop'", id="no group to rename"),
    ],
)
def test_a_command_is_refused(command: Mutation, code: str, message: str) -> None:
    others = group("store", None, None), samples.tombstone("gone")
    view = state(samples.eu(), samples.us(), group(), *others, zones=ZONES)
    refused = refusal(view, command)
    assert refused.code == code
    assert message in refused.message


def test_a_label_above_static_records_is_free() -> None:
    result = carry_out(state(zones=ZONES), AddGroup("new", label="free"))
    assert result["hostname"] == "free.failover.test"


def test_with_several_zones_a_new_group_must_name_its_zone() -> None:
    view = state(zones=[samples.zone(), samples.zone("failover.example")])
    refused = refusal(view, AddGroup("shop"))
    assert refused.code == "invalid"
    assert "there are several zones: choose one with --zone (failover.test, failover.exa" in (
        refused.message
    )


@pytest.mark.parametrize(
    ("command", "revision"),
    [
        pytest.param(SetGroup("shop", ttl=5), 11, id="a change has its own revision"),
        pytest.param(SetGroup("shop", ttl=60), 3, id="the same TTL is not a change"),
        pytest.param(RenameGroup("shop", "store"), 11, id="a new name is a change"),
        pytest.param(RenameGroup("shop", "shop"), 3, id="the same name is not a change"),
    ],
)
def test_a_group_has_the_revision_of_its_last_change(command: Mutation, revision: int) -> None:
    view = shop()
    assert carry_out(view, command)["revision"] == revision


@pytest.mark.parametrize(
    ("before", "ttl", "now", "after"),
    [
        pytest.param({"ttl": 3600}, 60, 1000.0, 4600.0, id="lowered: the old TTL runs out"),
        pytest.param({"ttl": 60}, 3600, 1000.0, 1060.0, id="raised: the same"),
        pytest.param(
            {"ttl": 300, "cached_until": 4600.0}, 60, 1000.0, 4600.0, id="lowered again: the longer"
        ),
        pytest.param({"ttl": 60, "cached_until": 70.0}, 60, 1000.0, 70.0, id="not changed"),
    ],
)
def test_a_group_remembers_until_when_answers_with_its_old_ttl_are_cached(
    before: dict[str, float], ttl: int, now: float, after: float
) -> None:
    view = shop(**before)
    carry_out(view, SetGroup("shop", ttl=ttl), now=now)
    found = view.group_named("shop")
    assert isinstance(found, Group)
    assert found.cached_until == after


def test_an_override_of_the_active_side_is_reported_only_if_it_was_needed() -> None:
    """The reply lists the overridden rule, like that of a switch."""
    before = shop()
    command = SetGroup("shop", backup="", override=("active-side",))
    assert carry_out(before, command)["overridden"] == []
    command = SetGroup("shop", primary="", override=("active-side",))
    assert carry_out(before, command)["overridden"] == ["active-side"]


def test_a_policy_is_set_and_removed() -> None:
    """An omitted policy stays; a held switch is cleared together with the policy."""
    view = watched.shop(watched.DOWN, watched.UP, Gate("never", ("*",), flag="never"))
    carry_out(view, AddGroup("blog", label="blog", policy="auto"))
    assert watched.the_group(view, "blog").automation == Automation("auto")
    watched.look(view, 1000.0)
    carry_out(view, SetGroup("shop", ttl=5))
    assert watched.the_group(view).automation.held is not None
    carry_out(view, SetGroup("shop", policy=""))
    assert watched.the_group(view).automation == NO_AUTOMATION


@pytest.mark.parametrize(
    "command", [AddGroup("blog", label="blog", policy="atuo"), SetGroup("shop", policy="atuo")]
)
def test_a_policy_that_is_not_configured_is_refused(command: Mutation) -> None:
    refused = refusal(watched.shop(), command)
    assert (refused.code, refused.message) == (
        "not-found",
        "no policy 'atuo'; did you mean 'auto'?",
    )


def test_an_application_without_web_heads_takes_the_active_side_only_with_an_override() -> None:
    view = state(samples.eu(), samples.us(), samples.application("asia"), group())
    refused = refusal(view, SetGroup("shop", primary="asia", override=("active-side",)))
    assert refused.message == (
        "the application for the primary resolves to nothing: shop would answer nothing (NODATA); "
        "add a head to its application with `head add`, or add --override target-empty"
    )
    assert [rule.rule for rule in refused.rules] == ["target-empty"]
    both = ("active-side", "target-empty")
    result = carry_out(view, SetGroup("shop", primary="asia", override=both))
    assert (result["answers"], result["overridden"]) == ([], [*both])


def test_a_group_that_answers_nothing_may_get_an_application_without_web_heads() -> None:
    view = state(samples.application("asia"), group(primary=None, backup=None))
    assert carry_out(view, SetGroup("shop", primary="asia"))["overridden"] == []


def test_a_change_of_a_group_can_be_tried() -> None:
    view = samples.shop()
    result = carry_out(view, SetGroup("shop", backup="", dry_run=True))
    assert result["dry_run"] is True
    assert attached(view) == ("app-eu", "app-us")


NAMES_DIFFER = (
    "policy auto can never switch shop to the backup: the certificates of eu and us have different "
    "names: install one for the same names, or `certificate remove us`, and the other one is "
    "transferred (certificate-names)"
)


def test_certificates_that_keep_a_policy_from_switching_are_said_when_it_is_put_on() -> None:
    checked = [replace(each, checks=("web",)) for each in (samples.eu(), samples.us())]
    others = samples.certificate("eu"), samples.certificate("us", "other.example", called="b")
    view = state(*checked, *others, group(), settings=watched.settings())
    (said,) = carry_out(view, SetGroup("shop", policy="auto"))["warnings"]
    assert said == NAMES_DIFFER
    assert "warnings" not in carry_out(view, SetGroup("shop", ttl=30))
