"""Groups at the apex of a zone, and aliases that lead to names of this server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import samples
from samples import (
    HOSTNAME,
    addresses,
    answers,
    application,
    balancer,
    carried_out,
    carry_out,
    eu,
    group,
    name,
    refusal,
    state,
    us,
    zone,
)

from failoverdns.changes.state import State
from failoverdns.model.application import HeadRole
from failoverdns.model.certificate import Challenge
from failoverdns.model.change import Node
from failoverdns.model.commands.applications import ActivateHead, AddHead, RemoveHead, SetHead
from failoverdns.model.commands.groups import AddGroup, Preflight, RemoveGroup, SetGroup, Switch
from failoverdns.model.commands.server import Configure, LearnAnswer
from failoverdns.model.errors import Rejected
from failoverdns.model.group import Side, Tombstone
from failoverdns.model.names import DomainName
from failoverdns.model.records import AAAA, A, Opaque, OwnedRRset
from failoverdns.model.resolution import Answer
from failoverdns.model.zone import NameServer
from failoverdns.rules.decisions.preflight import plan_flight, preflight_report
from failoverdns.rules.derived.apex import answering_group, apex_group, group_for, is_answered_here
from failoverdns.rules.derived.challenges import challenge_owners, checked_names
from failoverdns.rules.derived.resolving import wanted
from failoverdns.rules.derived.view import View
from failoverdns.rules.explaining import explanation
from failoverdns.rules.reports.reporting import group_report, zone_report

SHOP = name("shop.example")
EU, US = ["A 192.0.2.1"], ["A 198.51.100.1"]
MAIL = OwnedRRset(SHOP, 15, 300, (Opaque(b"\0\x0a\4mail\0"),))
NS1 = "NS ns1.shop.example"
HOST = name("lb.cloud.example")
CLOUD = application("cloud", balancer("lb", hostname="lb.cloud.example"), active="lb")
ANSWER = LearnAnswer(HOST, Answer(addresses("192.0.2.7"), addresses("2001:db8::7"), 60), 30)
PROBES = lambda _: []  # noqa: E731


DARK = (
    "the apex of shop.example has no address, and no CNAME is allowed there: lb.cloud.example has "
    "no address so far (the `resolvers` of the configuration find it)"
)


def apex(**fields: Any) -> State:
    """A group at the apex of `shop.example`, which has an MX record there."""
    given = {"zone": SHOP, "label": "@", "flatten": True, **fields}
    return state(eu(), us(), CLOUD, group(**given), zones=[zone("shop.example", records=(MAIL,))])


def aliased(alias: str = HOSTNAME, **fields: Any) -> State:
    """The group `shop` in `failover.test`, and `shop.example` with an alias."""
    zones = [zone(), zone("shop.example", records=(MAIL,), alias=name(alias))]
    return state(eu(), us(), CLOUD, group(**fields), zones=zones)


def node_at(view: View, owner: str) -> Node:
    """Return the node of a name."""
    return samples.node_table(view)[name(owner)]


def test_a_group_at_the_apex_answers_beside_the_records_of_the_zone() -> None:
    view = apex()
    assert answers(view, "shop.example") == [NS1, f"MX {MAIL.data[0].data.hex()}", *EU]
    assert answers(view, "primary.shop.example") == EU
    assert answers(view, "backup.shop.example") == US
    _, _, delta = carried_out(view, Switch(("shop",)))
    assert answers(view, "shop.example")[-1:] == US
    changed = {node.owner.to_text() for node in delta.nodes}
    assert changed == {"shop.example", "_status.eu.shop.example", "_status.us.shop.example"}
    report = group_report(view, view.group_named("shop"))
    assert (report["hostname"], report["answers"]) == ("shop.example", ["198.51.100.1"])


def test_each_name_of_a_zone_with_a_group_at_the_apex_is_served_once() -> None:
    owners = [node.owner for node in samples.all_nodes(apex())]
    assert len(owners) == len(set(owners))


def test_a_hostname_at_the_apex_answers_nothing_until_it_is_resolved() -> None:
    """A CNAME record is not allowed there; its sides answer alike, so a test shows the same."""
    view = apex(primary="cloud")
    beside = [NS1, f"MX {MAIL.data[0].data.hex()}"]
    assert wanted(view) == (HOST,)
    assert answers(view, "shop.example") == beside
    assert answers(view, "primary.shop.example") == []
    assert group_report(view, view.group_named("shop"))["answers"] == []
    sentences = explanation(view, view.group_named("shop"), samples._moment(1.0, None), PROBES)
    assert f"{DARK}." in sentences["sentences"]
    carry_out(view, ANSWER)
    both = ["A 192.0.2.7", "AAAA 2001:db8::7"]
    assert answers(view, "shop.example") == [*beside, *both]
    assert answers(view, "primary.shop.example") == both


def test_a_switch_at_the_apex_to_a_hostname_without_addresses_is_refused() -> None:
    view = apex(backup="cloud")
    refused = refusal(view, Switch(("shop",)))
    assert [rule.rule for rule in refused.rules] == ["target-empty"]
    assert "lb.cloud.example has no address so far (the `resolvers`" in refused.rules[0].message
    assert "keep it on the side that is not active until `status`" in refused.rules[0].message
    carry_out(view, ANSWER)
    carry_out(view, Switch(("shop",)))
    assert answers(view, "shop.example")[-2:] == ["A 192.0.2.7", "AAAA 2001:db8::7"]


@pytest.mark.parametrize(
    "command",
    [
        SetHead("eu", "lb1", hostname="lb.cloud.example"),
        AddHead("eu", "lb2", HeadRole.LOAD_BALANCER, hostname="lb.cloud.example"),
        ActivateHead("eu", "next"),
    ],
)
def test_a_change_of_heads_that_takes_the_addresses_from_an_apex_is_refused(command: Any) -> None:
    standby = balancer("next", hostname="lb.cloud.example")
    there = application("eu", balancer("lb1", "192.0.2.1"), standby, active="lb1")
    view = state(there, us(), group(zone=SHOP, label="@"), zones=[zone("shop.example")])
    refused = refusal(view, command)
    assert [rule.rule for rule in refused.rules] == ["target-empty"]
    assert str(refused).startswith("lb.cloud.example has no address so far")
    assert "`head activate eu NAME`" in str(refused)
    carry_out(view, ANSWER)
    carry_out(view, command)
    assert "A 192.0.2.7" in answers(view, "shop.example")


def test_removing_the_head_with_the_addresses_of_an_apex_takes_an_override() -> None:
    standby = balancer("next", hostname="lb.cloud.example")
    there = application("eu", standby, balancer("lb1", "192.0.2.1"), active="lb1")
    view = state(there, us(), group(zone=SHOP, label="@"), zones=[zone("shop.example")])
    assert "or add --override target-empty" in str(refusal(view, RemoveHead("eu", "lb1")))
    removed = carry_out(view, RemoveHead("eu", "lb1", override=("target-empty",)))
    assert (removed["answering_nothing"], removed["overridden"]) == (["shop"], ["target-empty"])


def test_a_switch_that_takes_the_addresses_from_an_alias_is_told() -> None:
    """It is carried out: the group itself answers with a CNAME record."""
    view = aliased(backup="cloud")
    assert carry_out(view, Switch(("shop",), dry_run=True))["warnings"] == [DARK]
    assert carry_out(view, Switch(("shop",)))["warnings"] == [DARK]
    assert "warnings" not in carry_out(view, Switch(("shop",)))


def test_a_change_that_takes_the_addresses_from_an_apex_is_told() -> None:
    """Other names answer a CNAME record until the new hostname is resolved; an apex nothing."""
    told = DARK
    result = carry_out(aliased(), SetHead("eu", "lb1", hostname="lb.cloud.example"))
    assert [text for text in result["warnings"] if told in text]
    view = state(CLOUD, us(), zones=[zone("shop.example")])
    result = carry_out(view, AddGroup("shop", label="@", primary="cloud", backup="us"))
    assert [text for text in result["warnings"] if told in text]


def test_a_hostname_on_standby_is_resolved_before_it_becomes_active() -> None:
    """So activating it takes no addresses from an apex, even for a moment."""
    view = apex()
    lb2 = AddHead("eu", "lb2", HeadRole.LOAD_BALANCER, (), "lb.cloud.example", standby=True)
    carry_out(view, lb2)
    assert wanted(view) == (HOST,)
    carry_out(view, ANSWER)
    result = carry_out(view, ActivateHead("eu", "lb2"))
    assert "warnings" not in result
    assert answers(view, "shop.example")[-2:] == ["A 192.0.2.7", "AAAA 2001:db8::7"]


def test_an_application_without_known_addresses_does_not_take_an_apex() -> None:
    view = apex(backup=None)
    attach = SetGroup("shop", primary="cloud", override=("active-side",))
    refused = refusal(view, attach)
    assert (
        "has no address for the apex of a zone: lb.cloud.example has no address so"
        in refused.message
    )
    assert "keep it on the side that is not active until `status` shows" in refused.message
    carry_out(view, SetGroup("shop", backup="cloud"))
    carry_out(view, ANSWER)
    carry_out(view, Switch(("shop",)))


def test_a_hostname_with_a_cname_record_here_is_told_with_the_name_to_give() -> None:
    lb = OwnedRRset(name("lb.failover.test"), 5, 20, (Opaque(HOST.wire),))
    near = application("near", balancer("lb", hostname="lb.failover.test"), active="lb")
    shop = group(primary="near", zone=SHOP, label="@", flatten=True)
    view = state(near, us(), shop, zones=[zone(records=(lb,)), zone("shop.example")])
    problem = group_report(view, view.group_named("shop"))["primary"]["resolved"]["problem"]
    assert problem == (
        "it is a CNAME record of this server, and not followed: name lb.cloud.example instead"
    )


@pytest.mark.parametrize(("ttl", "served"), [(20, 20), (600, 30)])
def test_the_ttl_at_the_apex_is_that_of_the_group_or_of_the_resolvers(
    ttl: int, served: int
) -> None:
    """The records of the configuration keep their own; NODATA is cached as long as the group's."""
    view = apex(primary="cloud", ttl=ttl)
    carry_out(view, ANSWER)
    node = node_at(view, "shop.example")
    assert {rrset.ttl for rrset in node.rrsets if rrset.rtype in (A, AAAA)} == {served}
    assert [rrset.ttl for rrset in node.rrsets if rrset.rtype == 15] == [300]
    assert node.negative_ttl == min(60, ttl)


