"""Hostnames that lead back to a group, over whatever detour, and hostnames that lead to nothing."""

from __future__ import annotations

from typing import Any

import pytest
import samples
import watched
from samples import application, balancer, carry_out, group, name, refusal, state, us

from failoverdns.changes.state import State
from failoverdns.model.application import Application, HeadRole
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import (
    ActivateHead,
    AddHead,
    RemoveHead,
    RenameApplication,
    RenameHead,
    SetHead,
)
from failoverdns.model.commands.groups import AddGroup, Preflight, RemoveGroup, SetGroup, Switch
from failoverdns.model.commands.server import Configure
from failoverdns.model.group import Side
from failoverdns.model.moment import Moment
from failoverdns.model.policy import Automation
from failoverdns.model.records import CNAME, NS, TXT, A, Opaque, OwnedRRset
from failoverdns.model.zone import Zone
from failoverdns.rules.decisions.preflight import plan_flight, preflight_report
from failoverdns.rules.derived.trails import End, trail_of

BALANCER = HeadRole.LOAD_BALANCER


def record(owner: str, rtype: int, data: bytes) -> OwnedRRset:
    """A static record."""
    return OwnedRRset(name(owner), rtype, 300, (Opaque(data),))


def cname(owner: str, target: str) -> OwnedRRset:
    """A static CNAME record."""
    return record(owner, CNAME, name(target).wire)


def address(owner: str) -> OwnedRRset:
    """A static A record."""
    return record(owner, A, bytes((192, 0, 2, 77)))


def zones(*records: OwnedRRset, **fields: Any) -> list[Zone]:
    """The zone `failover.test` with records, and `other.test`."""
    own = [one for one in records if one.owner.is_at_or_below(name("failover.test"))]
    others = [one for one in records if one not in own]
    return [samples.zone(records=own, **fields), samples.zone("other.test", records=others)]


def cloud(hostname: str, called: str = "cloud") -> Application:
    """An application whose load balancer has a hostname."""
    return application(called, balancer("lb", hostname=hostname), active="lb")


def at(label: str, primary: str | None = "eu", backup: str | None = None, **fields: Any) -> Any:
    """A group called like its label."""
    return group(label, primary, backup, label=label, **fields)


STATIC = (
    cname("www.failover.test", "shop.failover.test"),
    cname("a.failover.test", "b.other.test"),
    cname("b.other.test", "www.failover.test"),
    cname("*.wild.failover.test", "shop.failover.test"),
    cname("*.shop.failover.test", "x.example"),
    cname("out.failover.test", "lb.example"),
    cname("loop.failover.test", "loop2.failover.test"),
    cname("loop2.failover.test", "loop.failover.test"),
    cname("gone.failover.test", "nothing.failover.test"),
    address("host.failover.test"),
    address("deep.below.failover.test"),
    record("text.failover.test", TXT, b"\1x"),
    record("cut.failover.test", NS, name("ns.example").wire),
)


def shop(*more: Any, **fields: Any) -> State:
    """`shop` answers with `eu`; the group `by` answers with `via`, which leads to `shop`."""
    return state(
        samples.eu(),
        us(),
        cloud("lb.example"),
        cloud("shop.failover.test", "via"),
        at("shop", "eu", "cloud"),
        at("by", "via"),
        *more,
        zones=zones(*STATIC, **fields),
    )


BACK = [
    pytest.param("shop.failover.test", id="the group's hostname"),
    pytest.param("SHOP.failover.test.", id="in capitals, with a dot"),
    pytest.param("primary.shop.failover.test", id="the name of its primary"),
    pytest.param("backup.shop.failover.test", id="the name of its backup"),
    pytest.param("x.shop.failover.test", id="a name below it"),
    pytest.param("www.failover.test", id="a static CNAME"),
    pytest.param("a.failover.test", id="two static CNAMEs, over another zone"),
    pytest.param("any.wild.failover.test", id="a wildcard"),
    pytest.param("by.failover.test", id="another group"),
    pytest.param("primary.by.failover.test", id="the side of another group"),
]


