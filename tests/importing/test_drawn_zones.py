"""Drawn zones of Route 53: whatever they have, a server takes all that their import makes."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from adopting import adopt

from failoverdns.importing.sources import route53_plan

ZONES = 20
"""Zones in one test."""

NAMES = (
    "",
    "www.",
    "api.",
    "app.eu.",
    "\\052.",
    "\\052.eu.",
    "primary.",
    "primary.www.",
    "_status.",
    "_status.x.",
    "_acme-challenge.www.",
    "a.b.",
    "a-b.",
    "eu.",
    f"{'x' * 63}.",
    "child.",
    "ns.child.",
    "-n.",
)
VALUES = {
    "A": ["192.0.2.1", "192.0.2.2", "198.51.100.7"],
    "AAAA": ["2001:db8::1", "2001:db8::2"],
    "CNAME": ["a.example.net", "www.z.example.", "eu.z.example", "z.example", "\\052.z.example."],
    "MX": ["10 mail.z.example", "0 ."],
    "TXT": ['"a"', '"\\101\\\\ \\"x"', f'"{"x" * 255}" "y"'],
    "NS": ["ns.child.z.example.", "ns1.example.net."],
    "SRV": ["1 2 3 sip.z.example"],
    "CAA": ['0 issue "ca.example"'],
    "DS": [f"1 8 2 {'ab' * 32}"],
    "HTTPS": ['1 . alpn="h2,h3"', "0 a.example.net"],
}
ALIASES = ["lb.elb.amazonaws.com.", "lb.", "192.0.2.1.", *(f"{n}z.example." for n in NAMES[:6])]
CHECKS: dict[str, dict[str, Any]] = {
    "t": {"Type": "TCP", "Port": 80},
    "h": {"Type": "HTTPS", "FullyQualifiedDomainName": "a.example", "RequestInterval": 30},
    "s": {"Type": "HTTP_STR_MATCH", "SearchString": "\u00e9'\"\n"},
    "c": {"Type": "CALCULATED"},
    "d": {"Type": "TCP", "Port": 1, "Disabled": True},
}


def drawn_set(random: Random, name: str, rtype: str) -> dict[str, Any]:
    """Return a record set with values, or an alias."""
    entry: dict[str, Any] = {"Name": f"{name}z.example.", "Type": rtype}
    if random.random() < 0.3:
        alias = {"DNSName": random.choice(ALIASES), "EvaluateTargetHealth": random.random() < 0.5}
        return entry | {"AliasTarget": alias}
    known = VALUES[rtype]
    values = random.sample(known, random.randint(1, min(2, len(known))))
    ttl = random.choice([0, 60, 300, 100_000])
    return entry | {"TTL": ttl, "ResourceRecords": [{"Value": value} for value in values]}


def drawn_zone(random: Random) -> list[dict[str, Any]]:
    """Return the record sets of a zone."""
    soa = "a.example.net. b.example.net. 1 2 3 4 300"
    sets = [{"Name": "z.example.", "Type": "SOA", "TTL": 9, "ResourceRecords": [{"Value": soa}]}]
    server = random.choice(["ns.example.net.", "www.z.example.", "z.example."])
    sets.append(
        {"Name": "z.example.", "Type": "NS", "TTL": 9, "ResourceRecords": [{"Value": server}]}
    )
    for _ in range(random.randint(1, 14)):
        name, rtype = random.choice(NAMES), random.choice([*VALUES, "A", "A", "AAAA", "CNAME"])
        if random.random() < 0.5:
            sets.append(drawn_set(random, name, rtype))
            continue
        for side in random.choice([("PRIMARY", "SECONDARY"), ("PRIMARY",), ("SECONDARY",)]):
            entry = drawn_set(random, name, rtype) | {"Failover": side, "SetIdentifier": side}
            if random.random() < 0.5:
                entry["HealthCheckId"] = random.choice([*CHECKS, "lost"])
            sets.append(entry)
    return sets


@pytest.mark.parametrize("seed", range(3))
def test_a_server_takes_all_that_an_import_makes(tmp_path: Path, seed: int) -> None:
    """Its configuration has no error, and none of its commands is refused."""
    random = Random(seed)
    checks = [{"Id": id_, "HealthCheckConfig": config} for id_, config in CHECKS.items()]
    (tmp_path / "checks.json").write_text(json.dumps({"HealthChecks": checks}))
    for number in range(ZONES):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps({"ResourceRecordSets": drawn_zone(random)}))
        plan = route53_plan(path, None, tmp_path / "checks.json")
        adopt(plan, tmp_path / f"adopted-{number}")
