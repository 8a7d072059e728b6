"""The command table: words and JSON make the same command, and an unknown one gets a hint."""

from __future__ import annotations

import json
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address

import pytest
from authority import make_authority
from tables import name

from failoverdns.control.language.commands import ROWS, find_row
from failoverdns.control.language.requests import Unreadable, read_request
from failoverdns.model.application import HeadRole
from failoverdns.model.change import Json
from failoverdns.model.commands import Action, Command, Mutation, ReadCommand
from failoverdns.model.commands.applications import (
    ActivateHead,
    AddApplication,
    AddHead,
    ListApplications,
    RemoveApplication,
    RemoveHead,
    RenameApplication,
    RenameHead,
    SetApplication,
    SetHead,
)
from failoverdns.model.commands.automation import (
    CancelPlan,
    ListFlags,
    ListPlans,
    SetFlag,
    SetMaintenance,
)
from failoverdns.model.commands.certificates import (
    ChallengeName,
    InstallCertificate,
    ListCertificates,
    RemoveCertificate,
    RequestCertificate,
    RotateKey,
    ShowCertificate,
)
from failoverdns.model.commands.groups import (
    AddGroup,
    Explain,
    ListGroups,
    Preflight,
    Rehearse,
    RemoveGroup,
    RenameGroup,
    SetGroup,
    Switch,
)
from failoverdns.model.commands.health import ForceHealth, ReportHealth, ShowHealth
from failoverdns.model.commands.history import ExportHistory, History, VerifyHistory
from failoverdns.model.commands.records import (
    ListRecords,
    NewRecord,
    RemoveRecords,
    StoreRecords,
)
from failoverdns.model.commands.secondaries import ListSecondaries, ListZones, NotifyZone
from failoverdns.model.commands.server import (
    Backup,
    ExportRecords,
    QueryLogOff,
    QueryLogOn,
    QueryLogStatus,
    Restart,
    Stats,
    Status,
    Watch,
    WhoAmI,
)
from failoverdns.model.commands.tokens import AddToken, Lifetime, ListTokens, RemoveToken
from failoverdns.model.errors import Rejected
from failoverdns.model.group import Side
from failoverdns.model.health import Health
from failoverdns.model.roles import Role

Fields = dict[str, Json]


A4, A6 = IPv4Address("192.0.2.10"), IPv6Address("2001:db8::10")
ZONE = name("failover.test")
TEMPLATE = "{head}.{application}.internal.example"


