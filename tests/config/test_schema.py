"""Faults of shape are found all at once, and told in words for operators."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Shown = Callable[[str | bytes], list[str]]
NS = "nameservers: {ns.example.net: }"
LISTEN = 'listen: ["127.0.0.1:53"]'


def zone(body: str) -> str:
    """A file whose zone has one more line, on line 4."""
    return f"zones:\n  a.test:\n    {NS}\n    {body}\n{LISTEN}\n"


def section(body: str) -> str:
    """A file with one more line, on line 4."""
    return f"zones:\n  a.test: {{{NS}}}\n{LISTEN}\n{body}\n"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "1:1 : empty; at least the keys zones and listen are needed"),
        ("- a\n", "1:1 : must be a mapping of keys to values, not a list"),
        ("hello\n", '1:1 : must be a mapping of keys to values, not the text "hello"'),
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
            '2:9 listen: must be a list, [..., ...], not the text "127.0.0.1:53"',
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
            zone("refresh: 60"),
            "4:5 zones.a.test.refresh: unknown key; the keys here are "
            "nameservers, contact, ttl, negative_ttl, records",
        ),
        (
            zone("contact: 5"),
            "4:14 zones.a.test.contact: must be text, not the number 5; put it in quotes",
        ),
        (
            zone("records: [true]"),
            "4:15 zones.a.test.records[0]: must be text, not true; put it in quotes",
        ),
        (zone("records: [[]]"), "4:15 zones.a.test.records[0]: must be text, not a list"),
        (
            zone('records: "x"'),
            '4:14 zones.a.test.records: must be a list, [..., ...], not the text "x"',
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
            "4:12 identity.name: unknown key; the keys here are id, version",
        ),
        (
            section("workers: -1"),
            "4:10 workers: must be auto or a whole number from 0 to 256, not the number -1",
        ),
    ],
)
def test_a_fault_is_told_where_it_stands(shown: Shown, text: str, error: str) -> None:
    assert shown(text) == [error]


def test_an_unquoted_mode_without_a_leading_zero_is_a_number(shown: Shown) -> None:
    assert shown(section("control: {mode: 660}")) == [
        "4:17 control.mode: must be text, not the number 660; put it in quotes"
    ]


@pytest.mark.parametrize("name", ["control", "state", "identity"])
def test_a_section_whose_keys_are_all_left_out_has_the_defaults(shown: Shown, name: str) -> None:
    assert shown(section(f"{name}:")) == []
    assert shown(section(f"{name}: {{}}")) == []


def test_no_records_may_be_written_as_nothing(shown: Shown) -> None:
    assert shown(zone("records:")) == []
    assert shown(zone("records: []")) == []


def test_a_refused_value_is_not_called_missing_too(shown: Shown) -> None:
    text = "zones: *x\nlisten: !!seq []\n"
    assert [error.split(" ")[0] for error in shown(text)] == ["1:8", "2:9"]
    assert [error.split(" ")[0] for error in shown("!x {}")] == ["1:1"]