def test_a_group_at_the_apex_is_always_flattened() -> None:
    view = state(eu(), zones=[zone("shop.example")])
    refused = refusal(view, AddGroup("shop", label="@", flatten=False))
    assert "shop.example is the apex of its zone, where no CNAME record is allowed" in str(refused)
    carry_out(view, AddGroup("shop", label="@", primary="eu"))
    assert view.group_named("shop").flatten
    refused = refusal(view, SetGroup("shop", flatten=False))
    assert (refused.code, "leave --no-flatten out" in refused.message) == ("invalid", True)
    assert carried_out(view, SetGroup("shop", flatten=True))[1] == ()


def test_a_removed_group_at_the_apex_leaves_nothing_behind() -> None:
    """The origin is in use with and without a group, so its label is not retired."""
    view = apex(primary=None, backup=None)
    assert answers(view, "primary.shop.example") == []
    result, _, delta = carried_out(view, RemoveGroup("shop"))
    assert result == {"removed": "shop", "hostname": "shop.example", "retired": None}
    assert {str(owner) for owner in delta.removed} == {
        "primary.shop.example",
        "backup.shop.example",
    }
    assert list(view.entities(Tombstone)) == []
    carry_out(view, AddGroup("again", label="@", primary="eu"))
    assert answers(view, "shop.example")[-1:] == EU


