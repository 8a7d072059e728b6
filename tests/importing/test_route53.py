"""`import route53`: failover records become groups, the others static records, or are listed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from adopting import adopt, short, static

from failoverdns.importing.plan import Plan, PlannedHead
from failoverdns.importing.sources import route53_plan
from failoverdns.importing.writing import commands, files_of
from failoverdns.model.errors import Malformed

SOA = "ns-1.awsdns-00.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
CHECK = {"Type": "HTTP", "Port": 80, "ResourcePath": "/up", "IPAddress": "192.0.2.1"}


def plain(name: str, rtype: str, *values: str, ttl: int = 300, **more: Any) -> dict[str, Any]:
    """Return a record set of `shop.example` as AWS prints it."""
    full = f"{name}.shop.example." if name else "shop.example."
    records = [{"Value": value} for value in values]
    return {"Name": full, "Type": rtype, "TTL": ttl, "ResourceRecords": records} | more


def alias(name: str, target: str, rtype: str = "A", **more: Any) -> dict[str, Any]:
    """Return an alias record set."""
    entry = plain(name, rtype, **more)
    del entry["TTL"], entry["ResourceRecords"]
    leads = {"HostedZoneId": "Z1", "DNSName": target, "EvaluateTargetHealth": False}
    return entry | {"AliasTarget": leads}


def pair(
    name: str, primary: str, backup: str, rtype: str = "A", **more: Any
) -> list[dict[str, Any]]:
    """Return a failover pair; `more` is for its primary."""
    side: dict[str, Any] = {"SetIdentifier": f"{name}-1", "Failover": "PRIMARY"}
    other: dict[str, Any] = {"SetIdentifier": f"{name}-2", "Failover": "SECONDARY"}
    return [plain(name, rtype, primary, **side, **more), plain(name, rtype, backup, **other)]


class Importing:
    """Imports record sets of the zone `shop.example`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self, *sets: dict[str, Any], checks: dict[str, dict[str, Any]] | None = None
    ) -> Plan:
        """Return the plan; `checks` are the configurations of health checks by id."""
        own = [plain("", "SOA", SOA, ttl=900), plain("", "NS", "ns-1.awsdns-00.com.", ttl=172800)]
        path = self.folder / "records.json"
        path.write_text(json.dumps({"ResourceRecordSets": [*own, *sets]}))
        if checks is None:
            return route53_plan(path, None, None)
        listed = [{"Id": id_, "HealthCheckConfig": config} for id_, config in checks.items()]
        (self.folder / "checks.json").write_text(json.dumps({"HealthChecks": listed}))
        return route53_plan(path, None, self.folder / "checks.json")

    def adopted(self, *sets: dict[str, Any], **more: Any) -> Plan:
        """Return the plan after a server has taken it."""
        plan = self(*sets, **more)
        adopt(plan, self.folder / "adopted")
        return plan


@pytest.fixture
def importing(tmp_path: Path) -> Importing:
    """Import record sets."""
    return Importing(tmp_path)


def heads(plan: Plan, application: str) -> tuple[PlannedHead, ...]:
    """Return the heads of an application."""
    return next(a.heads for a in plan.applications if a.name == application)


def test_a_failover_pair_becomes_a_group(importing: Importing) -> None:
    sets = pair("www", "192.0.2.1", "198.51.100.1", HealthCheckId="h")
    plan = importing.adopted(*sets, checks={"h": CHECK})
    (group,) = plan.groups
    assert (group.name, group.label, group.ttl, group.policy) == ("www", "www", 300, "route53")
    assert (group.primary, group.backup) == ("www-primary", "www-backup")
    assert heads(plan, "www-primary") == (PlannedHead("lb", ("192.0.2.1",)),)
    assert [a.checks for a in plan.applications] == [("http-80-up",), ()]
    assert plan.not_taken == ()
    assert set(short(plan.notes)) == {"the policy route53"}
    assert "up for `hold` (300 s), wait `cooldown` (300 s)" in plan.notes[0].reason
    assert plan.policies["route53"]["fail_back"] == "automatic"
    assert static(plan) == []