COMMANDS: list[tuple[str, Fields, Command]] = [
    ("switch shop", {"groups": ["shop"]}, Switch(("shop",))),
    (
        "switch shop blog --to backup --if-revision 7 --override certificate-names "
        '--override=target-empty --dry-run --reason "db maintenance"',
        {
            "groups": ["shop", "blog"],
            "to": "backup",
            "if_revision": 7,
            "override": ["certificate-names", "target-empty"],
            "dry_run": True,
            "reason": "db maintenance",
        },
        Switch(
            ("shop", "blog"),
            Side.BACKUP,
            7,
            ("certificate-names", "target-empty"),
            True,
            "db maintenance",
        ),
    ),
    (
        "switch --to=primary shop",
        {"groups": ["shop"], "to": "primary"},
        Switch(("shop",), Side.PRIMARY),
    ),
    (
        "switch --dry-run -- shop",
        {"groups": ["shop"], "dry_run": True},
        Switch(("shop",), dry_run=True),
    ),
    ("switch shop --reason=''", {"groups": ["shop"], "reason": ""}, Switch(("shop",), reason="")),
    (
        "switch shop --reason 'a=b é'",
        {"groups": ["shop"], "reason": "a=b é"},
        Switch(("shop",), reason="a=b é"),
    ),
    (
        "switch shop --at 2027-01-15T09:00:00+01:00 --pre-ttl 5",
        {"groups": ["shop"], "at": "2027-01-15T09:00:00+01:00", "pre_ttl": 5},
        Switch(("shop",), at=1_800_000_000.0, pre_ttl=5),
    ),
    (
        "switch shop --wait-secondaries 5",
        {"groups": ["shop"], "wait_secondaries": 5},
        Switch(("shop",), wait_secondaries=5),
    ),
    ("plan cancel shop", {"group": "shop"}, CancelPlan("shop")),
    ("plan list", {}, ListPlans()),
    ("explain shop", {"group": "shop"}, Explain("shop")),
    ("rehearse shop", {"group": "shop"}, Rehearse("shop")),
    (
        "rehearse shop --to primary --override target-down --override calm",
        {"group": "shop", "to": "primary", "override": ["target-down", "calm"]},
        Rehearse("shop", Side.PRIMARY, ("target-down", "calm")),
    ),
    (
        'maintenance shop on --reason "disk swap"',
        {"group": "shop", "state": "on", "reason": "disk swap"},
        SetMaintenance("shop", True, "disk swap"),
    ),
    (
        "maintenance shop off",
        {"group": "shop", "state": "off"},
        SetMaintenance("shop", False),
    ),
    (
        "automation freeze --reason works",
        {"reason": "works"},
        SetFlag("automation", False, "works"),
    ),
    (
        "automation thaw --reason done",
        {"reason": "done"},
        SetFlag("automation", True, "done"),
    ),
    (
        "flag on office-hours --reason monday",
        {"name": "office-hours", "reason": "monday"},
        SetFlag("office-hours", True, "monday"),
    ),
    (
        "flag off office-hours --reason friday",
        {"name": "office-hours", "reason": "friday"},
        SetFlag("office-hours", False, "friday"),
    ),
    ("flag list", {}, ListFlags()),
    (
        "application set Shop-EU --check web --check deep --require-checks any --require-heads 2",
        {
            "name": "Shop-EU",
            "check": ["web", "deep"],
            "require_checks": "any",
            "require_heads": "2",
        },
        SetApplication("shop-eu", ("web", "deep"), "any", 2),
    ),
    (
        "application set shop-eu --no-checks",
        {"name": "shop-eu", "no_checks": True},
        SetApplication("shop-eu", ()),
    ),
    (
        f"application set shop-eu --hostname-template '{TEMPLATE}'",
        {"name": "shop-eu", "hostname_template": TEMPLATE},
        SetApplication("shop-eu", hostname_template=TEMPLATE),
    ),
    (
        "group add shop --policy auto",
        {"name": "shop", "policy": "auto"},
        AddGroup("shop", policy="auto"),
    ),
    ('group set shop --policy ""', {"name": "shop", "policy": ""}, SetGroup("shop", policy="")),
    ("health show", {}, ShowHealth()),
    ("health show shop-eu", {"application": "shop-eu"}, ShowHealth("shop-eu")),
    (
        'health force "Shop-*/web?" down --reason "disk errors"',
        {"target": "Shop-*/web?", "state": "down", "reason": "disk errors"},
        ForceHealth("shop-*", "web?", Health.DOWN, "disk errors"),
    ),
    (
        "health force shop-eu none",
        {"target": "shop-eu", "state": "none"},
        ForceHealth("shop-eu", None, Health.UNKNOWN),
    ),
    (
        "health report shop-eu/web1 down --check beat --ttl 60 --detail 'disk full'",
        {
            "target": "shop-eu/web1",
            "state": "down",
            "check": "beat",
            "ttl": 60,
            "detail": "disk full",
        },
        ReportHealth("shop-eu", "web1", Health.DOWN, "beat", 60, "disk full"),
    ),
    (
        "health report shop-eu up",
        {"target": "shop-eu", "state": "up"},
        ReportHealth("shop-eu", None, Health.UP),
    ),
    ("status", {}, Status()),
    ("status shop", {"group": "shop"}, Status("shop")),
    ("history", {}, History()),
    ("history shop --limit 5", {"group": "shop", "limit": 5}, History("shop", 5)),
    ("history --export", {"export": True}, ExportHistory()),
    (
        "history --export --since 7",
        {"export": True, "since": 7},
        ExportHistory(7),
    ),
    ("history --verify", {"verify": True}, VerifyHistory()),
    (
        f"history --verify --expect {'Ab' * 32}",
        {"verify": True, "expect": "Ab" * 32},
        VerifyHistory("ab" * 32),
    ),
    ("watch", {}, Watch()),
    ("whoami", {}, WhoAmI()),
    ("stats", {}, Stats()),
    ("stats --groups shop-* --groups eu", {"groups": ["shop-*", "eu"]}, Stats(("shop-*", "eu"))),
    ("records", {}, ExportRecords()),
    (
        "records --zone Failover.test",
        {"zone": "Failover.test"},
        ExportRecords(name("failover.test")),
    ),
    ("application add shop-eu", {"name": "shop-eu"}, AddApplication("shop-eu")),
    (
        f"application add Shop-EU --hostname-template '{TEMPLATE}'",
        {"name": "Shop-EU", "hostname_template": TEMPLATE},
        AddApplication("shop-eu", TEMPLATE),
    ),
    ("application rename a b", {"old": "a", "new": "b"}, RenameApplication("a", "b")),
    ("application remove a", {"name": "a"}, RemoveApplication("a")),
    ("application list", {}, ListApplications()),
    (
        "head add shop lb1 --role load-balancer --standby "
        "--address 192.0.2.10 --address 2001:db8::10",
        {
            "application": "shop",
            "name": "lb1",
            "role": "load-balancer",
            "address": ["192.0.2.10", "2001:db8::10"],
            "standby": True,
        },
        AddHead("shop", "lb1", HeadRole.LOAD_BALANCER, (A4, A6), None, True),
    ),
    (
        "head add shop web1 --role=web-server --hostname web1.example.net",
        {
            "application": "shop",
            "name": "web1",
            "role": "web-server",
            "hostname": "web1.example.net",
        },
        AddHead("shop", "web1", HeadRole.WEB_SERVER, (), "web1.example.net"),
    ),
    (
        "head set shop lb1 --address 192.0.2.10",
        {"application": "shop", "name": "lb1", "address": ["192.0.2.10"]},
        SetHead("shop", "lb1", (A4,)),
    ),
    (
        "head set shop lb1 --hostname lb.example.net",
        {"application": "shop", "name": "lb1", "hostname": "lb.example.net"},
        SetHead("shop", "lb1", (), "lb.example.net"),
    ),
    (
        "head rename shop lb1 lb2",
        {"application": "shop", "old": "lb1", "new": "lb2"},
        RenameHead("shop", "lb1", "lb2"),
    ),
    (
        "head activate shop lb1",
        {"application": "shop", "name": "lb1"},
        ActivateHead("shop", "lb1"),
    ),
    (
        "head remove shop lb1 --override target-empty --dry-run --reason 'rack move'",
        {
            "application": "shop",
            "name": "lb1",
            "override": ["target-empty"],
            "dry_run": True,
            "reason": "rack move",
        },
        RemoveHead("shop", "lb1", ("target-empty",), True, "rack move"),
    ),
    ("group add shop", {"name": "shop"}, AddGroup("shop")),
    (
        "group add shop --zone failover.test --label 414-262-781 --primary eu --backup us --ttl 0",
        {
            "name": "shop",
            "zone": "failover.test",
            "label": "414-262-781",
            "primary": "eu",
            "backup": "us",
            "ttl": 0,
        },
        AddGroup("shop", name("failover.test"), "414-262-781", "eu", "us", 0),
    ),
    (
        'group set shop --primary eu --backup "" --ttl 86400 --override active-side',
        {"name": "shop", "primary": "eu", "backup": "", "ttl": 86400, "override": ["active-side"]},
        SetGroup("shop", "eu", "", 86400, ("active-side",)),
    ),
    ("group set shop --backup=", {"name": "shop", "backup": ""}, SetGroup("shop", None, "")),
    ("group rename a b", {"old": "a", "new": "b"}, RenameGroup("a", "b")),
    ("group remove shop", {"name": "shop"}, RemoveGroup("shop")),
    ("group list", {}, ListGroups()),
    ("preflight shop", {"group": "shop"}, Preflight("shop")),
    (
        "preflight shop --to backup",
        {"group": "shop", "to": "backup"},
        Preflight("shop", Side.BACKUP),
    ),
    (
        "group add shop --flatten",
        {"name": "shop", "flatten": True},
        AddGroup("shop", flatten=True),
    ),
    (
        "group add shop --no-flatten",
        {"name": "shop", "no_flatten": True},
        AddGroup("shop", flatten=False),
    ),
    (
        "group add shop --active backup",
        {"name": "shop", "active": "backup"},
        AddGroup("shop", active=Side.BACKUP),
    ),
    ("group add shop --label @", {"name": "shop", "label": "@"}, AddGroup("shop", label="@")),
    (
        "group set shop --dry-run --reason tidy",
        {"name": "shop", "dry_run": True, "reason": "tidy"},
        SetGroup("shop", dry_run=True, reason="tidy"),
    ),
    (
        "group set shop --flatten",
        {"name": "shop", "flatten": True},
        SetGroup("shop", flatten=True),
    ),
    (
        "group set shop --no-flatten",
        {"name": "shop", "no_flatten": True},
        SetGroup("shop", flatten=False),
    ),
    (
        "certificate request shop-eu --name *.Shop.example. --name www.shop.example",
        {"application": "shop-eu", "name": ["*.Shop.example.", "www.shop.example"]},
        RequestCertificate("shop-eu", ("*.shop.example", "www.shop.example")),
    ),
    (
        "certificate request shop-eu --again",
        {"application": "shop-eu", "again": True},
        RequestCertificate("shop-eu", again=True),
    ),
    (
        "certificate show shop-eu",
        {"application": "shop-eu"},
        ShowCertificate("shop-eu"),
    ),
    ("certificate list", {}, ListCertificates()),
    (
        "certificate remove shop-eu",
        {"application": "shop-eu"},
        RemoveCertificate("shop-eu"),
    ),
    (
        "certificate challenge-name www.shop.example --zone failover.test",
        {"name": "www.shop.example", "zone": "failover.test"},
        ChallengeName("www.shop.example", name("failover.test")),
    ),
    ("certificate rotate-key", {}, RotateKey()),
    ("backup", {}, Backup()),
    ("querylog on", {}, QueryLogOn()),
    ("querylog on --sample 100", {"sample": 100}, QueryLogOn(100)),
    ("querylog off", {}, QueryLogOff()),
    ("querylog status", {}, QueryLogStatus()),
    ("restart", {}, Restart()),
    ("zone list", {}, ListZones()),
    ("zone notify", {}, NotifyZone()),
    ("zone notify failover.test", {"zone": "failover.test"}, NotifyZone(name("failover.test"))),
    ("secondary list", {}, ListSecondaries()),
    (
        'token add bot --role operator --groups "shop-*" --groups blog --expires 90d',
        {"name": "bot", "role": "operator", "groups": ["shop-*", "blog"], "expires": "90d"},
        AddToken("bot", Role.OPERATOR, None, ("shop-*", "blog"), Lifetime(90 * 86400)),
    ),
    (
        "token add lb1 --head Shop-EU/lb1 --expires 2027-03-01T02:00:00+01:00",
        {"name": "lb1", "head": "Shop-EU/lb1", "expires": "2027-03-01T02:00:00+01:00"},
        AddToken("lb1", head=("shop-eu", "lb1"), expires=1803862800.0),
    ),
    ("token list", {}, ListTokens()),
    ("token remove bot", {"name": "bot"}, RemoveToken("bot")),
    (
        "record add failover.test 'www 300 IN A 192.0.2.1' '@ MX 10 Mail' --if-revision 7 "
        '--dry-run --reason "new site"',
        {
            "zone": "failover.test",
            "records": ["www 300 IN A 192.0.2.1", "@ MX 10 Mail"],
            "if_revision": 7,
            "dry_run": True,
            "reason": "new site",
        },
        StoreRecords(
            ZONE,
            (
                NewRecord(name("www.failover.test"), 1, 300, b"\xc0\0\2\1"),
                NewRecord(ZONE, 15, None, b"\0\x0a\4mail" + ZONE.wire),
            ),
            7,
            True,
            "new site",
        ),
    ),
    (
        "record remove failover.test www A 192.0.2.1 --if-revision 7 --dry-run --reason old",
        {
            "zone": "failover.test",
            "name": "www",
            "type": "A",
            "data": "192.0.2.1",
            "if_revision": 7,
            "dry_run": True,
            "reason": "old",
        },
        RemoveRecords(ZONE, name("www.failover.test"), 1, b"\xc0\0\2\1", 7, True, "old"),
    ),
    (
        "record remove failover.test @",
        {"zone": "failover.test", "name": "@"},
        RemoveRecords(ZONE, ZONE),
    ),
    ("record list", {}, ListRecords()),
    ("record list failover.test", {"zone": "failover.test"}, ListRecords(ZONE)),
]


