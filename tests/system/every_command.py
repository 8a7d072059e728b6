"""Every command of the command table as a user types it, with the expected output.

The lines are one session that begins and ends with an empty server, so their order matters.
"""

from __future__ import annotations

from typing import Any, NamedTuple

CONFIG = """\
checks: {beat: {type: push, ttl: 3600}}
policies: {quick: {answer: healthy}}
safety_rules: {office: {gate: {flag: office-hours}}}
querylog: {file: queries.json}
"""
"""Configuration that the session needs in addition to `system.server.CONFIG` and a CA."""


class Typed(NamedTuple):
    """A command line and its expected output.

    `text` is a part of the text output; `found` is a part of the result with `--json`, or of the
    error if `status` is not 0.
    """

    line: str
    text: str
    found: dict[str, Any]
    status: int = 0


EU_TARGETS = ["192.0.2.3", "2001:db8::3"]

SESSION = (
    Typed(
        "application add eu --hostname-template {{head}}.{{application}}.example",
        "eu: no web head",
        {"name": "eu", "hostname_template": "{{head}}.{{application}}.example"},
    ),
    Typed("application add us", "us: no web head", {"name": "us", "heads": []}),
    Typed("application rename us usa", "usa: no web head", {"name": "usa"}),
    Typed(
        "application set eu --check beat",
        "eu: no web head",
        {"name": "eu", "health": {"checks": ["beat"]}},
    ),
    Typed(
        "head add eu lb1 --role load-balancer",
        "eu: web head lb1.eu.example (lb1)",
        {"web_head": {"heads": ["lb1"], "targets": ["lb1.eu.example"]}},
    ),
    Typed(
        "head add eu lb2 --role load-balancer --standby --address 192.0.2.2",
        "eu: web head lb1.eu.example (lb1)",
        {"heads": [{"name": "lb2", "active": False, "addresses": ["192.0.2.2"]}]},
    ),
    Typed("head activate eu lb2", "eu: web head 192.0.2.2 (lb2)", {"web_head": {"heads": ["lb2"]}}),
    Typed(
        "head rename eu lb2 lb3", "eu: web head 192.0.2.2 (lb3)", {"web_head": {"heads": ["lb3"]}}
    ),
    Typed(
        "head set eu lb3 --address 192.0.2.3 --address 2001:db8::3",
        "eu: web head 192.0.2.3, 2001:db8::3 (lb3)",
        {"web_head": {"targets": EU_TARGETS}},
    ),
    Typed(
        "zone list",
        "failover.test",
        {"zones": [{"name": "failover.test", "secondaries": []}]},
    ),
    Typed(
        "token add bot --role reporter --groups 's*' --expires 90d",
        "  curl -H 'Authorization: Bearer fdns_",
        {"name": "bot", "role": "reporter", "groups": ["s*"], "head": None, "problem": None},
    ),
    Typed("token add lb3 --head eu/lb3", "token lb3: head eu/lb3; never expires", {"name": "lb3"}),
    Typed(
        "token list",
        "reporter, groups s*",
        {"tokens": [{"name": "bot", "last_used": None}, {"name": "lb3", "expires": None}]},
    ),
    Typed("token remove bot", "token bot removed", {"removed": "bot"}),
    Typed("token remove lb3", "token lb3 removed", {"removed": "lb3"}),
    Typed("secondary list", "no secondaries: see `secondaries`", {"secondaries": []}),
    Typed(
        "zone notify failover.test",
        "refused: zone failover.test has no secondary",
        {"code": "refused"},
        1,
    ),
    Typed(
        "application list",
        "* lb3   load-balancer   192.0.2.3 2001:db8::3",
        {"applications": [{"name": "eu"}, {"name": "usa"}]},
    ),
    Typed(
        "group add shop --zone failover.test --label {label} --primary eu --ttl 30",
        "shop: {label}.failover.test answers 192.0.2.3, 2001:db8::3 (primary active)",
        {"name": "shop", "ttl": 30, "primary": {"application": "eu"}},
    ),
    Typed(
        "group set shop --backup usa --ttl 20 --policy quick",
        "shop: {label}.failover.test answers 192.0.2.3, 2001:db8::3 (primary active)",
        {"ttl": 20, "backup": {"application": "usa"}, "automation": {"policy": "quick"}},
    ),
    Typed("group rename shop store", "store: {label}.failover.test answers", {"name": "store"}),
    Typed("group list", "* eu", {"groups": [{"name": "store", "answers": EU_TARGETS}]}),
    Typed(
        "status",
        "zone failover.test: serial ",
        {"zones": [{"name": "failover.test"}], "groups": [{"name": "store"}]},
    ),
    Typed(
        "health report eu/lb3 up --ttl 600 --detail fine",
        "eu/lb3: reported up, which counts until ",
        {"heads": ["lb3"], "checks": ["beat"], "state": "up"},
    ),
    Typed(
        "health force usa up --reason 'it is new'",
        "forced up: usa\n",
        {"forced": "up", "named": ["usa"]},
    ),
    Typed(
        "health show",
        "beat: good, 1 in a row (fine) at ",
        {"applications": [{"name": "usa", "health": {"forced": {"reason": "it is new"}}}]},
    ),
    Typed(
        "maintenance store on --reason 'disk swap'",
        "store: in maintenance (disk swap): ",
        {"group": "store", "maintenance": True, "reason": "disk swap"},
    ),
    Typed(
        "flag on office-hours --reason monday",
        "office-hours is on (monday)\n  gate office is open\n",
        {"name": "office-hours", "on": True, "reason": "monday", "gates": ["office"]},
    ),
    Typed(
        "flag list",
        "monday   office",
        {"flags": [{"name": "automation", "on": True}, {"name": "office-hours", "on": True}]},
    ),
    Typed(
        "flag off office-hours",
        "office-hours is off\n  gate office is closed\n",
        {"name": "office-hours", "on": False, "reason": None},
    ),
    Typed(
        "automation freeze --reason 'network works'",
        "automation is frozen (network works): ",
        {"name": "automation", "on": False, "reason": "network works"},
    ),
    Typed("automation thaw", "automation is on: ", {"name": "automation", "on": True}),
    Typed(
        "explain store",
        "{label}.failover.test answers 192.0.2.3, 2001:db8::3: the primary side is active",
        {"group": "store", "rules": [{"rule": "target-empty"}]},
    ),
    Typed(
        "rehearse store --to backup --override target-empty",
        'record: _status.eu.failover.test. 60 IN TXT "offline"\n',
        {"to": "backup", "would_succeed": True, "answers": [EU_TARGETS, []]},
    ),
    Typed(
        "certificate challenge-name www.customer.example",
        "_acme-challenge.www.customer.example. IN CNAME ",
        {"target": "www.customer.example._acme-challenge.failover.test"},
    ),
    Typed(
        "certificate request eu --wait",
        "names:      {label}.failover.test\n  kind:       acme\n",
        {"application": "eu", "kind": "acme"},
    ),
    Typed(
        "certificate install usa --chain {chain} --key {key}",
        "names:      www.shop.example\n  kind:       custom\n",
        {"application": "usa", "kind": "custom", "names": ["www.shop.example"]},
    ),
    Typed(
        "certificate show eu",
        "renewed by: failoverdns, at ",
        {"application": "eu", "renewal": {"allowed": True}},
    ),
    Typed(
        "certificate list",
        "www.shop.example",
        {"certificates": [{"application": "eu"}, {"application": "usa"}]},
    ),
    Typed(
        "certificate rotate-key",
        "3 private key(s) encrypted with a new key\n",
        {"rotated": 3},
    ),
    Typed("certificate remove usa", "removed usa\n", {"removed": "usa"}),
    Typed("certificate remove eu", "removed eu\n", {"removed": "eu"}),
    Typed(
        "preflight store",
        "store: a switch to backup: failed\n",
        {"to": "backup", "passed": False, "checks": [{"check": "targets", "result": "failed"}]},
        status=1,
    ),
    Typed(
        "switch store --override target-empty --to backup --if-revision 99999 --dry-run",
        "conflict: revision 99999 is not reached yet",
        {"code": "conflict"},
        status=1,
    ),
    Typed(
        "switch store --override target-empty --to backup",
        "store: switched from primary to backup\n  {label}.failover.test answers nothing (NODATA)",
        {"groups": [{"to": "backup", "changed": True, "overridden": ["target-empty"]}]},
    ),
    Typed(
        "preflight store",
        "store: a switch to primary: passed\n",
        {"to": "primary", "passed": True},
    ),
    Typed(
        "switch store --at {later} --reason 'rack move'",
        "store: a switch to the primary is planned for {later}",
        {"planned": [{"group": "store", "to": "primary", "at": "{later}"}]},
    ),
    Typed("plan list", "rack move", {"plans": [{"group": "store", "reason": "rack move"}]}),
    Typed(
        "plan cancel store",
        "store: the planned switch is cancelled\n",
        {"cancelled": "store"},
    ),
    Typed(
        "querylog on --sample 10",
        "query log: on, ",
        {"on": True, "sample": 10},
    ),
    Typed("querylog status", "queries.json, every 10th query\n", {"on": True, "written": 0}),
    Typed("querylog off", "query log: off\n", {"on": False}),
    Typed("stats", "groups: ", {"groups_omitted": 0, "behind": 0}),
    Typed("whoami", ": admin\n", {"role": "admin", "grants": [{"role": "admin"}]}),
    Typed("restart", "restarted: failoverdns ", {}),
    Typed(
        "record add failover.test 'www 300 IN A 192.0.2.80' --reason 'new site'",
        "www.failover.test 300 IN A 192.0.2.80: served\n",
        {"changed": True, "records": [{"name": "www.failover.test", "hidden": None}]},
    ),
    Typed(
        "record list failover.test",
        "failover.test   www.failover.test   300   A      192.0.2.80   -",
        {"records": [{"name": "www.failover.test", "type": "A", "ttl": 300}]},
    ),
    Typed(
        "record remove failover.test www A 192.0.2.80",
        "www.failover.test A 192.0.2.80: removed\n",
        {"changed": True, "records": [], "removed": [{"name": "www.failover.test"}]},
    ),
    Typed(
        "records --zone failover.test",
        '_status.eu.failover.test. 60 IN TXT "offline"\n',
        {},
    ),
    Typed(
        "backup {chain}.{label}.db",
        "  private keys in it are encrypted: keep the key file ",
        {},
    ),
    Typed(
        "history store --limit 3",
        "]: group store: plan to primary at ",
        {"history": [{"command": {"command": "plan cancel", "group": "store"}}]},
    ),
    Typed("history --verify", "verified: ", {"verified": True}),
    Typed("group set store --primary=", "store: {label}.failover.test", {"answers": []}),
    Typed(
        "group set store --backup= --override active-side",
        "store: {label}.failover.test answers nothing (NODATA)",
        {"overridden": ["active-side"]},
    ),
    Typed(
        "group remove store",
        "removed store; {label}.failover.test is retired for ever\n",
        {"removed": "store", "retired": "{label}.failover.test"},
    ),
    Typed("head remove eu lb3", "eu: web head lb1.eu.example", {"heads": [{"name": "lb1"}]}),
    Typed(
        "head remove eu lb1 --reason gone",
        "eu: no web head\n",
        {"heads": [], "answering_nothing": [], "overridden": []},
    ),
    Typed("application remove eu", "removed eu\n", {"removed": "eu"}),
    Typed("application remove usa", "removed usa\n", {"removed": "usa"}),
)

WATCHED = Typed(
    "watch",
    "]: group store: active primary -> backup",
    {"event": "switch"},
)
"""The command `watch`, and output that it must print during the session."""


def row_of(line: str, rows: set[str]) -> str:
    """Return the name of the row of the command table that a line uses."""
    words = line.split()
    return next(name for n in (2, 1) if (name := " ".join(words[:n])) in rows)


def filled(value: Any, **given: str) -> Any:
    """Return a JSON value in which the names in braces are replaced in all texts."""
    match value:
        case str():
            return value.format(**given)
        case list():
            return [filled(part, **given) for part in value]
        case dict():
            return {key: filled(part, **given) for key, part in value.items()}
    return value


def holds(found: Any, expected: Any) -> bool:
    """Return whether a JSON value contains an expected one.

    An object may have more keys, and a list of objects more objects; all else must be equal.
    """
    match expected:
        case dict():
            return isinstance(found, dict) and all(
                key in found and holds(found[key], part) for key, part in expected.items()
            )
        case [dict(), *_]:
            return isinstance(found, list) and all(
                any(holds(each, part) for each in found) for part in expected
            )
    return bool(found == expected)