def test_a_and_aaaa_of_one_name_become_one_group(importing: Importing) -> None:
    six = pair("www", "2001:db8::1", "2001:db8::2", "AAAA")
    plan = importing.adopted(*pair("www", "192.0.2.1", "198.51.100.1"), *six)
    assert len(plan.groups) == 1
    assert heads(plan, "www-primary") == (PlannedHead("lb", ("192.0.2.1", "2001:db8::1")),)


def test_a_family_without_failover_is_on_both_sides(importing: Importing) -> None:
    plan = importing.adopted(
        *pair("www", "192.0.2.1", "198.51.100.1"), plain("www", "AAAA", "2001:db8::1")
    )
    assert heads(plan, "www-primary") == (PlannedHead("lb", ("192.0.2.1", "2001:db8::1")),)
    assert heads(plan, "www-backup") == (PlannedHead("lb", ("198.51.100.1", "2001:db8::1")),)
    assert plan.not_taken == ()
    assert "both sides have them" in short(plan.notes)["www.shop.example"]


def test_several_addresses_are_web_servers(importing: Importing) -> None:
    sets = pair("www", "192.0.2.1", "198.51.100.1")
    sets[0]["ResourceRecords"].append({"Value": "192.0.2.2"})
    plan = importing.adopted(*sets)
    assert [head.is_web_server for head in heads(plan, "www-primary")] == [True, True]


def test_a_cname_pair_has_hostnames(importing: Importing) -> None:
    plan = importing.adopted(*pair("www", "a.example.net", "b.example.net.", "CNAME"))
    assert heads(plan, "www-primary") == (PlannedHead("lb", hostname="a.example.net"),)
    assert not plan.groups[0].flatten
    assert not plan.needs_resolvers


def test_an_alias_pair_is_flattened(importing: Importing) -> None:
    sides = ({"Failover": "PRIMARY"}, {"Failover": "SECONDARY"})
    targets = ("dualstack.lb-1.eu-west-1.elb.amazonaws.com.", "d1.cloudfront.net.")
    plan = importing.adopted(*(alias("www", t, **s) for t, s in zip(targets, sides, strict=True)))
    assert plan.groups[0].flatten
    assert plan.needs_resolvers
    assert plan.groups[0].ttl == 60


def test_an_alias_to_a_record_of_the_zone_is_followed(importing: Importing) -> None:
    plan = importing.adopted(
        alias("www", "one.shop.example.", Failover="PRIMARY"),
        alias("www", "two.shop.example.", Failover="SECONDARY"),
        plain("one", "A", "192.0.2.1", ttl=77),
        alias("two", "three.shop.example."),
        plain("three", "A", "192.0.2.3"),
    )
    assert heads(plan, "www-primary") == (PlannedHead("lb", ("192.0.2.1",)),)
    assert heads(plan, "www-backup") == (PlannedHead("lb", ("192.0.2.3",)),)
    assert plan.groups[0].ttl == 77
    assert "two.shop.example. 300 IN A 192.0.2.3" in static(plan)


def test_an_alias_loop_is_listed(importing: Importing) -> None:
    plan = importing.adopted(alias("a", "b.shop.example."), alias("b", "a.shop.example."))
    assert len(plan.not_taken) == 2
    assert "too many names" in short(plan.not_taken)["a.shop.example A"]


def test_a_deep_name_and_a_wildcard_lead_to_groups(importing: Importing) -> None:
    """Their labels are free: no record and no other group has them."""
    plan = importing.adopted(
        *pair("app.eu", "192.0.2.1", "198.51.100.1"),
        *pair("\\052", "192.0.2.2", "198.51.100.2"),
        plain("app-eu", "A", "192.0.2.9"),
    )
    assert [(group.name, group.label) for group in plan.groups] == [
        ("app-eu", "app-eu-2"),
        ("any", "any"),
    ]
    assert "app.eu.shop.example. 300 IN CNAME app-eu-2.shop.example." in static(plan)
    assert "*.shop.example. 300 IN CNAME any.shop.example." in static(plan)