@pytest.mark.parametrize("hostname", BACK)
def test_a_hostname_that_leads_back_to_the_group_is_refused(hostname: str) -> None:
    view = shop()
    for command in (
        SetHead("cloud", "lb", hostname=hostname),
        SetHead("eu", "lb1", hostname=hostname),
        AddHead("cloud", "lb2", BALANCER, hostname=hostname),
        AddHead("cloud", "lb2", BALANCER, hostname=hostname, standby=True),
    ):
        refused = refusal(view, command)
        assert refused.code == "invalid"
        assert "leads back to group 'shop', which follows application" in refused.message
        assert ": shop.failover.test;" not in refused.message  # a way is more than one name
        assert refused.message.endswith("give addresses, or a hostname elsewhere")


def test_the_message_has_the_way() -> None:
    refused = refusal(shop(), SetHead("cloud", "lb", hostname="a.failover.test"))
    way = "a.failover.test -> b.other.test -> www.failover.test -> shop.failover.test"
    assert way in refused.message


@pytest.mark.parametrize(
    "hostname",
    [
        "lb.example",
        "out.failover.test",
        "host.failover.test",
        "www.cut.failover.test",
        "shop.elsewhere.test",
        "shopping.failover.test",
        "shop2.failover.test",
    ],
)
def test_other_hostnames_are_taken(hostname: str) -> None:
    view = shop()
    carry_out(view, SetHead("cloud", "lb", hostname=hostname))
    carry_out(view, Switch(("shop",)))


def test_an_application_of_no_group_may_lead_to_any_group() -> None:
    """It is the start of a chain: `via` is so."""
    view = shop(cloud("x.example", "free"))
    carry_out(view, SetHead("free", "lb", hostname="shop.failover.test"))


@pytest.mark.parametrize("hostname", BACK)
def test_a_group_whose_target_leads_back_to_it_is_refused(hostname: str) -> None:
    """Both when it is created and when it gets the application, on either side."""
    view = shop(cloud(hostname, "free"))
    refused = refusal(view, SetGroup("shop", backup="free"))
    assert "of application 'free' leads back to group 'shop'" in refused.message
    with_free = SetGroup("shop", primary="free", override=("active-side",))
    assert refusal(view, with_free).code == "invalid"


@pytest.mark.parametrize(
    "hostname", ["new.failover.test", "backup.new.failover.test", "x.y.new.failover.test"]
)
def test_a_new_group_that_its_application_leads_to_is_refused(hostname: str) -> None:
    view = shop(cloud(hostname, "free"))
    for command in (
        AddGroup("new", view.zones[0].origin, "new", primary="free"),
        AddGroup("new", view.zones[0].origin, "new", backup="free"),
    ):
        assert "leads back to group 'new'" in refusal(view, command).message
    carry_out(view, AddGroup("newer", view.zones[0].origin, "newer", primary="free"))


@pytest.mark.parametrize(
    "command", [RenameApplication("eu", "shop"), RenameHead("eu", "lb1", "shop")]
)
def test_a_rename_that_makes_a_template_lead_back_is_refused(command: Mutation) -> None:
    template = "{application}.failover.test"
    if isinstance(command, RenameHead):
        template = "{head}.failover.test"
    view = state(
        application("eu", balancer("lb1", hostname=template), active="lb1"),
        at("shop"),
        zones=zones(),
    )
    assert "leads back to group 'shop'" in refusal(view, command).message


def test_a_head_that_leads_back_does_not_become_the_active_one() -> None:
    """It may be there from an earlier version; neither an activation nor a removal may use it."""
    heads = balancer("old", hostname="shop.failover.test"), balancer("lb", "192.0.2.1")
    view = state(application("eu", *heads, active="lb"), at("shop"), zones=zones())
    for command in (ActivateHead("eu", "old"), RemoveHead("eu", "lb")):
        assert "leads back to group 'shop'" in refusal(view, command).message
    carry_out(view, SetHead("eu", "lb", samples.addresses("192.0.2.2")))
    carry_out(view, RemoveHead("eu", "old"))