def command_name(words: str) -> str:
    """Return the row that words belong to."""
    first = words.split(" ")[0]
    return first if first in ROWS else " ".join(words.split(" ")[:2])


@pytest.mark.parametrize(("words", "fields", "command"), COMMANDS, ids=[c[0] for c in COMMANDS])
def test_a_command_means_the_same_as_words_and_as_json(
    words: str, fields: Fields, command: Command
) -> None:
    """The history records the same request for both."""
    by_words = read_request(words.encode())
    request = {"command": command_name(words), **fields}
    by_json = read_request(json.dumps(request).encode())
    assert by_words.command == by_json.command == command
    assert by_words.given == by_json.given == request


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "switch shop --at 2027-01-15T09:00:00Z --wait-secondaries 5",
            "--wait-secondaries is for a switch now, not for one with --at",
        ),
        ("switch shop --pre-ttl 5", "--pre-ttl is for a planned switch: give its time with --at"),
        (
            "application set shop --check web --no-checks",
            "--check and --no-checks: choose one",
        ),
        ("health report shop up --ttl 0", "--ttl: 0: must be from 1 to 86400 seconds"),
        ("health report shop none", "up|down: must be 'up' or 'down', not 'none'"),
        ("flag on automation", "NAME: this flag has its own commands"),
        ("maintenance shop", "on|off is missing"),
        ("health force shop", "up|down|none is missing"),
    ],
)
def test_values_that_contradict_each_other_or_are_missing_are_refused(
    words: str, message: str
) -> None:
    """The message names the parameter."""
    with pytest.raises(Unreadable) as caught:
        read_request(words.encode())
    assert caught.value.refusal.code == "invalid"
    assert caught.value.refusal.message.startswith(message)