def test_records_beside_a_group_are_listed(importing: Importing) -> None:
    plan = importing.adopted(
        *pair("www", "192.0.2.1", "198.51.100.1"),
        plain("www", "TXT", '"hello"'),
        plain("primary.www", "A", "192.0.2.9"),
        *pair("a.b", "192.0.2.1", "198.51.100.1"),
        plain("a.b", "MX", "10 mail.shop.example"),
    )
    assert set(short(plan.not_taken)) == {
        "www.shop.example TXT",
        "primary.www.shop.example A",
        "a.b.shop.example MX",
    }


def test_equal_sides_of_several_groups_are_one_application(importing: Importing) -> None:
    plan = importing.adopted(
        *pair("www", "192.0.2.1", "198.51.100.1"), *pair("api", "192.0.2.1", "198.51.100.1")
    )
    assert [group.primary for group in plan.groups] == ["www-primary", "www-primary"]


@pytest.mark.parametrize(
    ("more", "routing"),
    [
        ({"Weight": 0}, "weighted"),
        ({"Region": "eu-west-1"}, "latency"),
        ({"GeoLocation": {"CountryCode": "*"}}, "geolocation"),
        ({"GeoProximityLocation": {"AWSRegion": "eu-west-1"}}, "geoproximity"),
        ({"MultiValueAnswer": True}, "multivalue"),
        ({"CidrRoutingConfig": {"CollectionId": "c", "LocationName": "l"}}, "IP-based"),
        ({"TrafficPolicyInstanceId": "t"}, "traffic policy"),
    ],
)
def test_other_routing_policies_are_listed(
    importing: Importing, more: dict[str, Any], routing: str
) -> None:
    plan = importing.adopted(plain("x", "A", "192.0.2.1", SetIdentifier="x", **more))
    (remark,) = plan.not_taken
    assert routing in remark.reason
    assert remark.advice
    assert "ResourceRecordSets[2]" in remark.place


def test_a_weight_of_0_makes_a_backup(importing: Importing) -> None:
    """Route 53 answers with such a record only if the other one is unhealthy."""
    sets = [
        plain("www", "A", "192.0.2.1", SetIdentifier="blue", Weight=0),
        plain("www", "A", "192.0.2.2", SetIdentifier="green", Weight=255, HealthCheckId="h"),
    ]
    plan = importing.adopted(*sets, checks={"h": CHECK})
    assert heads(plan, plan.groups[0].primary) == (PlannedHead("lb", ("192.0.2.2",)),)
    assert plan.groups[0].policy == "route53"
    assert "a backup and a primary" in short(plan.notes)["www.shop.example"]


def test_failover_of_other_types_is_listed(importing: Importing) -> None:
    plan = importing.adopted(*pair("", "10 a.example.net", "10 b.example.net", "MX"))
    assert "other types cannot fail over" in short(plan.not_taken)["shop.example MX"]


def test_records_keep_their_bytes(importing: Importing) -> None:
    r"""Octal escapes, quotes, and names without a trailing dot, which are absolute at AWS."""
    plan = importing.adopted(
        plain("\\052.a", "CNAME", "b.example.net"),
        plain("t", "TXT", '"a \\"b\\" \\344 \\\\"', '"c" "d"'),
        plain("", "MX", "10 mail.example.net"),
        plain("_sip._tcp", "SRV", "1 2 5060 sip.example.net"),
        plain("", "CAA", '0 issue "ca.example.net"'),
    )
    assert static(plan) == [
        "*.a.shop.example. 300 IN CNAME b.example.net.",
        't.shop.example. 300 IN TXT "a \\"b\\" \\228 \\\\"',
        't.shop.example. 300 IN TXT "c" "d"',
        "shop.example. 300 IN MX 10 mail.example.net.",
        "_sip._tcp.shop.example. 300 IN SRV 1 2 5060 sip.example.net.",
        'shop.example. 300 IN CAA 0 issue "ca.example.net"',
    ]
    assert plan.not_taken == ()