def two_that_back_each_other_up(**fields: Any) -> State:
    """The backup of `left` is `right`, and the other way round."""
    return state(
        samples.eu(),
        us(),
        cloud("right.failover.test", "to-right"),
        cloud("left.failover.test", "to-left"),
        at("left", "eu", "to-right", **fields),
        at("right", "us", "to-left"),
        zones=zones(),
        settings=watched.settings(),
    )


def test_groups_may_back_each_other_up_until_both_lead_to_the_other() -> None:
    view = two_that_back_each_other_up()
    carry_out(view, Switch(("left",)))
    refused = refusal(view, Switch(("right",)))
    assert [(rule.rule, rule.group) for rule in refused.rules] == [("target-loop", "right")]
    assert "left.failover.test -> right.failover.test" in refused.rules[0].message
    carry_out(view, Switch(("right",), override=("target-loop",)))


def test_a_command_that_switches_both_is_judged_by_its_result() -> None:
    view = two_that_back_each_other_up()
    refused = refusal(view, Switch(("left", "right"), to=Side.BACKUP))
    assert {rule.rule for rule in refused.rules} == {"target-loop"}
    carry_out(view, Switch(("left",)))
    carry_out(view, Switch(("left", "right")))  # they change places


def test_preflight_fails_for_a_side_that_leads_back() -> None:
    view = two_that_back_each_other_up(active=Side.BACKUP, automation=Automation("auto"))
    assert targets_of(view, "right") == "failed"


def targets_of(view: State, called: str) -> str:
    """The result of the check `targets` in a pre-flight."""
    moment = Moment(0.0, 0.0)
    report: Any = preflight_report(view, plan_flight(view, Preflight(called), moment), 0.0, None)
    found = [check["result"] for check in report["checks"] if check["check"] == "targets"]
    return str(found[0])


def test_a_reload_that_makes_a_hostname_lead_back_is_refused() -> None:
    view = state(
        cloud("www.failover.test", "eu"), at("shop"), zones=zones(address("www.failover.test"))
    )
    to_shop = tuple(zones(cname("www.failover.test", "shop.failover.test")))
    refused = refusal(view, Configure(to_shop))
    assert refused.code == "in-use"
    assert "leads back to group 'shop', which follows application 'eu'" in refused.message
    wild = tuple(zones(cname("*.failover.test", "shop.failover.test")))
    assert refusal(view, Configure(wild)).code == "in-use"


def test_a_start_says_that_a_hostname_leads_back_and_serves_all_the_same() -> None:
    to_shop = tuple(zones(cname("www.failover.test", "shop.failover.test")))
    view = state(cloud("www.failover.test", "eu"), at("shop"), zones=to_shop)
    (said,) = carry_out(view, Configure(to_shop, is_start=True))["warnings"]
    assert "leads back to group 'shop'" in said
    again = tuple(
        zones(cname("www.failover.test", "shop.failover.test"), address("x.failover.test"))
    )
    carry_out(view, Configure(again))  # it was there before: a reload does not make it worse


@pytest.mark.parametrize(
    ("hostname", "end"),
    [
        ("lb.example", End.ELSEWHERE),
        ("www.cut.failover.test", End.ELSEWHERE),
        ("out.failover.test", End.ELSEWHERE),
        ("host.failover.test", End.ADDRESSES),
        ("ns1.failover.test", End.ADDRESSES),
        ("shop.failover.test", End.ADDRESSES),
        ("www.failover.test", End.ADDRESSES),
        ("text.failover.test", End.EMPTY),
        ("below.failover.test", End.EMPTY),
        ("failover.test", End.EMPTY),
        ("nothing.failover.test", End.MISSING),
        ("gone.failover.test", End.MISSING),
        ("eu.failover.test", End.EMPTY),  # _status.eu is below it
        ("nobody.failover.test", End.EMPTY),
        ("loop.failover.test", End.LOOP),
        ("old.wild.failover.test", End.ADDRESSES),
        ("old.failover.test", End.MISSING),
    ],
)
def test_a_trail_ends_where_the_answer_does(hostname: str, end: End) -> None:
    view = shop(at("nobody", None), samples.tombstone("old"))
    assert trail_of(view, name(hostname)).end is end


