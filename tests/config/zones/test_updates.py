"""Who may change what of a zone by dynamic update."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from samples import name

from failoverdns.config.zones.updates import MAX_SCOPES, name_pattern, updated_type
from failoverdns.model.errors import Malformed
from failoverdns.model.settings import Config
from failoverdns.model.zone import UpdateScope

Load = Callable[[str | bytes], Config]
Shown = Callable[[str | bytes], list[str]]

FILE = """\
zones:
  a.test:
    nameservers: {ns.example.net: []}
    updates:
%s
listen: ["127.0.0.1:5300"]
tsig_keys: {acme.test: {secret_file: a}, dns.test: {secret_file: b}}
"""
"""Updates begin on line 5."""


def entries(*lines: str) -> str:
    """A file with entries of `updates`, each on a line of its own."""
    return FILE % "\n".join(f"      - {{{line}}}" for line in lines)


ACME = 'key: acme.test, names: ["_acme-challenge.*"], types: [TXT]'


def test_scopes_are_read_in_the_order_of_the_file(load: Load) -> None:
    """A key may have several; names of types and patterns have any case."""
    text = entries(
        'key: Acme.test., names: ["_ACME-challenge", "_acme-challenge.*"], types: [txt]',
        'key: dns.test, names: ["*", "@"], types: [A, AAAA, TYPE65280]',
        "key: dns.test, heads: [Shop-EU, shop-us]",
        'key: dns.test, names: [www], types: [ANY], heads: ["5"]',
    )
    acme, dns = name("acme.test"), name("dns.test")
    assert load(text).zones[0].updates == (
        UpdateScope(acme, ("_acme-challenge", "_acme-challenge.*"), frozenset((16,))),
        UpdateScope(dns, ("*", "@"), frozenset((1, 28, 65280))),
        UpdateScope(dns, heads=("shop-eu", "shop-us")),
        UpdateScope(dns, ("www",), frozenset((255,)), ("5",)),
    )


@pytest.mark.parametrize("line", ["updates: []", "updates:", ""])
def test_without_entries_nobody_may_update_a_zone(load: Load, line: str) -> None:
    assert load((FILE % "").replace("    updates:\n", f"    {line}\n")).zones[0].updates == ()


@pytest.mark.parametrize(
    "text", ["@", "*", "www", "*.dev", "_acme-challenge.*", "a*b", "0/25", "x.y.z", "a" * 63]
)
def test_a_pattern_matches_names_below_the_origin(text: str) -> None:
    assert name_pattern(text.upper()) == text.lower()


@pytest.mark.parametrize("text", ["", " ", "a b", "www..x", ".www", "wë", "a" * 256, "a\\.b", "@."])
def test_text_that_matches_no_name_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="cannot match a name; write one such as"):
        name_pattern(text)


def test_only_the_asterisk_is_a_wildcard() -> None:
    with pytest.raises(Malformed, match=r"has a \?, which matches nothing; only \* is a wildcard"):
        name_pattern("www?")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("*", '"*" is not a record type; write ANY for every type'),
        ("SOA", "SOA records are made by the server; leave it out"),
        ("RRSIG", "RRSIG, NSEC and NSEC3 records are made by signing; leave it out"),
        ("nsec3", "RRSIG, NSEC and NSEC3 records are made by signing; leave it out"),
        ("DNAME", "DNAME records are not supported; leave it out"),
        ("AXFR", "AXFR is for messages only; it is not allowed in a zone"),
        ("TSIG", "TSIG is for messages only"),
        ("OPT", "OPT is for messages only"),
        ("TYPE250", "TYPE250 is for messages only"),
        ("TXTT", '"TXTT" is not a record type; did you mean TXT?'),
        ("TYPE65536", '"TYPE65536" is not a record type'),
        ("ALIAS", "ALIAS is not a DNS record type: for the zone's own name write"),
    ],
)
def test_a_type_that_no_update_can_change_is_refused(text: str, message: str) -> None:
    with pytest.raises(Malformed) as refusal:
        updated_type(text)
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            ['key: acm.test, names: ["*"], types: [TXT]'],
            ['5:15 zones.a.test.updates[0].key: "acm.test" is not a key of tsig_keys; did you me'],
        ),
        (
            ['names: ["*"], types: [TXT]'],
            ["5:9 zones.a.test.updates[0].key: missing; name one of tsig_keys"],
        ),
        (
            ["key: acme.test"],
            ["5:9 zones.a.test.updates[0].names: missing; name what the key may change, as in nam"],
        ),
        (
            ['key: acme.test, names: ["*"]'],
            ["5:9 zones.a.test.updates[0].types: missing; name the types, as in [A, AAAA], or wri"],
        ),
        (
            ["key: acme.test, types: [TXT]"],
            ['5:9 zones.a.test.updates[0].names: missing; name patterns, as in ["_acme-challenge.'],
        ),
        (
            ["key: acme.test, types: [TXT], heads: [shop]"],
            ["5:9 zones.a.test.updates[0].names: missing; name patterns"],
        ),
        (
            ["key: acme.test, names: [], types: [TXT]"],
            ["5:33 zones.a.test.updates[0].names: empty; leave it out, or name at least one"],
        ),
        (
            ["key: acme.test, heads: []"],
            ["5:33 zones.a.test.updates[0].heads: empty; leave it out, or name at least one"],
        ),
        (
            ["key: acme.test, names: [www, WWW], types: [A, a], heads: [x, X]"],
            [
                "5:39 zones.a.test.updates[0].names[1]: the name www is given twice",
                "5:56 zones.a.test.updates[0].types[1]: the type a is given twice",
                "5:71 zones.a.test.updates[0].heads[1]: the head x is given twice",
            ],
        ),
        (
            ["key: acme.test, names: [www], types: [A, ANY]"],
            ["5:51 zones.a.test.updates[0].types[1]: ANY stands for every type; leave the others"],
        ),
        (
            ["key: acme.test, names: [www.a.test, A.test., www., xa.test], types: [A]"],
            [
                "5:34 zones.a.test.updates[0].names[0]: patterns are relative to the zone a.test; "
                'write "www"',
                "5:46 zones.a.test.updates[0].names[1]: patterns are relative to the zone a.test; "
                'write "@"',
                '5:55 zones.a.test.updates[0].names[2]: "www." ends with a dot, so it is not in',
            ],
        ),
        ([ACME, ACME], ["6:9 zones.a.test.updates[1]: is given twice; the first time on line 5"]),
        (
            ["key: acme.test, nams: [www], types: [A]"],
            [
                "5:9 zones.a.test.updates[0].names: missing",
                '5:26 zones.a.test.updates[0].nams: unknown key; did you mean "names"?',
            ],
        ),
        (
            ["key: acme.test, names: [5], types: [A]"],
            ["5:34 zones.a.test.updates[0].names[0]: must be text, not the number 5; put it in"],
        ),
        (
            ["key: acme.test, names: [www], types: [A], heads: [a.b]"],
            ["5:60 zones.a.test.updates[0].heads[0]: application 'a.b' cannot be a DNS label"],
        ),
    ],
)
def test_a_fault_of_an_entry_is_reported_at_its_place(
    shown: Shown, lines: list[str], expected: list[str]
) -> None:
    found = shown(entries(*lines))
    assert len(found) == len(expected), found
    for fault, start in zip(found, expected, strict=True):
        assert fault.startswith(start)


def test_a_list_of_entries_is_needed(shown: Shown) -> None:
    text = (FILE % "").replace("    updates:\n", "    updates: {key: acme.test}\n")
    assert shown(text) == [
        "4:14 zones.a.test.updates: must be a list, [..., ...], not a mapping",
    ]


def test_there_is_a_limit_on_entries(shown: Shown) -> None:
    lines = [f"key: acme.test, heads: [a{number}]" for number in range(MAX_SCOPES + 1)]
    assert shown(entries(*lines[1:])) == []
    assert shown(entries(*lines)) == [
        "5:7 zones.a.test.updates: has 1001 entries; at most 1000 are allowed"
    ]