def test_a_record_that_cannot_be_served_is_listed(importing: Importing) -> None:
    plan = importing.adopted(
        plain("a", "A", "192.0.2.300"),
        plain("_status.x", "TXT", '"x"'),
        plain("b", "A", "192.0.2.1"),
    )
    assert set(short(plan.not_taken)) == {"a.shop.example A", "_status.x.shop.example TXT"}
    assert static(plan) == ["b.shop.example. 300 IN A 192.0.2.1"]


def test_an_alias_of_a_name_is_a_cname(importing: Importing) -> None:
    plan = importing.adopted(
        alias("www", "d1.cloudfront.net."), alias("www", "d1.cloudfront.net.", "AAAA")
    )
    assert static(plan) == ["www.shop.example. 60 IN CNAME d1.cloudfront.net."]
    assert plan.not_taken == ()


def test_an_alias_of_the_zone_itself_is_its_alias(importing: Importing) -> None:
    plan = importing.adopted(alias("", "d1.cloudfront.net."))
    assert "    alias: d1.cloudfront.net\n" in files_of(plan)["failoverdns.yaml"]
    assert plan.needs_resolvers


def test_an_alias_of_the_zone_to_a_group_follows_it(importing: Importing) -> None:
    """Also if the group answers for a name that is no label."""
    plan = importing.adopted(
        alias("", "www.eu.shop.example."), *pair("www.eu", "192.0.2.1", "198.51.100.1")
    )
    assert plan.zones[0].alias == plan.groups[0].hostname
    assert not plan.needs_resolvers


@pytest.mark.parametrize("name", ["", "www"])
def test_a_name_follows_one_other_name(importing: Importing, name: str) -> None:
    plan = importing.adopted(
        alias(name, "one.cloudfront.net."), alias(name, "two.cloudfront.net.", "AAAA")
    )
    (remark,) = plan.not_taken
    assert "leads to one.cloudfront.net" in remark.reason


def test_an_alias_excludes_addresses_and_a_server_of_that_name(importing: Importing) -> None:
    one = alias("", "d1.cloudfront.net.")
    plan = importing.adopted(one, plain("", "AAAA", "2001:db8::1"))
    assert "follows d1.cloudfront.net" in short(plan.not_taken)["shop.example AAAA"]
    servers = plain("", "NS", "shop.example")
    plan = importing.adopted(one, servers, plain("", "AAAA", "2001:db8::1"))
    assert plan.zones[0].alias is None
    assert "the name of a name server" in short(plan.not_taken)["shop.example"]


def test_what_the_server_would_refuse_is_listed(importing: Importing) -> None:
    """Its rules are tried, so that every command succeeds: here hostnames lead in a loop."""
    plan = importing.adopted(
        *pair("www", "x.any.shop.example", "b.example.net", "CNAME"),
        plain("\\052.any", "CNAME", "www.shop.example"),
    )
    found = short(plan.not_taken)["www.shop.example, as a group"]
    assert "this server would refuse it" in found
    assert [group.backup for group in plan.groups] in ([], [None])


@pytest.mark.parametrize("name", ["_status", "_status.x"])
def test_reserved_names_are_listed(importing: Importing, name: str) -> None:
    plan = importing.adopted(
        *pair(name, "192.0.2.1", "192.0.2.2"), alias(name, "d1.cloudfront.net.", "AAAA")
    )
    assert plan.groups == ()
    assert "reserved" in short(plan.not_taken)[f"{name}.shop.example, as a group"]