ACTIONS = {
    "health report",
    "certificate rotate-key",
    "backup",
    "querylog on",
    "querylog off",
    "restart",
    "zone notify",
}


READS = {
    "preflight",
    "status",
    "stats",
    "history",
    "watch",
    "whoami",
    "records",
    "application list",
    "group list",
    "explain",
    "rehearse",
    "plan list",
    "flag list",
    "health show",
    "certificate show",
    "certificate list",
    "certificate challenge-name",
    "querylog status",
    "zone list",
    "secondary list",
    "record list",
    "token list",
}


@pytest.mark.parametrize(("words", "command"), [(words, command) for words, _, command in COMMANDS])
def test_a_command_is_a_mutation_an_action_or_a_read_command(words: str, command: Command) -> None:
    """Only read commands may be repeated at will, as an HTTP GET may be."""
    name = command_name(words)
    assert isinstance(command, ReadCommand) == (name in READS)
    assert isinstance(command, Action) == (name in ACTIONS)
    assert isinstance(command, Mutation) == (name not in READS | ACTIONS)


_WHOLE = "cannot be used with --export or --verify: the chain covers the whole history"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("history --export --verify", "--export and --verify: choose one"),
        ("history shop --export --limit 5", f"GROUP {_WHOLE}; --limit {_WHOLE}"),
        ("history shop --verify", f"GROUP {_WHOLE}"),
        ("history --since 7", "--since needs --export"),
        ("history --verify --since 7", "--since needs --export"),
        (f"history --export --expect {'ab' * 32}", "--expect needs --verify"),
    ],
)
def test_history_refuses_options_that_do_not_belong_together(words: str, message: str) -> None:
    """No option is ignored silently."""
    with pytest.raises(Unreadable) as caught:
        read_request(words.encode())
    assert (caught.value.refusal.code, caught.value.refusal.message) == ("invalid", message)