ADDRESS = OwnedRRset(SHOP, A, 300, addresses("192.0.2.80"))
BELOW = samples.text_record("backup.shop.example")
ITSELF = (NameServer(SHOP, addresses("192.0.2.53")),)
EXCLUDED = [
    pytest.param({"alias": HOST}, "shop.example has the alias lb.cloud.example", id="an alias"),
    pytest.param({"records": (ADDRESS,)}, "shop.example has A or AAAA records", id="an address"),
    pytest.param(
        {"nameservers": ITSELF}, "shop.example is the name of a name server", id="a name server"
    ),
    pytest.param({"records": (BELOW,)}, "backup.shop.example has records", id="a side's name"),
]
"""What a zone may not have beside a group at its apex, and what the refusal says."""


@pytest.mark.parametrize(("fields", "told"), EXCLUDED)
def test_a_group_is_not_added_at_an_apex_that_has_addresses(
    fields: dict[str, Any], told: str
) -> None:
    view = state(eu(), zones=[zone("shop.example", **fields)])
    refused = refusal(view, AddGroup("shop", label="@"))
    assert refused.code == "exists"
    assert told in refused.message


@pytest.mark.parametrize("is_start", [False, True])
@pytest.mark.parametrize(("fields", "told"), EXCLUDED)
def test_a_configuration_with_addresses_at_the_apex_of_a_group_is_refused(
    fields: dict[str, Any], told: str, is_start: bool
) -> None:
    refused = refusal(apex(), Configure((zone("shop.example", **fields),), is_start=is_start))
    assert refused.code == "in-use"
    assert told in refused.message
    assert "'shop'" in refused.message


