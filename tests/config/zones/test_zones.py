"""Origins, name servers, contact and TTLs of a zone must fit each other."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest

from failoverdns.config import ConfigError, ConfigErrors, load_config
from failoverdns.model.names import DomainName
from failoverdns.model.settings import Config
from failoverdns.model.zone import NameServer, Reveal, SOATimers, Zone

Load = Callable[[str | bytes], Config]
Errors = Callable[[str | bytes], list[ConfigError]]
Shown = Callable[[str | bytes], list[str]]


def file_of(*zones: str) -> str:
    """A file with these zones, the first on line 3."""
    return 'listen: ["127.0.0.1:53"]\nzones:\n' + "".join(f"  {zone}\n" for zone in zones)


def nameservers(entries: str) -> str:
    """A file whose zone has these name servers; the first is at column 26 of line 3."""
    return file_of(f"a.test: {{nameservers: {{{entries}}}}}")


def test_a_zone_has_defaults_for_everything_but_its_name_servers(load: Load) -> None:
    [zone] = load(nameservers("ns1: [192.0.2.53, '2001:db8::53'], ns.example.net.: ")).zones
    assert zone == Zone(
        origin=DomainName.from_text("a.test"),
        nameservers=(
            NameServer(
                DomainName.from_text("ns1.a.test"),
                (ip_address("192.0.2.53"), ip_address("2001:db8::53")),
            ),
            NameServer(DomainName.from_text("ns.example.net")),
        ),
        mailbox=DomainName.from_text("hostmaster.a.test"),
        ttl=60,
        negative_ttl=60,
        records=(),
    )


def test_the_first_name_server_is_the_primary_of_the_soa_record(load: Load) -> None:
    [zone] = load(nameservers("z: [192.0.2.1], a: [192.0.2.2]")).zones
    assert [server.name.to_text() for server in zone.nameservers] == ["z.a.test", "a.a.test"]


def test_zones_keep_the_order_of_the_file(load: Load) -> None:
    ns = "{nameservers: {ns.example.net: []}}"
    config = load(file_of(f"b.test: {ns}", f"A.test.: {ns}"))
    assert [zone.origin.to_text() for zone in config.zones] == ["b.test", "a.test"]


@pytest.mark.parametrize(
    ("ttls", "ttl", "negative_ttl"),
    [
        ("", 60, 60),
        ("ttl: 30", 30, 30),
        ("ttl: 0", 0, 0),
        ("ttl: 86400", 86400, 60),
        ("ttl: 300, negative_ttl: 300", 300, 300),
        ("negative_ttl: 5", 60, 5),
        ("ttl: 30, negative_ttl: 3600", 30, 3600),
        ("negative_ttl: 61", 60, 61),
    ],
)
def test_the_negative_ttl_is_at_most_the_ttl_unless_it_is_given(
    load: Load, ttls: str, ttl: int, negative_ttl: int
) -> None:
    [zone] = load(file_of(f"a.test: {{nameservers: {{ns.b.test: }}, {ttls}}}")).zones
    assert (zone.ttl, zone.negative_ttl) == (ttl, negative_ttl)


def test_records_take_the_ttl_of_the_zone(load: Load) -> None:
    [zone] = load(
        file_of("a.test: {nameservers: {ns.b.test: }, ttl: 30, records: [www A 192.0.2.1]}")
    ).zones
    assert [rrset.ttl for rrset in zone.records] == [30]


def test_the_contact_becomes_a_mailbox(load: Load) -> None:
    [zone] = load(
        file_of("a.test: {nameservers: {ns.b.test: }, contact: dns.team@example.net}")
    ).zones
    assert list(zone.mailbox.labels()) == [b"dns.team", b"example", b"net"]


NS = "{nameservers: {ns.example.net: }}"
LABEL = "use 1 to 63 letters, digits, '-' or '_', not beginning or ending with '-'"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            file_of(f".: {NS}"),
            ['3:3 zones..: "." cannot be a zone: the root is not allowed here'],
        ),
        (
            file_of(f"a..test: {NS}"),
            ['3:3 zones.a..test: "a..test" cannot be a zone: it has an empty label'],
        ),
        (
            file_of(f"a,b.test: {NS}"),
            [
                '3:3 zones."a,b.test": "a,b.test" cannot be a zone: its part \'a,b\' cannot be a '
                f"DNS label: {LABEL}"
            ],
        ),
        (
            file_of(f"a.test: {NS}", f"b.test: {NS}", f"A.Test.: {NS}"),
            ["5:3 zones.A.Test.: the zone a.test is given twice; the first time on line 3"],
        ),
        (
            file_of(f"x.y.a.test: {NS}", f"a.test: {NS}"),
            [
                "3:3 zones.x.y.a.test: x.y.a.test is inside the zone a.test of this file; "
                "zones inside each other are not supported"
            ],
        ),
        (
            file_of(f"{'.'.join(['x' * 60] * 4)}: {NS}"),
            [
                f"3:3 zones.{'.'.join(['x' * 60] * 4)}: is 245 bytes long; "
                "at most 183 leave room for the names of groups and applications in it"
            ],
        ),
        (
            nameservers("ns1: []"),
            [
                "3:26 zones.a.test.nameservers.ns1: ns1.a.test is inside the zone, so it needs an "
                'address, such as "192.0.2.53"'
            ],
        ),
        (
            nameservers("ns1.a.test: "),
            [
                "3:26 zones.a.test.nameservers.ns1.a.test: ns1.a.test is inside the zone, so it "
                'needs an address, such as "192.0.2.53"'
            ],
        ),
        (
            nameservers("ns.b.test: [192.0.2.1]"),
            [
                "3:26 zones.a.test.nameservers.ns.b.test: ns.b.test is outside the zone a.test, so "
                "its addresses are not served here; leave them out (a name with a dot is "
                "taken as absolute)"
            ],
        ),
        (
            nameservers("ns1: [192.0.2.1], NS1.a.test.: [192.0.2.2]"),
            [
                "3:44 zones.a.test.nameservers.NS1.a.test.: the name server ns1.a.test is given "
                "twice"
            ],
        ),
        (
            nameservers("ns1: [192.0.2.1, 192.0.2.1]"),
            ["3:43 zones.a.test.nameservers.ns1[1]: the address 192.0.2.1 is given twice"],
        ),
        (
            nameservers("_status: [192.0.2.1]"),
            ["3:26 zones.a.test.nameservers._status: names that begin with _status are reserved"],
        ),
        (
            nameservers("'**': [192.0.2.1]"),
            [
                "3:26 zones.a.test.nameservers.**: \"**\" cannot be a name server: its part '**' "
                f"cannot be a DNS label: {LABEL}"
            ],
        ),
    ],
)
def test_an_error_in_a_zone_is_reported_with_its_position(
    shown: Shown, text: str, expected: list[str]
) -> None:
    assert shown(text) == expected


def test_a_refused_value_causes_no_second_error(shown: Shown) -> None:
    text = file_of("a.test: {nameservers: {ns1: [192.0.2.x]}, ttl: '5', negative_ttl: 3600}")
    assert [error.split(" ")[1] for error in shown(text)] == [
        "zones.a.test.nameservers.ns1[0]:",
        "zones.a.test.ttl:",
    ]


@pytest.mark.parametrize(
    ("soa", "expected"),
    [
        ("", SOATimers(14400, 3600, 1209600)),
        ("soa: ", SOATimers(14400, 3600, 1209600)),
        ("soa: {retry: 600}", SOATimers(14400, 600, 1209600)),
        ("soa: {refresh: 300, retry: 60, expire: 604800}", SOATimers(300, 60, 604800)),
    ],
)
def test_the_timers_of_the_soa_record_can_be_set_one_by_one(
    load: Load, soa: str, expected: SOATimers
) -> None:
    config = load(file_of(f"a.test: {{nameservers: {{ns.b.test: }}, {soa}}}"))
    assert config.zones[0].soa == expected
    assert config.warnings == ()


def test_a_zone_may_be_a_part_of_a_reverse_zone(load: Load, errors: Errors) -> None:
    """RFC 2317 section 4 names it with a slash."""
    text = '"0/25.2.0.192.in-addr.arpa": {nameservers: {ns1: [192.0.2.1]}}'
    [zone] = load(file_of(text)).zones
    assert zone.origin.to_text() == "0/25.2.0.192.in-addr.arpa"
    [error] = errors(file_of(text.replace("0/25", "a/b")))
    assert "its part 'a/b' cannot be a DNS label" in error.message


def test_an_asterisk_in_the_name_of_a_zone_or_server_is_warned_of(load: Load) -> None:
    """Other servers load such zones, too."""
    config = load(file_of("x.*.test: {nameservers: {'*': [192.0.2.1]}}"))
    assert [zone.origin.to_text() for zone in config.zones] == ["x.*.test"]
    assert [warning.split(": ", 1)[1] for warning in config.warnings] == [
        'warning: zones.x.*.test: x.*.test has the label "*", which stands for no other name here',
        "warning: zones.x.*.test.nameservers.*: "
        '*.x.*.test has the label "*", which stands for no other name here',
    ]


@pytest.mark.parametrize(
    ("records", "count"), [("", 1), ("ns A 192.0.2.1", 0), ("ns AAAA ::1", 0), ("ns TXT x", 1)]
)
def test_a_name_server_in_another_zone_of_the_file_without_address_is_warned_of(
    load: Load, records: str, count: int
) -> None:
    a = "a.test: {nameservers: {ns.b.test: , ns.c.example: }}"
    b = f"b.test: {{nameservers: {{ns1: [192.0.2.1]}}, records: [{records}]}}"
    text = "ns.b.test is in the zone b.test of this file and has no address in the configuration"
    assert [warning.split(": ", 3)[3] for warning in load(file_of(a, b)).warnings] == [text] * count


@pytest.mark.parametrize(
    ("reveal", "expected"),
    [
        ("", Reveal(sides=True, status=True)),
        ("reveal: ", Reveal(sides=True, status=True)),
        ("reveal: true", Reveal(sides=True, status=True)),
        ("reveal: false", Reveal(sides=False, status=False)),
        ("reveal: {sides: false}", Reveal(sides=False, status=True)),
        ("reveal: {status: false}", Reveal(sides=True, status=False)),
    ],
)
def test_the_names_of_sides_and_of_the_status_can_be_hidden(
    load: Load, reveal: str, expected: Reveal
) -> None:
    [zone] = load(file_of(f"a.test: {{nameservers: {{ns.b.test: }}, {reveal}}}")).zones
    assert zone.reveal == expected


@pytest.mark.parametrize(
    ("reveal", "error"),
    [
        (
            "no",
            "must be true or false, or a mapping with the keys sides and status, "
            'not the text "no"; write false',
        ),
        ("{sides: 'yes'}", '.sides: must be true or false, not the text "yes"; write true'),
        ("{labels: false}", ".labels: unknown key; the keys here are sides, status"),
    ],
)
def test_a_wrong_word_in_reveal_is_reported(shown: Shown, reveal: str, error: str) -> None:
    [found] = shown(file_of(f"a.test: {{nameservers: {{ns.b.test: }}, reveal: {reveal}}}"))
    assert found.endswith(error)


@pytest.mark.parametrize(
    ("soa", "key", "words"),
    [
        ("{refresh: 600, retry: 600}", "retry", "retry is 600, which is not below refresh, 600:"),
        ("{refresh: 1800}", "soa", "retry is 3600, which is not below refresh, 1800:"),
        ("{expire: 18000}", "expire", "expire is 18000, which is not above refresh + retry, 18000"),
        (
            "{refresh: 1209600}",
            "soa",
            "expire is 1209600, which is not above refresh + retry, 12132",
        ),
    ],
)
def test_timers_with_which_secondaries_work_badly_are_warned_of_and_used(
    load: Load, soa: str, key: str, words: str
) -> None:
    """RFC 1912 section 2.2; other servers load them too."""
    config = load(file_of(f"a.test: {{nameservers: {{ns.b.test: }}, soa: {soa}}}"))
    [warning] = config.warnings
    path = "zones.a.test.soa" if key == "soa" else f"zones.a.test.soa.{key}"
    assert f"warning: {path}: {words}" in warning
    assert warning.startswith(f"{config.file}:3:")


def test_every_zone_is_checked_even_if_others_have_errors(shown: Shown) -> None:
    text = file_of(
        "a.test: {nameservers: {ns1: 5}, records: [x CNAME, y A 192.0.2.1]}",
        "a.test.: {nameservers: {ns1: []}}",
        "b.test: {nameservers: [], contact: x, records: [{}, z MX 10]}",
    )
    assert [error.split(" ")[:2] for error in shown(text)] == [
        ["3:31", "zones.a.test.nameservers.ns1:"],
        ["3:45", "zones.a.test.records[0]:"],
        ["4:3", "zones.a.test.:"],
        ["4:27", "zones.a.test..nameservers.ns1:"],
        ["5:25", "zones.b.test.nameservers:"],
        ["5:38", "zones.b.test.contact:"],
        ["5:51", "zones.b.test.records[0]:"],
        ["5:55", "zones.b.test.records[1]:"],
    ]


def test_zone_files_are_read_with_the_records_of_the_configuration(
    load: Load, errors: Errors, tmp_path: Path
) -> None:
    """A path is relative to the configuration's folder, and conflicts name both places."""
    text = (
        "zones:\n  a.test:\n    nameservers: {ns1: [192.0.2.53]}\n"
        '    records: ["www CNAME b"]\n    records_files: [zones/a.zone, zones/a.zone]\n'
        'listen: ["127.0.0.1:53"]\n'
    )
    tmp_path.joinpath("zones").mkdir()
    file = tmp_path / "zones" / "a.zone"
    file.write_text("mail A 192.0.2.1\n")
    (zone,) = load(text.replace(", zones/a.zone", "")).zones
    assert [rrset.owner.to_text() for rrset in zone.records] == ["www.a.test", "mail.a.test"]
    file.write_text("mail A 192.0.2.1\nwww TXT x\nmail A 192.0.2.1\n")
    found = [f"{Path(e.file).name}:{e.line} {e.message}" for e in errors(text)]
    assert found[0] == "failoverdns.yaml:5 the file zones/a.zone is given twice"
    assert f"a.zone:3 this A record is given twice; the first time on line 1 of {file}" in found
    assert "a.zone:2 www.a.test has a CNAME (line 4), so it can have no other record" in found


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ("", "the zone files have more than 16 MiB together; raise `zone_files.max_size`"),
        ("zone_files: {max_size: 17}\n", ""),
        (
            "zone_files: {max_size: 17, max_records: 1}\n",
            "more than 1 records in the files of a zone; raise `zone_files.max_records`",
        ),
    ],
)
def test_the_limits_of_zone_files_are_settings(tmp_path: Path, limits: str, message: str) -> None:
    """A file over the default is read if the configuration says so."""
    text = b"a A 192.0.2.1\nb A 192.0.2.1\n"
    tmp_path.joinpath("z").write_bytes(text + b";" * (16 * 1024 * 1024))
    file = tmp_path / "f.yaml"
    zone = "a.test: {nameservers: {ns.example.net: []}, records_files: [z]}"
    file.write_text(f'zones: {{{zone}}}\nlisten: ["127.0.0.1:5300"]\n{limits}')
    try:
        (found,) = load_config(file).zones
        said = ""
        assert len(found.static.by_owner) == 2
    except ConfigErrors as faults:
        (said,) = (error.message for error in faults.errors)
    assert said == message
