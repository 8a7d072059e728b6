"""The description of a change in the history: its entities, and old and new values."""

from __future__ import annotations

import pytest
import samples
from samples import changed_by, group, state

from failoverdns.model.application import ApplicationRole, HeadRole
from failoverdns.model.change import Json, Write
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import (
    ActivateHead,
    AddApplication,
    AddHead,
    RemoveApplication,
    RemoveHead,
    RenameApplication,
    RenameHead,
    SetHead,
)
from failoverdns.model.commands.groups import AddGroup, RemoveGroup, RenameGroup, SetGroup, Switch
from failoverdns.model.commands.server import Configure
from failoverdns.model.group import Side
from failoverdns.rules.reports.changes_in_words import recount_roles, subjects

LB1, LB2 = "lb1 load-balancer 192.0.2.1", "lb2 load-balancer 192.0.2.2"
ADD_LB2 = AddHead("eu", "lb2", HeadRole.LOAD_BALANCER, samples.addresses("192.0.2.2"))


def without_ids(parts: list[dict[str, Json]]) -> list[dict[str, Json]]:
    """Return the descriptions without their ids."""
    return [{key: value for key, value in part.items() if key != "id"} for part in parts]


def test_a_description_has_the_id_and_the_present_name() -> None:
    view = samples.shop()
    parts = changed_by(view, RenameApplication("us", "usa"), Switch(("shop",)))
    assert [(part["kind"], part["name"], part["id"]) for part in parts] == [
        ("group", "shop", "grp-shop")
    ]
    before = {"app-us": ApplicationRole.OFFLINE}
    assert [(part["name"], part["id"]) for part in recount_roles(view, before)] == [
        ("usa", "app-us")
    ]


@pytest.mark.parametrize(
    ("commands", "part"),
    [
        pytest.param(
            [Switch(("shop",))],
            {"kind": "group", "name": "shop", "fields": {"active": ["primary", "backup"]}},
            id="a switch",
        ),
        pytest.param(
            [SetGroup("shop", backup="", ttl=5)],
            {"kind": "group", "name": "shop", "fields": {"backup": ["us", None], "ttl": [60, 5]}},
            id="a group that is set",
        ),
        pytest.param(
            [RenameGroup("shop", "store")],
            {"kind": "group", "name": "store", "fields": {"name": ["shop", "store"]}},
            id="a group that is renamed, under its new name",
        ),
        pytest.param(
            [RenameApplication("eu", "uk")],
            {"kind": "application", "name": "uk", "fields": {"name": ["eu", "uk"]}},
            id="an application that is renamed",
        ),
        pytest.param(
            [RenameApplication("us", "usa"), SetGroup("shop", backup="")],
            {"kind": "group", "name": "shop", "fields": {"backup": ["usa", None]}},
            id="an application has its present name",
        ),
        pytest.param(
            [ADD_LB2],
            {
                "kind": "application",
                "name": "eu",
                "fields": {"heads": [[LB1], [LB1, LB2]], "active_head": ["lb1", "lb2"]},
            },
            id="a load balancer that takes over",
        ),
        pytest.param(
            [ADD_LB2, ActivateHead("eu", "lb1")],
            {"kind": "application", "name": "eu", "fields": {"active_head": ["lb2", "lb1"]}},
            id="a load balancer that is made active",
        ),
        pytest.param(
            [SetHead("eu", "lb1", hostname="elb.example")],
            {
                "kind": "application",
                "name": "eu",
                "fields": {"heads": [[LB1], ["lb1 load-balancer elb.example"]]},
            },
            id="a head that moved",
        ),
        pytest.param(
            [RenameHead("eu", "lb1", "edge")],
            {
                "kind": "application",
                "name": "eu",
                "fields": {
                    "heads": [[LB1], ["edge load-balancer 192.0.2.1"]],
                    "active_head": ["lb1", "edge"],
                },
            },
            id="a head that is renamed",
        ),
        pytest.param(
            [RemoveHead("eu", "lb1", override=("target-empty",))],
            {
                "kind": "application",
                "name": "eu",
                "fields": {
                    "heads": [[LB1], []],
                    "active_head": ["lb1", None],
                    "health": [None, "down"],
                },
            },
            id="a head that is removed",
        ),
    ],
)
def test_the_history_has_the_old_and_new_values_of_changed_fields(
    commands: list[Mutation], part: dict[str, object]
) -> None:
    found = changed_by(samples.shop(), *commands)
    assert without_ids(found) == [{**part, "done": "changed"}]


@pytest.mark.parametrize(
    ("command", "part"),
    [
        pytest.param(
            AddApplication("asia", "{head}.example"),
            {
                "kind": "application",
                "name": "asia",
                "done": "created",
                "fields": {
                    "name": [None, "asia"],
                    "hostname_template": [None, "{head}.example"],
                    "heads": [None, []],
                },
            },
            id="a new application",
        ),
        pytest.param(
            RemoveApplication("free"),
            {
                "kind": "application",
                "name": "free",
                "done": "removed",
                "fields": {"name": ["free", None], "heads": [[], None]},
            },
            id="an application that is removed",
        ),
        pytest.param(
            AddGroup("new", label="new", primary="eu"),
            {
                "kind": "group",
                "name": "new",
                "done": "created",
                "fields": {
                    "name": [None, "new"],
                    "hostname": [None, "new.failover.test"],
                    "primary": [None, "eu"],
                    "active": [None, "primary"],
                    "ttl": [None, 60],
                },
            },
            id="a new group",
        ),
        pytest.param(
            RemoveGroup("shop"),
            {
                "kind": "group",
                "name": "shop",
                "done": "removed",
                "fields": {
                    "name": ["shop", None],
                    "hostname": [samples.HOSTNAME, None],
                    "active": ["primary", None],
                    "ttl": [60, None],
                },
            },
            id="a group that is removed",
        ),
        pytest.param(
            Configure((samples.zone(), samples.zone("failover.example"))),
            {
                "kind": "zone",
                "name": "failover.example",
                "done": "created",
                "fields": {"configuration": [None, samples.zone("failover.example").digest()]},
            },
            id="a new zone",
        ),
        pytest.param(
            Configure((samples.zone(ttl=61),)),
            {
                "kind": "zone",
                "name": "failover.test",
                "done": "changed",
                "fields": {
                    "configuration": [samples.zone().digest(), samples.zone(ttl=61).digest()]
                },
            },
            id="a zone that was configured differently",
        ),
    ],
)
def test_the_history_has_created_and_removed_entities(
    command: Mutation, part: dict[str, object]
) -> None:
    free = samples.application("free")
    view = state(samples.eu(), free, group(primary=None, backup=None))
    assert without_ids(changed_by(view, command)) == [part]


def test_the_history_has_each_group_that_a_switch_of_several_changed() -> None:
    groups = group(), group("blog", active=Side.BACKUP)
    view = state(samples.eu(), samples.us(), *groups)
    parts = changed_by(view, Switch(("shop", "blog")))
    assert [(part["name"], part["fields"]) for part in parts] == [
        ("shop", {"active": ["primary", "backup"]}),
        ("blog", {"active": ["backup", "primary"]}),
    ]


def test_a_change_can_be_found_by_every_group_name_and_id_that_it_concerns() -> None:
    shop, store = group(), group("store", label="x")
    writes = [
        Write(shop, store),
        Write(None, samples.eu()),
        Write(None, samples.tombstone("gone")),
        Write(samples.eu(), None),
    ]
    assert subjects(writes) == ("grp-shop", "group:shop", "grp-store", "group:store", "app-eu")
