"""An unknown name is refused, with the nearest known name as a suggestion."""

from __future__ import annotations

import pytest
import samples
from samples import application, group, name, state

from failoverdns.model.errors import Rejected
from failoverdns.rules.derived.entity_lookup import (
    find_application,
    find_group,
    find_head,
    find_zone,
    not_found,
)


@pytest.mark.parametrize(
    ("asked", "known", "message"),
    [
        pytest.param("shpo", ["shop", "blog"], "; did you mean 'shop'?", id="one is near"),
        pytest.param("xyz", ["shop", "blog"], "; there is 'shop', 'blog'", id="none is near"),
        pytest.param("x", [f"g{n}" for n in range(6)], "", id="none is near among many"),
        pytest.param("x", [], "; there is no group at all yet", id="there are none"),
    ],
)
def test_a_refusal_suggests_the_nearest_name(asked: str, known: list[str], message: str) -> None:
    refused = not_found("group", asked, known)
    assert (refused.code, refused.message) == ("not-found", f"no group {asked!r}{message}")


def test_a_suggestion_compares_at_most_2000_names() -> None:
    def names() -> object:
        for number in range(2000):
            yield f"other-{number}"
        raise AssertionError("more than 2000 names are compared")

    assert not_found("group", "shop", names()).message == "no group 'shop'"


def test_entities_are_found_by_their_names() -> None:
    view = samples.shop()
    eu = find_application(view, "eu")
    assert eu == samples.eu()
    assert find_head(eu, "lb1") == eu.heads[0]
    assert find_group(view, "shop") == group()
    assert find_zone(view, name("failover.test")) == samples.zone()


def test_names_of_applications_and_heads_are_found_in_any_case() -> None:
    assert find_head(find_application(samples.shop(), "EU"), "LB1").name == "lb1"


def test_without_a_name_the_only_zone_is_found() -> None:
    assert find_zone(state(), None) == samples.zone()


def test_without_a_name_several_zones_are_refused() -> None:
    view = state(zones=[samples.zone("a.test"), samples.zone("b.test")])
    with pytest.raises(Rejected, match=r"several zones: choose one with --zone \(a.test, b.test\)"):
        find_zone(view, None)


@pytest.mark.parametrize(
    ("find", "message"),
    [
        pytest.param(
            lambda view: find_application(view, "eu-1"),
            "no application 'eu-1'; did you mean 'eu'?",
            id="an application",
        ),
        pytest.param(
            lambda view: find_head(view.application("app-eu"), "lb2"),
            "no head 'lb2' in application 'eu'; did you mean 'lb1'?",
            id="a head",
        ),
        pytest.param(
            lambda view: find_head(application("new"), "lb2"),
            "no head 'lb2' in application 'new'; there is no head at all in application 'new' yet",
            id="a head of an application without heads",
        ),
        pytest.param(
            lambda view: find_group(view, "Shop"),
            "no group 'Shop'; did you mean 'shop'?",
            id="a group: its name has case",
        ),
        pytest.param(
            lambda view: find_zone(view, name("failover.tset")),
            "no zone 'failover.tset'; did you mean 'failover.test'?",
            id="a zone",
        ),
    ],
)
def test_an_unknown_name_is_refused(find: object, message: str) -> None:
    with pytest.raises(Rejected) as caught:
        find(samples.shop())
    assert (caught.value.code, caught.value.message) == ("not-found", message)
