"""Errors of shape are all found at once, and reported in words for operators."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Shown = Callable[[str | bytes], list[str]]
NS = "nameservers: {ns.example.net: }"
LISTEN = 'listen: ["127.0.0.1:53"]'


def zone(body: str) -> str:
    """A file whose zone has one additional line, line 4."""
    return f"zones:\n  a.test:\n    {NS}\n    {body}\n{LISTEN}\n"


def section(body: str) -> str:
    """A file with one additional line, line 4."""
    return f"zones:\n  a.test: {{{NS}}}\n{LISTEN}\n{body}\n"


def delivery(entry: str) -> str:
    """A file with a complete delivery and one additional line in it, line 9."""
    keys = ("listen: ['127.0.0.1:8443']", "certificate: a", "key: b", "client_ca: c")
    clients = "" if entry.startswith("clients") else "\n  clients: {}"
    return section("delivery:\n  " + "\n  ".join(keys) + f"\n  {entry}{clients}")


def hook(entry: str) -> str:
    """A file with a complete hook and one additional line in it, line 7."""
    events = "" if entry.startswith("events") else "\n    events: [switch]"
    run = "\n    attempts: 1" if entry.startswith("run") else "\n    run: [/bin/true]"
    return section(f"hooks:\n  told:{run}\n    {entry}{events}")


def acme(entry: str) -> str:
    """A file with complete settings of issuing and one additional line in it, line 7."""
    terms = "contact: []" if entry.startswith("accept") else "accept_terms: true"
    directory = "ca_file: null" if entry.startswith("directory") else "directory: letsencrypt"
    return section(f"acme:\n  {terms}\n  {directory}\n  {entry}")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "1:1 : empty; at least the keys zones and listen are needed"),
        ("- a\n", "1:1 : must be a mapping of keys to values, not a list"),
        ("hello\n", "1:1 : must be a mapping of keys to values, not a single value"),
        (
            LISTEN,
            '1:1 zones: missing; give at least one zone, such as "failover.example"',
        ),
        (
            f"zones: {{}}\n{LISTEN}\n",
            '1:8 zones: empty; give at least one zone, such as "failover.example"',
        ),
        (f"zones:\n{LISTEN}\n", "1:7 zones: must be a mapping of keys to values, not nothing"),
        (
            f"\nzones: {{a.test: {{{NS}}}}}\n",
            '2:1 listen: missing; give at least one address, such as "0.0.0.0:53"',
        ),
        (
            f"zones: {{a.test: {{{NS}}}}}\nlisten: []\n",
            '2:9 listen: empty; give at least one address, such as "0.0.0.0:53"',
        ),
        (
            f"zones: {{a.test: {{{NS}}}}}\nlisten: 127.0.0.1:53\n",
            '2:9 listen: must be a list, [..., ...], not the text "127.0.0.1:53"; write '
            '["127.0.0.1:53"]',
        ),
        (
            f"zones:\n  a.test:\n    ttl: 60\n{LISTEN}\n",
            '3:5 zones.a.test.nameservers: missing; name at least one, such as "ns1: [192.0.2.53]"',
        ),
        (
            f"zones:\n  a.test:\n    nameservers: {{}}\n{LISTEN}\n",
            '3:18 zones.a.test.nameservers: empty; name at least one, such as "ns1: [192.0.2.53]"',
        ),
        (
            f"zones:\n  a.test:\n{LISTEN}\n",
            "2:10 zones.a.test: must be a mapping of keys to values, not nothing",
        ),
        (
            zone('ttl: "60"'),
            '4:10 zones.a.test.ttl: must be a whole number, not the text "60"; '
            "leave the quotes out",
        ),
        (zone("ttl: yes"), '4:10 zones.a.test.ttl: must be a whole number, not the text "yes"'),
        (zone("ttl: true"), "4:10 zones.a.test.ttl: must be a whole number, not true"),
        (zone("ttl: 1.5"), '4:10 zones.a.test.ttl: must be a whole number, not the text "1.5"'),
        (zone("ttl:"), "4:9 zones.a.test.ttl: must be a whole number, not nothing"),
        (zone("ttl: 86401"), "4:10 zones.a.test.ttl: must be at most 86400, not 86401"),
        (zone("ttl: -1"), "4:10 zones.a.test.ttl: must be at least 0, not -1"),
        (
            zone("negative_ttl: -1"),
            "4:19 zones.a.test.negative_ttl: must be at least 0, not -1",
        ),
        (zone("tll: 60"), '4:5 zones.a.test.tll: unknown key; did you mean "ttl"?'),
        (
            zone("colour: 60"),
            "4:5 zones.a.test.colour: unknown key; the keys here are "
            "nameservers, contact, ttl, negative_ttl, records, records_files, alias, soa, reveal, "
            "secondaries, updates",
        ),
        (
            zone("contact: 5"),
            '4:14 zones.a.test.contact: "5" is not a mail address; write one such as '
            "hostmaster@failover.example",
        ),
        (
            zone("records: [true]"),
            "4:15 zones.a.test.records[0]: must be text, not true; put it in quotes",
        ),
        (zone("records: [[]]"), "4:15 zones.a.test.records[0]: must be text, not a list"),
        (
            zone('records: "x"'),
            '4:14 zones.a.test.records: must be a list, [..., ...], not the text "x"; write ["x"]',
        ),
        (section("state: [x]"), "4:8 state: must be a mapping of keys to values, not a list"),
        (section("state: {sqlit: x}"), '4:9 state.sqlit: unknown key; did you mean "sqlite"?'),
        (section("stat: {}"), '4:1 stat: unknown key; did you mean "state"?'),
        (
            section("control: {socket: 5}"),
            "4:19 control.socket: must be text, not the number 5; put it in quotes",
        ),
        (
            section("identity: {name: x}"),
            "4:12 identity.name: unknown key; the keys here are id, version, nsid",
        ),
        (
            section("workers: -1"),
            "4:10 workers: must be auto or a whole number from 0 to 256, not the number -1",
        ),
    ],
)
def test_an_error_is_reported_with_its_position(shown: Shown, text: str, error: str) -> None:
    assert shown(text) == [error]


TERMS = "by this you accept the CA's terms of service, without which it issues nothing"
DIRECTORIES = "write letsencrypt, letsencrypt-staging or an https:// URL"
LABEL = "use 1 to 63 letters, digits, '-' or '_', not beginning or ending with '-'"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            section("certificates: {keyfile: x}"),
            ['4:16 certificates.keyfile: unknown key; did you mean "key_file"?'],
        ),
        (
            section("certificates: {folder: x}"),
            ["4:16 certificates.folder: unknown key; the keys here are key_file"],
        ),
        (
            section("certificates: {key_file: 5}"),
            ["4:26 certificates.key_file: must be text, not the number 5; put it in quotes"],
        ),
        (
            section("certificates: {key_file: ''}"),
            ["4:26 certificates.key_file: must be the path of a file"],
        ),
        (
            section("certificates: []"),
            ["4:15 certificates: must be a mapping of keys to values, not a list"],
        ),
        (
            section("delivery: {}"),
            [
                "4:11 delivery.certificate: missing; give the path of the server's own chain, PEM",
                "4:11 delivery.client_ca: missing; give the path of the CA that signs client "
                "certificates, PEM",
                '4:11 delivery.clients: missing; name them, as in "web1.internal: [shop-eu]"',
                "4:11 delivery.key: missing; give the path of the server's own private key, PEM",
                "4:11 delivery.listen: missing; give at least one address, "
                'such as "192.0.2.53:8443"',
            ],
        ),
        (
            section("delivery: true"),
            ["4:11 delivery: must be a mapping of keys to values, not true"],
        ),
        (delivery("client: {}"), ['9:3 delivery.client: unknown key; did you mean "clients"?']),
        (
            delivery("colour: 8443"),
            [
                "9:3 delivery.colour: unknown key; the keys here are "
                "listen, certificate, key, client_ca, clients, client_crl, revoked"
            ],
        ),
        (
            delivery("key: c"),
            ['9:3 delivery.key: the key "key" is given twice; the first time on line 7'],
        ),
        *(
            (
                section(f"delivery: {{{others}, {key}: ''}}"),
                [f"4:{14 + len(others + key) + 2} delivery.{key}: must be the path of a file"],
            )
            for key, others in (
                ("certificate", "listen: ['127.0.0.1:0'], clients: {}, key: k, client_ca: c"),
                ("key", "listen: ['127.0.0.1:0'], clients: {}, certificate: c, client_ca: c"),
                ("client_ca", "listen: ['127.0.0.1:0'], clients: {}, certificate: c, key: k"),
            )
        ),
        (
            delivery("clients:"),
            ["9:11 delivery.clients: must be a mapping of keys to values, not nothing"],
        ),
        (
            delivery("clients: [web1.test]"),
            ["9:12 delivery.clients: must be a mapping of keys to values, not a list"],
        ),
        (
            delivery("clients: {web1.test: shop}"),
            [
                '9:24 delivery.clients.web1.test: must be a list, [..., ...], not the text "shop"; '
                'write ["shop"]'
            ],
        ),
        (
            delivery("clients: {web1.test: [shop.eu, 5, shop]}"),
            [
                "9:25 delivery.clients.web1.test[0]: application 'shop.eu' cannot be a DNS label: "
                + LABEL,
                "9:34 delivery.clients.web1.test[1]: must be text, not the number 5; "
                "put it in quotes",
            ],
        ),
        (
            delivery("clients: {web1.test: [*]}"),
            [
                "9:26 : not valid YAML: while scanning an alias, expected alphabetic or numeric "
                "character, but found ']'; quote what begins with an asterisk, such as \"*\""
            ],
        ),
        (section("hooks: [x]"), ["4:8 hooks: must be a mapping of keys to values, not a list"]),
        (
            section("hooks: {told: }"),
            ["4:14 hooks.told: must be a mapping of keys to values, not nothing"],
        ),
        (section("hook: {}"), ['4:1 hook: unknown key; did you mean "hooks"?']),
        (
            section("hooks: {told: {events: [role]}}"),
            [
                "4:15 hooks.told.run: missing; give the path of a program, as in "
                "[/usr/local/bin/program]"
            ],
        ),
        (
            hook("run: []"),
            [
                "7:10 hooks.told.run: empty; give the path of a program, "
                "as in [/usr/local/bin/program]"
            ],
        ),
        (hook("run: ''"), ["7:10 hooks.told.run: must be the path of a file"]),
        (
            hook("run: [true, x, 5]"),
            [
                "7:11 hooks.told.run[0]: must be text, not true; put it in quotes",
                "7:20 hooks.told.run[2]: must be text, not the number 5; put it in quotes",
            ],
        ),
        (
            hook("run: {program: x}"),
            ["7:10 hooks.told.run: must be a list, [..., ...], not a mapping"],
        ),
        (hook("event: [role]"), ['7:5 hooks.told.event: unknown key; did you mean "events"?']),
        (
            hook("user: root"),
            [
                "7:5 hooks.told.user: unknown key; the keys here are "
                "run, events, applications, timeout, attempts, before_switch"
            ],
        ),
        (
            hook("events: [switches, reboot]"),
            [
                '7:14 hooks.told.events[0]: "switches" is not an event; did you mean "switch"?',
                '7:24 hooks.told.events[1]: "reboot" is not an event; '
                "write certificate or switch or role or health or refused or secondary-behind or "
                "secondary-in-step",
            ],
        ),
        (
            hook("events: switch"),
            [
                '7:13 hooks.told.events: must be a list, [..., ...], not the text "switch"; write '
                '["switch"]'
            ],
        ),
        (
            hook("applications:"),
            ["7:18 hooks.told.applications: must be a list, [..., ...], not nothing"],
        ),
        (
            hook("applications: ['*']"),
            [
                "7:20 hooks.told.applications[0]: application '*' cannot be a DNS label: " + LABEL,
            ],
        ),
        (hook("timeout: 0"), ["7:14 hooks.told.timeout: must be at least 1, not 0"]),
        (hook("timeout: 3601"), ["7:14 hooks.told.timeout: must be at most 3600, not 3601"]),
        (
            hook("timeout: 60s"),
            [
                '7:14 hooks.told.timeout: must be a whole number, not the text "60s"; '
                "write 60, in seconds"
            ],
        ),
        (hook("attempts: 0"), ["7:15 hooks.told.attempts: must be at least 1, not 0"]),
        (hook("attempts: 21"), ["7:15 hooks.told.attempts: must be at most 20, not 21"]),
        (
            hook("before_switch: true"),
            [
                "7:20 hooks.told.before_switch: must be required, not true; "
                "leave it out if a switch need not wait for this"
            ],
        ),
        (
            section("acme: {}"),
            [
                f"4:7 acme.accept_terms: missing; write true: {TERMS}",
                f"4:7 acme.directory: missing; {DIRECTORIES}",
            ],
        ),
        (
            acme("email: x"),
            [
                "7:3 acme.email: unknown key; the keys here are directory, accept_terms, contact, "
                "key_type, profile, ca_file, external_account"
            ],
        ),
        (acme("contacts: []"), ['7:3 acme.contacts: unknown key; did you mean "contact"?']),
        (
            acme("accept_terms: false"),
            [f"7:17 acme.accept_terms: must be true, not false: {TERMS}"],
        ),
        (
            acme("accept_terms: yes"),
            [f'7:17 acme.accept_terms: must be true, not the text "yes": {TERMS}'],
        ),
        (
            acme("directory: http://ca.test/directory"),
            [
                '7:14 acme.directory: "http://ca.test/directory" can be forged on the way, as all '
                f"http:// can; {DIRECTORIES}"
            ],
        ),
        (acme("directory:"), ["7:13 acme.directory: must be text, not nothing"]),
        (
            acme("contact: me@ca.test"),
            [
                '7:12 acme.contact: must be a list, [..., ...], not the text "me@ca.test"; write '
                '["me@ca.test"]'
            ],
        ),
        (
            acme("contact: [me]"),
            [
                '7:13 acme.contact[0]: "me" is not a mail address; '
                "write one such as hostmaster@failover.example"
            ],
        ),
        (
            acme("key_type: ec265"),
            ['7:13 acme.key_type: "ec265" is not a type of keys; did you mean "ec256"?'],
        ),
        (
            acme("profile: ''"),
            ['7:12 acme.profile: "" cannot be right; it must be one line of printable ASCII'],
        ),
        (acme("ca_file: [x]"), ["7:12 acme.ca_file: must be text, not a list"]),
        (
            acme("external_account: {}"),
            [
                "7:21 acme.external_account.hmac_key_file: missing; give the path of a file with "
                "the key that the CA gave you, as base64url text",
                "7:21 acme.external_account.key_id: missing; the CA gives it to you",
            ],
        ),
        (
            acme("external_account: {key_id: 5, hmac_key: x, hmac_key_file: y}"),
            [
                "7:30 acme.external_account.key_id: must be text, not the number 5; "
                "put it in quotes",
                '7:33 acme.external_account.hmac_key: unknown key; did you mean "hmac_key_file"?',
            ],
        ),
    ],
)
def test_an_error_in_the_settings_for_certificates_is_reported_with_its_position(
    shown: Shown, text: str, expected: list[str]
) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize("name", ["delivery", "acme", "hooks", "certificates"])
def test_an_optional_section_may_be_empty(shown: Shown, name: str) -> None:
    assert shown(section(f"{name}:")) == []


@pytest.mark.parametrize("key", ["contact", "profile", "ca_file", "external_account"])
def test_a_key_that_is_null_by_default_may_be_written_as_null(shown: Shown, key: str) -> None:
    assert shown(acme(f"{key}:")) == []


def test_an_unquoted_mode_without_a_leading_zero_is_a_number(shown: Shown) -> None:
    assert shown(section("control: {mode: 660}")) == [
        "4:17 control.mode: must be text, not the number 660; put it in quotes"
    ]


@pytest.mark.parametrize("name", ["control", "state", "identity"])
def test_an_empty_section_has_the_defaults(shown: Shown, name: str) -> None:
    assert shown(section(f"{name}:")) == []
    assert shown(section(f"{name}: {{}}")) == []


def test_the_records_of_a_zone_may_be_empty(shown: Shown) -> None:
    assert shown(zone("records:")) == []
    assert shown(zone("records: []")) == []


def test_a_refused_value_is_not_also_reported_as_missing(shown: Shown) -> None:
    text = "zones: *x\nlisten: !!seq []\n"
    assert [error.split(" ")[0] for error in shown(text)] == ["1:8", "2:9"]
    assert [error.split(" ")[0] for error in shown("!x {}")] == ["1:1"]