def test_failover_of_the_zone_itself(importing: Importing) -> None:
    """Records of other types stay beside it."""
    plan = importing.adopted(
        *pair("", "192.0.2.1", "198.51.100.1"),
        plain("", "TXT", '"x"'),
        alias("www", "shop.example."),
    )
    assert (plan.groups[0].name, plan.groups[0].label) == ("shop.example", "@")
    assert static(plan) == [
        'shop.example. 300 IN TXT "x"',
        "www.shop.example. 60 IN CNAME shop.example.",
    ]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("192.0.2.1", "an address"),
        ("lb", "it has only one part"),
        ("\\052.example.net", "wildcard"),
        ("https://a.example/", "a URL or path"),
        ("www.shop.example", "leads back to www.shop.example"),
        ("one.shop.example", "leads back to www.shop.example"),
        ("", "Value is missing"),
    ],
)
def test_hostnames_that_cannot_work_are_listed(
    importing: Importing, target: str, reason: str
) -> None:
    sets = pair("www", target, "b.example.net", "CNAME")
    loop = plain("one", "CNAME", "www.shop.example")
    if not target:
        with pytest.raises(Malformed, match=reason):
            importing.adopted(*sets, loop)
        return
    plan = importing.adopted(*sets, loop)
    assert reason in short(plan.not_taken)["www.shop.example CNAME PRIMARY"]
    assert heads(plan, plan.groups[0].primary) == (PlannedHead("lb", hostname="b.example.net"),)


def test_a_lonely_secondary_is_the_primary(importing: Importing) -> None:
    plan = importing.adopted(pair("www", "192.0.2.1", "198.51.100.1")[1])
    assert plan.groups[0].primary == "www-backup"
    assert plan.groups[0].backup is None
    assert "no PRIMARY" in short(plan.notes)["www.shop.example"]


def test_equal_sides_are_one_side(importing: Importing) -> None:
    plan = importing.adopted(*pair("www", "192.0.2.1", "192.0.2.1"))
    assert plan.groups[0].backup is None


def test_a_long_ttl_is_lowered(importing: Importing) -> None:
    plan = importing.adopted(*pair("www", "192.0.2.1", "192.0.2.2", ttl=604800))
    assert plan.groups[0].ttl == 86400


def test_a_group_without_checks_is_manual(importing: Importing) -> None:
    """A policy that can never act would only seem to protect."""
    plan = importing.adopted(*pair("www", "192.0.2.1", "198.51.100.1"))
    assert plan.groups[0].policy is None
    (note,) = plan.notes
    assert "failoverdns group set www --policy route53" in note.advice


def test_health_checks_that_are_not_given_are_listed_once(importing: Importing) -> None:
    one = pair("www", "192.0.2.1", "198.51.100.1", HealthCheckId="h")
    two = pair("api", "192.0.2.3", "198.51.100.3", HealthCheckId="h")
    (remark,) = importing.adopted(*one, *two).not_taken
    assert "--health-checks" in remark.advice
    (remark,) = importing.adopted(*one, *two, checks={"other": CHECK}).not_taken
    assert "not listed" in remark.reason


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            {"Type": "HTTPS", "FullyQualifiedDomainName": "www.shop.example", "EnableSNI": True},
            {"type": "https", "port": 443, "path": "/", "server_name": "www.shop.example"},
        ),
        ({"Type": "HTTPS", "EnableSNI": False, "Port": 8443}, {"port": 8443, "verify": False}),
        (
            {"Type": "HTTP", "Port": 8080, "FullyQualifiedDomainName": "a.example"},
            {"host": "a.example:8080"},
        ),
        (
            {"Type": "HTTP_STR_MATCH", "SearchString": 'a: "b"\t\x07'},
            {"type": "http", "body": 'a: "b"\t\x07', "status": ["200-399"]},
        ),
        ({"Type": "TCP", "Port": 25}, {"type": "tcp", "port": 25, "timeout": 10}),
        ({"Type": "TCP", "Port": 25, "FailureThreshold": 1}, {"up_after": 1, "down_after": 1}),
        ({"Type": "TCP", "Port": 25, "RequestInterval": 10}, {"interval": 10}),
        ({"Type": "HTTP", "ResourcePath": "up?deep=1"}, {"path": "/up?deep=1"}),
    ],
)
def test_health_checks_become_checks(
    importing: Importing, config: dict[str, Any], expected: dict[str, Any]
) -> None:
    sets = pair("www", "192.0.2.1", "198.51.100.1", HealthCheckId="h")
    (check,) = importing.adopted(*sets, checks={"h": config}).checks.values()
    assert check.items() >= expected.items()