def test_all_that_prevents_a_group_at_the_apex_is_told_at_once() -> None:
    view = state(
        group("blog", None, None, zone=SHOP, label="primary"),
        samples.tombstone("backup", "old", "shop.example"),
        zones=[zone("shop.example", records=(ADDRESS,), alias=HOST)],
    )
    message = refusal(view, AddGroup("shop", label="@")).message
    for told in (
        "shop.example has the alias",
        "shop.example has A or AAAA records",
        "primary.shop.example belongs to group 'blog'",
        "backup.shop.example is retired: it belonged to the removed group 'old'",
    ):
        assert told in message


@pytest.mark.parametrize("label", ["primary", "backup"])
def test_the_labels_of_the_sides_are_taken_by_a_group_at_the_apex(label: str) -> None:
    refused = refusal(apex(), AddGroup("blog", label=label))
    assert refused.code == "exists"
    assert f"{label}.shop.example belongs to group 'shop', which is at the apex" in str(refused)
    carry_out(apex(), AddGroup("blog", label="www"))


def test_there_is_one_group_at_an_apex() -> None:
    refused = refusal(apex(), AddGroup("blog", label="@"))
    assert refused.message == "shop.example belongs to group 'shop'"


def test_an_alias_to_a_group_follows_it_in_the_same_step() -> None:
    """The serial number of the alias's zone rises with it, in the same change."""
    view = aliased()
    before = answers(view, "shop.example")
    assert before == [NS1, f"MX {MAIL.data[0].data.hex()}", *EU]
    _, _, delta = carried_out(view, Switch(("shop",)))
    assert answers(view, "shop.example")[-1:] == US
    assert {node.zone.to_text() for node in delta.nodes} == {"failover.test", "shop.example"}
    assert answers(view, "primary.shop.example") is None
    _, _, delta = carried_out(view, SetHead("us", "lb1", addresses("198.51.100.9")))
    assert name("shop.example") in {node.owner for node in delta.nodes}
    _, _, delta = carried_out(view, SetGroup("shop", ttl=5))
    assert node_at(view, "shop.example").rrsets[-1].ttl == 5
    assert node_at(view, "shop.example").negative_ttl == 5


def test_an_alias_may_lead_to_a_group_in_its_own_zone() -> None:
    zones = [zone("shop.example", alias=name("www.shop.example"))]
    view = state(eu(), us(), group(zone=SHOP, label="www"), zones=zones)
    assert answers(view, "shop.example") == [NS1, *EU]
    carry_out(view, Switch(("shop",)))
    assert answers(view, "shop.example") == [NS1, *US]