def test_these_tests_use_every_command_and_parameter() -> None:
    """A new command or parameter makes this test fail until it is in `COMMANDS`."""
    tried: dict[str, set[str]] = {}
    for words, fields, _ in COMMANDS:
        tried.setdefault(command_name(words), set()).update(fields)
    tried["certificate install"] = {
        "application",
        "chain",
        "key",
    }  # tested below, because it takes files
    assert tried == {
        words: {p.name for p in row.parameters if not p.local} for words, row in ROWS.items()
    }


def test_certificate_install_takes_the_text_of_files_and_the_history_records_digests() -> None:
    """A private key must not be in the history; digests still distinguish files."""
    issued = make_authority().issue("www.shop.example")
    request = {"application": "shop-eu", "chain": issued.chain, "key": issued.key}
    read = read_request(json.dumps({"command": "certificate install", **request}).encode())
    assert isinstance(read.command, InstallCertificate)
    assert read.command.application == "shop-eu"
    assert read.command.facts.names == ("www.shop.example",)
    assert read.given == {
        "command": "certificate install",
        "application": "shop-eu",
        "chain": "sha256:" + sha256(issued.chain.encode()).hexdigest(),
        "key": "sha256:" + sha256(issued.key.encode()).hexdigest(),
    }
    assert issued.key not in repr(read)