@pytest.mark.parametrize(
    "config",
    [
        {"Type": "CALCULATED", "ChildHealthChecks": ["x"]},
        {"Type": "CLOUDWATCH_METRIC"},
        {"Type": "RECOVERY_CONTROL"},
        {"Type": "SOMETHING_NEW"},
        {"Type": "HTTP", "Inverted": True},
        {"Type": "TCP"},
        {"Type": "HTTP", "Port": 0},
        {"Type": "HTTP", "Port": True},
        {"Type": "HTTP", "ResourcePath": "/a b"},
        {"Type": "HTTP", "FullyQualifiedDomainName": "a\nb"},
        {"Type": "HTTP_STR_MATCH", "SearchString": ""},
        {"Type": "HTTP", "RequestInterval": "30"},
    ],
)
def test_health_checks_without_a_counterpart_are_listed(
    importing: Importing, config: dict[str, Any]
) -> None:
    sets = pair("www", "192.0.2.1", "198.51.100.1", HealthCheckId="h")
    plan = importing.adopted(*sets, checks={"h": config})
    assert short(plan.not_taken)["health check h"]
    assert plan.checks == {}


def test_a_disabled_health_check_is_left_out(importing: Importing) -> None:
    sets = pair("www", "192.0.2.1", "198.51.100.1", HealthCheckId="h")
    plan = importing.adopted(*sets, checks={"h": CHECK | {"Disabled": True}})
    assert plan.not_taken == ()
    assert plan.checks == {}


def test_a_rare_probe_needs_a_longer_grace(importing: Importing) -> None:
    """The default suits probes every 10 seconds; a longer one is written."""
    sets = pair("www", "192.0.2.1", "198.51.100.1", HealthCheckId="h")
    plan = importing.adopted(*sets, checks={"h": CHECK | {"RequestInterval": 30}})
    assert plan.policies["route53"]["grace"] == 36
    plan = importing.adopted(*sets, checks={"h": CHECK | {"RequestInterval": 10}})
    assert "grace" not in plan.policies["route53"]


def test_checks_of_other_addresses_are_one_check(importing: Importing) -> None:
    sets = pair("www", "192.0.2.1", "198.51.100.1", HealthCheckId="a")
    sets[1]["HealthCheckId"] = "b"
    plan = importing.adopted(*sets, checks={"a": CHECK, "b": CHECK | {"IPAddress": "198.51.100.1"}})
    assert [a.checks for a in plan.applications] == [("http-80-up",), ("http-80-up",)]


def test_the_health_of_an_alias_target_is_listed(importing: Importing) -> None:
    sets = [alias("www", "lb.elb.amazonaws.com.", Failover=f) for f in ("PRIMARY", "SECONDARY")]
    sets[1]["AliasTarget"]["DNSName"] = "other.elb.amazonaws.com."
    sets[0]["AliasTarget"]["EvaluateTargetHealth"] = True
    plan = importing.adopted(*sets)
    assert (
        "known to AWS only"
        in short(plan.not_taken)["www.shop.example A PRIMARY: EvaluateTargetHealth"]
    )