def test_an_alias_may_lead_to_a_group_at_the_apex_of_another_zone() -> None:
    zones = [zone("shop.example"), zone("shop.test", alias=SHOP)]
    view = state(eu(), us(), group(zone=SHOP, label="@", flatten=True), zones=zones)
    carry_out(view, Switch(("shop",)))
    assert answers(view, "shop.test") == ["NS ns1.shop.test", *US]


def test_an_alias_to_a_group_with_a_hostname_is_resolved() -> None:
    """Although the group itself answers with a CNAME record."""
    view = aliased(primary="cloud")
    assert wanted(view) == (HOST,)
    assert zone_report(view, view.zone(SHOP))["alias"]["problem"] == (
        "group 'shop' leads to lb.cloud.example, which has no address so far (the `resolvers` "
        "of the configuration find it)"
    )
    carry_out(view, ANSWER)
    assert answers(view) == ["CNAME lb.cloud.example"]
    assert answers(view, "shop.example")[-2:] == ["A 192.0.2.7", "AAAA 2001:db8::7"]
    assert node_at(view, "shop.example").rrsets[-1].ttl == 30


def test_preflight_warns_that_the_apex_of_an_alias_would_have_no_address() -> None:
    """The group itself answers with a CNAME record all the while, so the switch is not refused."""
    view = aliased(backup="cloud")
    flight = plan_flight(view, Preflight("shop"), samples._moment(1.0, None))
    report = preflight_report(view, flight, 1.0, None)
    told = DARK
    assert report["passed"]
    assert [check["result"] for check in report["checks"] if told in str(check)] == ["warning"]
    carry_out(view, ANSWER)
    assert told not in str(preflight_report(view, flight, 1.0, None))


def test_an_alias_to_a_configured_name_answers_with_its_addresses() -> None:
    """It needs no resolver, and follows a reload that changes that name only."""
    www = OwnedRRset(name("www.failover.test"), A, 300, addresses("192.0.2.80"))
    moved = replace(www, data=addresses("192.0.2.81"))
    alias = zone("shop.example", alias=name("www.failover.test"))
    view = state(zones=[zone(records=(www,)), alias])
    carry_out(view, Configure((zone(records=(www,)), alias)), now=500.0)
    assert answers(view, "shop.example") == [NS1, "A 192.0.2.80"]
    assert wanted(view) == ()
    before = view.serial(SHOP).serial
    _, _, delta = carried_out(view, Configure((zone(records=(moved,)), alias)), now=600.0)
    assert name("shop.example") in {node.owner for node in delta.nodes}
    assert answers(view, "shop.example") == [NS1, "A 192.0.2.81"]
    assert view.serial(SHOP).serial > before, "so it rises at a start, too"


@pytest.mark.parametrize("label", ["@", "shop"])
def test_a_flattened_hostname_of_this_server_is_answered_with_its_configured_addresses(
    label: str,
) -> None:
    """It needs no resolver, and follows a reload that changes that name only."""
    lb = OwnedRRset(name("lb.failover.test"), A, 20, addresses("192.0.2.80"))
    moved = replace(lb, data=addresses("192.0.2.81"))
    near = application("near", balancer("lb", hostname="lb.failover.test"), active="lb")
    shop = group(primary="near", zone=SHOP, label=label, flatten=True)
    hostname = shop.hostname.to_text()
    zones = zone("shop.example"), zone("alias.example", alias=shop.hostname)
    view = state(near, us(), shop, zones=[zone(records=(lb,)), *zones])
    carry_out(view, Configure((zone(records=(lb,)), *zones)), now=500.0)
    assert wanted(view) == ()
    for owner in (hostname, f"primary.{hostname}", "alias.example"):
        assert answers(view, owner)[-1:] == ["A 192.0.2.80"]
        assert node_at(view, owner).rrsets[-1].ttl == 20
    report = group_report(view, view.group_named("shop"))
    assert report["primary"]["resolved"]["problem"] is None
    before = [view.serial(origin).serial for origin in (SHOP, name("alias.example"))]
    _, _, delta = carried_out(view, Configure((zone(records=(moved,)), *zones)), now=600.0)
    assert {name(hostname), name("alias.example")} <= {node.owner for node in delta.nodes}
    for owner in (hostname, f"primary.{hostname}", "alias.example"):
        assert answers(view, owner)[-1:] == ["A 192.0.2.81"]
    after = [view.serial(origin).serial for origin in (SHOP, name("alias.example"))]
    assert all(new > old for old, new in zip(before, after, strict=True)), "at a start, too"
    carry_out(view, Configure((zone(), *zones)), now=700.0)
    assert "A 192.0.2.81" not in answers(view, hostname)
    problem = group_report(view, view.group_named("shop"))["primary"]["resolved"]["problem"]
    assert problem == "it is in a zone of this server, and has no address in the configuration"


