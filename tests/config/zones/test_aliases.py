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
"""


def file_of(
    alias: str = "LB.cloud.example.",
    record: str = "@ MX 10 mail.example.net.",
    resolvers: str = '["127.0.0.1:5301"]',
) -> str:
    """A file whose zone `a.test` has an alias, on line 7."""
    return FILE.format(alias=alias, record=record, resolvers=resolvers)


def test_a_zone_may_have_an_alias(load: Load) -> None:
    first, second = load(file_of()).zones
    assert first.alias == DomainName.from_text("lb.cloud.example")
    assert second.alias is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"alias": '"a..b"'}, '"a..b" cannot be an alias: '),
        ({"alias": "192.0.2.1"}, '"192.0.2.1" cannot be an alias: '),
        ({"record": "@ A 192.0.2.1"}, "a.test has address records; remove these or the alias"),
        ({"record": "@ AAAA 2001:db8::1"}, "a.test has address records; remove these or the alias"),
        (
            {"alias": "www.a.test"},
            "www.a.test is in a zone of this server; it resolves only other names",
        ),
        (
            {"alias": "shop.b.test"},
            "shop.b.test is in a zone of this server; it resolves only other names",
        ),
        ({"resolvers": "[]"}, "needs resolvers to find the addresses"),
    ],
)
def test_an_alias_that_cannot_be_answered_is_refused(
    shown: Shown, changed: dict[str, str], told: str
) -> None:
    (error,) = shown(file_of(**changed))
    assert error.startswith("7:12 zones.a.test.alias: ")
    assert told in error