def test_the_health_of_an_alias_target_of_the_zone_is_known(importing: Importing) -> None:
    """A record without a health check is always healthy there."""
    sets = [
        alias("www", f"{word}.shop.example.", Failover=side)
        for word, side in (("one", "PRIMARY"), ("two", "SECONDARY"))
    ]
    for entry in sets:
        entry["AliasTarget"]["EvaluateTargetHealth"] = True
    one = plain("one", "A", "192.0.2.1", HealthCheckId="h")
    plan = importing.adopted(*sets, one, plain("two", "A", "192.0.2.2"), checks={"h": CHECK})
    assert plan.not_taken == ()
    assert [a.checks for a in plan.applications] == [("http-80-up",), ()]


def test_names_of_servers_that_are_no_names_are_listed(importing: Importing) -> None:
    plan = importing.adopted(plain("", "NS", "a..b", "ns.example.net"))
    assert "is not a domain name" in short(plan.not_taken)["shop.example NS"]


def test_odd_names_are_quoted_for_the_shell(importing: Importing) -> None:
    plan = importing(*pair("a'b;$(rm)", "192.0.2.1", "192.0.2.2"))
    (group,) = plan.groups
    assert group.label == "a-b-rm"
    assert all(";" not in word for words in commands(plan) for word in words)


def test_two_imports_of_one_source_are_equal(importing: Importing) -> None:
    sets = [*pair("www", "192.0.2.1", "192.0.2.2"), *pair("a.b", "192.0.2.1", "192.0.2.2")]
    assert files_of(importing(*sets)) == files_of(importing(*sets))


def test_a_page_of_a_list_is_said(tmp_path: Path) -> None:
    path = tmp_path / "page.json"
    sets = [plain("", "SOA", SOA)]
    path.write_text(json.dumps({"ResourceRecordSets": sets, "IsTruncated": True}))
    (remark,) = route53_plan(path, None, None).not_taken
    assert "IsTruncated" in remark.reason


def test_the_zone_is_named_if_the_list_has_no_soa_record(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"ResourceRecordSets": [plain("www", "A", "192.0.2.1")]}))
    with pytest.raises(Malformed, match="add --zone NAME"):
        route53_plan(path, None, None)
    plan = route53_plan(path, "shop.example", None)
    adopt(plan, tmp_path / "adopted")
    assert static(plan) == ["www.shop.example. 300 IN A 192.0.2.1"]
    with pytest.raises(Malformed, match=r"is not in the zone other\.example"):
        route53_plan(path, "other.example", None)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "r.json: empty"),
        (b"  \n", "r.json: empty"),
        (b"ResourceRecordSets:\n  - x", "r.json:1:1: not JSON"),
        (b'{"a": 1,\n "b": }', "r.json:2:7: not JSON"),
        (b"\x89PNG\r\n\x1a\n\xff\xd8", "r.json:1: not text"),
        (b"[]", "r.json:1:1: expected an object"),
        (b"[" * 200_000, "r.json: not JSON"),
        (
            b'{"value": [{"id": "/subscriptions/x"}]}',
            "has no list ResourceRecordSets: its keys are: value",
        ),
        (b'{"HealthChecks": []}', "this is the output of `aws route53 list-health-checks`"),
        (b'{"ResourceRecordSets": [5]}', r"ResourceRecordSets\[0\]: is not an object"),
        (b'{"ResourceRecordSets": [{"Name": "x."}]}', "Type is missing"),
        (b'{"ResourceRecordSets": [{"Name": "x..y", "Type": "A"}]}', "is not a domain name"),
        (b'{"ResourceRecordSets": [{"Name": "x", "Type": "A"}]}', "neither ResourceRecords nor"),
        (
            b'{"ResourceRecordSets": [{"Name": "x", "Type": "A", "TTL": "1", '
            b'"ResourceRecords": [{"Value": "192.0.2.1"}]}]}',
            "TTL is not a number",
        ),
        (b'{"ResourceRecordSets": []}', "has no SOA record"),
        (b'{"ResourceRecordSets": [', "write the file again, it is cut off"),
        (b"ResourceRecordSets:\n- Name: a.\n", "add --output json to the aws command"),
        (b'{"ResourceRecordSets": ["\\ud800"]}', "is no character"),
        (
            b'{"ResourceRecordSets": [{"Name": "a/b.example.", "Type": "SOA", "TTL": 1, '
            b'"ResourceRecords": [{"Value": "a. b. 1 1 1 1 1"}]}]}',
            "cannot be served",
        ),
    ],
)
def test_other_files_are_refused_with_a_place(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(data)
    with pytest.raises(Malformed, match=message):
        route53_plan(path, None, None)


def test_text_of_powershell_is_read(tmp_path: Path) -> None:
    """Its `>` writes UTF-16."""
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"ResourceRecordSets": [plain("", "SOA", SOA)]}), "utf-16")
    assert route53_plan(path, None, None).zones[0].origin.to_text() == "shop.example"


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.touch()
    os.truncate(path, 1 << 40)
    with pytest.raises(Malformed, match="larger than 64 MiB"):
        route53_plan(path, None, None)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match=r"nothing.json: cannot be read: No such file"):
        route53_plan(tmp_path / "nothing.json", None, None)
    with pytest.raises(Malformed, match=r"not a regular file|Is a directory"):
        route53_plan(tmp_path, None, None)