def test_an_alias_to_a_side_of_a_group_is_told_to_name_the_group() -> None:
    view = aliased(f"backup.{HOSTNAME}")
    assert zone_report(view, view.zone(SHOP))["alias"]["problem"] == (
        f"it is a side of group 'shop'; name the group, {HOSTNAME}"
    )


def test_an_alias_to_a_name_that_answers_nothing_is_told_and_not_refused() -> None:
    """So a new user can configure the alias first, and add the group afterwards."""
    view = state(eu(), zones=[zone()])
    zones = (zone(), zone("shop.example", alias=name("shop.failover.test")))
    result = carry_out(view, Configure(zones))
    problem = (
        "no group has this hostname, and no address record of the configuration has this name "
        "(a wildcard does not count)"
    )
    assert result["warnings"] == [
        f"zone shop.example answers no address: its alias is shop.failover.test: {problem}"
    ]
    assert zone_report(view, view.zone(SHOP))["alias"]["problem"] == problem
    assert answers(view, "shop.example") == [NS1]
    carry_out(view, AddGroup("shop", name("failover.test"), "shop", "eu"))
    assert answers(view, "shop.example") == [NS1, *EU]
    alias = zone_report(view, view.zone(SHOP))["alias"]
    assert (alias["problem"], alias["group"]) == (None, "shop")


def test_a_group_that_is_the_alias_of_a_zone_is_not_removed() -> None:
    view = aliased(primary=None, backup=None)
    refused = refusal(view, RemoveGroup("shop"))
    assert refused.code == "in-use"
    assert f"{HOSTNAME} is the alias of the zone(s) shop.example" in refused.message
    carry_out(view, Configure((zone(),)))
    carry_out(view, RemoveGroup("shop"))
    result = carry_out(view, Configure((zone(), zone("shop.example", alias=name(HOSTNAME)))))
    assert "it is retired" in str(result["warnings"])


def test_all_that_keeps_a_group_from_being_removed_is_named_at_once() -> None:
    """So nobody detaches the applications, which is an outage, before the alias is gone."""
    message = refusal(aliased(), RemoveGroup("shop")).message
    assert message.startswith(f"{HOSTNAME} is the alias of the zone(s) shop.example")
    assert "; and group 'shop' still has applications: detach them first with" in message
    assert "--override active-side" in message


def test_a_group_that_loses_its_target_tells_of_the_zones_whose_alias_it_is() -> None:
    dark = (
        f"the apex of shop.example, whose alias is {HOSTNAME}, has no address: "
        "group 'shop' has no target"
    )
    detached = SetGroup("shop", primary="", override=("active-side",))
    assert carry_out(aliased(), detached)["warnings"] == [dark]
    switched = Switch(("shop",), override=("no-application", "target-empty"))
    assert dark in carry_out(aliased(backup=None), switched)["warnings"]
    removed = RemoveHead("eu", "lb1", override=("target-empty",))
    assert dark in carry_out(aliased(), removed)["warnings"]