def test_the_path_of_a_file_is_refused_on_the_socket() -> None:
    """The server does not read files for clients; the message says that the command line does."""
    with pytest.raises(Unreadable, match="the command line takes a file and reads it"):
        read_request(b"certificate install shop-eu --chain fullchain.pem --key privkey.pem")


@pytest.mark.parametrize("words", ["backup copy.db", '{"command": "backup", "file": "copy.db"}'])
def test_the_name_of_a_file_to_write_is_refused_on_the_socket(words: str) -> None:
    """The server does not write files for clients; the command line opens the file."""
    with pytest.raises(Unreadable, match="FILE is only for the command line"):
        read_request(words.encode())


@pytest.mark.parametrize(
    "row",
    [r for r in ROWS.values() if r.example and not any(p.file or p.local for p in r.parameters)],
    ids=lambda r: r.words,
)
def test_the_example_of_a_command_can_be_sent(row: object) -> None:
    """`--help` shows this example."""
    example = row.example  # type: ignore[attr-defined]
    assert read_request(example.encode()).given["command"] == row.words  # type: ignore[attr-defined]


FIRST_WORDS = [
    "switch",
    "preflight",
    "status",
    "history",
    "watch",
    "records",
    "application",
    "head",
    "group",
    "record",
    "explain",
    "rehearse",
    "maintenance",
    "plan",
    "automation",
    "flag",
    "health",
    "certificate",
    "zone",
    "secondary",
    "backup",
    "querylog",
    "stats",
    "token",
    "whoami",
    "restart",
]


def test_help_lists_the_most_used_commands_first() -> None:
    assert list(dict.fromkeys(words.split()[0] for words in ROWS)) == FIRST_WORDS


KNOWN = (
    "known: application, automation, backup, certificate, explain, flag, group, head, health, "
    "history, maintenance, plan, preflight, querylog, record, records, rehearse, restart, "
    "secondary, stats, status, switch, token, watch, whoami, zone"
)


UNKNOWN = [
    ("swich", "unknown command 'swich'; did you mean 'switch'?"),
    ("grup add", "unknown command 'grup add'; did you mean 'group add'?"),
    (
        "head",
        "unknown command 'head'; known: 'head add', 'head set', 'head rename', "
        "'head activate', 'head remove'",
    ),
    (
        "group ad",
        "unknown command 'group ad'; known: 'group add', 'group set', 'group rename', "
        "'group remove', 'group list'",
    ),
    (
        "xyzzy",
        "unknown command 'xyzzy'; " + KNOWN,
    ),
    (
        "",
        "unknown command; " + KNOWN,
    ),
    (
        "\x1b[2J",
        "unknown command; " + KNOWN,
    ),
    (
        "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg",
        "unknown command; " + KNOWN,
    ),
]


@pytest.mark.parametrize(("words", "message"), UNKNOWN)
def test_an_unknown_command_is_refused_with_a_hint_at_known_ones(words: str, message: str) -> None:
    """For a typing error the hint is the right word, for a missing verb the list of verbs."""
    with pytest.raises(Rejected) as refusal:
        find_row(words)
    assert (refusal.value.code, refusal.value.message) == ("unknown-command", message)