@pytest.mark.parametrize(
    ("config", "listed"),
    [
        ({"IPAddress": "192.0.2.11"}, "probes 192.0.2.11 at Route 53; here it probes the head's"),
        ({"FullyQualifiedDomainName": "up.example.net."}, "probes up.example.net at Route 53"),
        ({"IPAddress": "192.0.2.90", "FullyQualifiedDomainName": "up.example.net"}, ""),
        ({"FullyQualifiedDomainName": "one.shop.example"}, ""),
    ],
)
def test_a_health_check_of_another_endpoint_is_listed(
    importing: Importing, config: dict[str, str], listed: str
) -> None:
    sets = pair("www", "192.0.2.90", "198.51.100.1", HealthCheckId="h")
    one = plain("one", "A", "192.0.2.90")
    plan = importing(*sets, one, checks={"h": {"Type": "HTTP", "Port": 80} | config})
    notes = {
        subject: text for subject, text in short(plan.notes).items() if "policy" not in subject
    }
    assert bool(notes) == bool(listed)
    if listed:
        text = notes["www.shop.example A PRIMARY"]
        assert listed in text
        assert text.endswith("the head's own address 192.0.2.90")


def test_a_health_check_behind_an_alias_with_another_endpoint_is_listed(
    importing: Importing,
) -> None:
    first = alias("www", "one.shop.example.", Failover="PRIMARY", SetIdentifier="1")
    first["AliasTarget"]["EvaluateTargetHealth"] = True
    second = alias("www", "two.shop.example.", Failover="SECONDARY", SetIdentifier="2")
    one = plain("one", "A", "192.0.2.90", HealthCheckId="h")
    plan = importing(first, second, one, plain("two", "A", "192.0.2.91"), checks={"h": CHECK})
    assert any("probes 192.0.2.1 at Route 53" in note.reason for note in plan.notes)


def test_a_health_check_of_an_alias_that_leaves_the_zone_is_taken(importing: Importing) -> None:
    first = alias("www", "one.shop.example.", Failover="PRIMARY", SetIdentifier="1")
    first["AliasTarget"]["EvaluateTargetHealth"] = True
    second = alias("www", "d2.cloudfront.net.", Failover="SECONDARY", SetIdentifier="2")
    one = alias("one", "d1.cloudfront.net.", HealthCheckId="h")
    plan = importing(first, second, one, checks={"h": CHECK})
    assert [application.checks for application in plan.applications] == [("http-80-up",), ()]
    note = short(plan.notes)["www.shop.example A PRIMARY"]
    assert note.endswith("here it probes the head's hostname d1.cloudfront.net")