def test_explain_names_the_zones_that_follow_a_group() -> None:
    view = aliased()
    found = explanation(view, view.group_named("shop"), samples._moment(1.0, None), PROBES)
    assert f"{HOSTNAME} is the alias of the zone(s) shop.example." in found["sentences"]


CHALLENGE = name("_acme-challenge.shop.example")


def test_certificates_are_ordered_for_an_apex_and_not_for_the_names_of_another_group() -> None:
    """The challenge is answered below the origin, where a wildcard certificate is validated too."""
    blog = group("blog", "cloud", None, zone=SHOP)
    shop = group(zone=SHOP, label="@", flatten=True)
    view = state(eu(), us(), CLOUD, shop, blog, zones=[zone("shop.example")])
    application_ = view.application_named("eu")
    names = ("shop.example", "*.shop.example", "www.shop.example")
    assert set(checked_names(view, application_, names)) == set(names)
    assert challenge_owners(view, SHOP) == (CHALLENGE,)
    with pytest.raises(Rejected, match="is in a zone of this server"):
        checked_names(view, application_, ("blog.shop.example",))
    ordered = replace(samples.order("eu", "shop.example"), challenges=(Challenge(CHALLENGE, "x"),))
    served = state(eu(), us(), shop, ordered, zones=[zone("shop.example")])
    assert answers(served, CHALLENGE.to_text()) == ["TXT x"]
    assert answers(served, "shop.example")[-1:] == EU


def test_a_certificate_is_ordered_for_the_apex_of_a_zone_whose_alias_is_a_group() -> None:
    view = aliased()
    names = ("*.shop.example", "shop.example")
    assert checked_names(view, view.application_named("us"), names) == names
    assert challenge_owners(view, SHOP) == (CHALLENGE,)
    with pytest.raises(Rejected, match="is in a zone of this server"):
        checked_names(view, view.application_named("cloud"), ("shop.example",))
    with pytest.raises(Rejected, match="is in a zone of this server"):
        checked_names(view, view.application_named("eu"), ("www.shop.example",))


@pytest.mark.parametrize(
    ("owner", "of"),
    [
        ("shop.example", "shop"),
        ("www.shop.example", "shop"),
        ("backup.shop.example", "shop"),
        ("blog.shop.example", "blog"),
        ("a.b.blog.shop.example", "blog"),
        ("alias.example", "blog"),
        ("www.alias.example", None),
        ("elsewhere.example", None),
    ],
)
def test_a_name_belongs_to_the_group_at_or_above_it(owner: str, of: str | None) -> None:
    """What a certificate may be ordered for depends on it."""
    zones = [zone("shop.example"), zone("alias.example", alias=name("blog.shop.example"))]
    groups = group(zone=SHOP, label="@", flatten=True), group("blog", zone=SHOP)
    view = state(eu(), us(), *groups, zones=zones)
    found = group_for(view, name(owner))
    assert (found.name if found is not None else None) == of


def test_the_group_of_a_hostname_is_found_by_the_whole_name() -> None:
    view = apex()
    assert answering_group(view, SHOP) == view.group_named("shop")
    assert answering_group(view, DomainName.from_text(r"\@.shop.example")) is None
    assert answering_group(view, name("primary.shop.example")) is None
    assert apex_group(view, view.zones[0]) == view.group_named("shop")


def test_what_is_delegated_is_not_answered_here() -> None:
    """So an alias or a flattened hostname there is resolved."""
    cut = OwnedRRset(name("cloud.shop.example"), 2, 300, (Opaque(name("ns.test").wire),))
    view = state(zones=[zone("shop.example", records=(cut,))])
    assert is_answered_here(view, name("www.shop.example"))
    assert not is_answered_here(view, name("www.cloud.shop.example"))
    assert not is_answered_here(view, name("elsewhere.example"))


def test_a_side_of_a_group_at_the_apex_has_its_own_name_whichever_is_active() -> None:
    view = apex(active=Side.BACKUP)
    assert answers(view, "shop.example")[-1:] == US
    assert answers(view, "primary.shop.example") == EU