def test_a_trail_is_not_followed_for_ever() -> None:
    chain = [cname(f"n{i}.failover.test", f"n{i + 1}.failover.test") for i in range(100)]
    view = state(samples.eu(), at("shop"), zones=zones(*chain))
    assert trail_of(view, name("n0.failover.test")).end is End.LOOP
    assert trail_of(view, name("n90.failover.test")).end is End.MISSING


def test_a_target_that_does_not_exist_here_is_said() -> None:
    view = shop()
    result = carry_out(view, SetHead("cloud", "lb", hostname="gone.failover.test"))
    assert result["warnings"] == [
        "gone.failover.test, the target of cloud, leads to nothing (by gone.failover.test -> "
        "nothing.failover.test): there is no name nothing.failover.test in the zones of this server"
    ]
    assert "has no addresses" in str(
        carry_out(view, SetHead("cloud", "lb", hostname="text.failover.test"))["warnings"]
    )
    assert targets_of(view, "shop") == "warning"
    assert "warnings" not in carry_out(view, SetHead("cloud", "lb", hostname="host.failover.test"))


def test_an_alias_of_a_zone_is_a_detour() -> None:
    served = [samples.zone(), samples.zone("other.test", alias=name("shop.failover.test"))]
    view = state(samples.eu(), cloud("lb.example"), at("shop", "eu", "cloud"), zones=served)
    refused = refusal(view, SetHead("cloud", "lb", hostname="other.test"))
    assert "leads back to group 'shop'" in refused.message


def test_a_group_at_the_apex_has_only_its_own_names() -> None:
    apex = group("apex", "eu", "cloud", label="@", flatten=True)
    served = zones(address("host.failover.test"))
    view = state(samples.eu(), cloud("lb.example"), apex, zones=served)
    for hostname in ("failover.test", "primary.failover.test"):
        refused = refusal(view, SetHead("cloud", "lb", hostname=hostname))
        assert "leads back to group 'apex'" in refused.message
    carry_out(view, SetHead("cloud", "lb", hostname="host.failover.test"))


def test_a_group_at_the_apex_may_answer_with_a_name_of_its_zone() -> None:
    apex = group("apex", "eu", None, label="@", flatten=True)
    served = zones(address("host.failover.test"))
    view = state(samples.eu(), cloud("host.failover.test"), apex, zones=served)
    carry_out(view, SetGroup("apex", backup="cloud"))


def test_a_hostname_at_the_apex_that_is_not_resolved_yet_is_said() -> None:
    """There is no CNAME at an apex, so the name answers nothing until then."""
    apex = group("apex", "eu", None, label="@", flatten=True)
    view = state(samples.eu(), cloud("lb.example"), apex, zones=zones())
    (said,) = carry_out(view, SetGroup("apex", backup="cloud"))["warnings"]
    assert said.startswith("the backup of group 'apex' has no address for the apex of a zone")
    refused = refusal(view, SetHead("eu", "lb1", hostname="lb2.example"))
    assert refused.message.startswith("lb2.example has no address so far")
    usual = state(samples.eu(), cloud("lb.example"), at("shop"), zones=zones())
    assert "warnings" not in carry_out(usual, SetGroup("shop", backup="cloud"))


def test_a_removed_group_that_an_application_leads_to_is_said() -> None:
    view = state(cloud("shop.failover.test"), at("shop", None), at("by", "cloud"), zones=zones())
    assert carry_out(view, RemoveGroup("shop"))["warnings"] == [
        "shop.failover.test, the target of cloud, does not exist any more"
    ]


def test_preflight_doubts_a_hostname_that_an_earlier_version_took() -> None:
    for hostname, result in (("198.51.100.20", "warning"), ("lb.example", "ok")):
        view = state(samples.eu(), cloud(hostname, "us"), samples.group())
        assert targets_of(view, "shop") == result
