"""The alias of a zone must fit the records at its origin, and must be resolvable."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from failoverdns.model.names import DomainName
from failoverdns.model.settings import Config

Load = Callable[[str | bytes], Config]
Shown = Callable[[str | bytes], list[str]]

FILE = """\
listen: ["127.0.0.1:53"]
resolvers: {resolvers}
zones:
  a.test:
    nameservers: {{ns1: [192.0.2.53]}}
    records: ["{record}"]
    alias: {alias}
  b.test:
    nameservers: {{ns1: [192.0.2.53]}}
    records: ["www CNAME shop", "cloud NS ns.cloud.example."]
  c.test:
    nameservers: {{ns1: [192.0.2.53]}}
    alias: shop.b.test
"""


def file_of(
    alias: str = "LB.cloud.example.",
    record: str = "@ MX 10 mail.example.net.",
    resolvers: str = '["127.0.0.1:5301"]',
) -> str:
    """A file whose zone `a.test` has an alias, on line 7."""
    return FILE.format(alias=alias, record=record, resolvers=resolvers)


def test_a_zone_may_have_an_alias(load: Load) -> None:
    first, second, _ = load(file_of()).zones
    assert first.alias == DomainName.from_text("lb.cloud.example")
    assert second.alias is None


@pytest.mark.parametrize("alias", ["shop.b.test", "shop.a.test", "b.test", "ns1.b.test"])
def test_an_alias_to_a_name_in_a_zone_of_the_server_needs_no_resolvers(
    load: Load, alias: str
) -> None:
    """Whether a group has that name is not known here: it may be added later."""
    zones = load(file_of(alias=alias, resolvers="[]")).zones
    assert zones[0].alias == DomainName.from_text(alias)


def test_aliases_that_lead_to_each_other_are_refused(shown: Shown) -> None:
    told = shown(file_of(alias="c.test").replace("alias: shop.b.test", "alias: a.test"))
    assert [text.partition("alias: ")[2] for text in told] == [
        "c.test has a.test as its alias, and they lead to each other; give one another",
        "a.test has c.test as its alias, and they lead to each other; give one another",
    ]


def test_an_alias_is_refused_beside_a_name_server_that_is_called_like_the_zone(
    shown: Shown,
) -> None:
    text = file_of().replace("{ns1: [192.0.2.53]}", "{a.test: [192.0.2.53]}", 1)
    assert shown(text) == [
        "7:12 zones.a.test.alias: a.test has the addresses of the name server of that name; "
        "call the server ns1.a.test, for example, or remove the alias"
    ]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"alias": '"a..b"'}, '"a..b" cannot be an alias: '),
        ({"alias": "192.0.2.1"}, '"192.0.2.1" cannot be an alias: '),
        ({"record": "@ A 192.0.2.1"}, "a.test has address records; remove these or the alias"),
        ({"record": "@ AAAA 2001:db8::1"}, "a.test has address records; remove these or the alias"),
        ({"alias": "a.test"}, "a.test is the zone itself; name a group's hostname"),
        ({"alias": '"@"'}, "a.test is the zone itself; name a group's hostname"),
        ({"alias": "c.test"}, "c.test has an alias itself, to shop.b.test; write shop.b.test here"),
        (
            {"alias": "www.b.test"},
            "www.b.test is a CNAME record that leads to shop.b.test; write shop.b.test here",
        ),
        ({"resolvers": "[]"}, "needs resolvers to find the addresses"),
        (
            {"resolvers": "[]", "alias": "www.cloud.b.test"},
            "needs resolvers to find the addresses",
        ),
    ],
)
def test_an_alias_that_cannot_be_answered_is_refused(
    shown: Shown, changed: dict[str, str], told: str
) -> None:
    (error,) = shown(file_of(**changed))
    assert error.startswith("7:12 zones.a.test.alias: ")
    assert told in error
