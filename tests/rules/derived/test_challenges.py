"""Where challenges are answered, and for which names a certificate can be ordered."""

from __future__ import annotations

import pytest
from samples import HOSTNAME, application, eu, group, name, order, served, state, text_record, us
from samples import zone as sample_zone

from failoverdns.model.certificate import Challenge
from failoverdns.model.errors import Rejected
from failoverdns.rules.derived.challenges import (
    base_name,
    challenge_nodes,
    challenge_owners,
    checked_names,
)

VIEW = state(
    eu(), us(), group(), group("docs", primary="us", backup="eu"), group("mail", None, "us")
)
LONG = ".".join(["a" * 60] * 4)


@pytest.mark.parametrize(
    ("text", "owners"),
    [
        (HOSTNAME, [f"_acme-challenge.{HOSTNAME}"]),
        (f"a.b.{HOSTNAME}", [f"_acme-challenge.a.b.{HOSTNAME}"]),
        (
            "www.customer.example",
            [
                "www.customer.example._acme-challenge.failover.test",
                "www.customer.example._acme-challenge.b.test",
            ],
        ),
        (LONG, []),
    ],
    ids=["a hostname", "below it", "a customer's name", "too long"],
)
def test_where_a_challenge_is_answered(text: str, owners: list[str]) -> None:
    view = state(eu(), zones=[sample_zone(), sample_zone("b.test")])
    assert [owner.to_text() for owner in challenge_owners(view, name(text))] == owners


@pytest.mark.parametrize(
    ("text", "base"),
    [("*.a.example", "a.example"), ("A.Example.", "a.example"), ("a.example", "a.example")],
)
def test_the_challenge_for_a_wildcard_is_at_the_name_without_the_asterisk(
    text: str, base: str
) -> None:
    assert base_name(text).to_text() == base


@pytest.mark.parametrize("text", ["192.0.2.1", "2001:db8::1", "example", "*.example", "a..b", ""])
def test_a_name_that_is_not_a_full_domain_name_is_refused(text: str) -> None:
    with pytest.raises(Rejected) as caught:
        base_name(text)
    assert caught.value.code == "invalid"


@pytest.mark.parametrize(
    ("names", "checked"),
    [
        ([HOSTNAME], (HOSTNAME,)),
        ([f"*.{HOSTNAME}", HOSTNAME.upper(), HOSTNAME], (f"*.{HOSTNAME}", HOSTNAME)),
        (["docs.failover.test"], ("docs.failover.test",)),
        (["www.customer.example"], ("www.customer.example",)),
    ],
    ids=["active group", "wildcard and duplicates", "group where it is inactive", "customer"],
)
def test_names_of_attached_groups_and_of_customers_may_be_ordered(
    names: list[str], checked: tuple[str, ...]
) -> None:
    """The application may be on either side of the group."""
    assert checked_names(VIEW, eu(), names) == checked


def test_every_name_that_may_not_be_ordered_is_named() -> None:
    wrong = ["mail.failover.test", "ns1.failover.test", "192.0.2.1", LONG, HOSTNAME]
    with pytest.raises(Rejected) as caught:
        checked_names(VIEW, eu(), wrong)
    assert caught.value.code == "invalid"
    assert all(repr(text) in caught.value.message for text in wrong[:4])
    assert repr(HOSTNAME) not in caught.value.message


def test_one_owner_can_have_several_challenges_at_once_with_ttl_0() -> None:
    owner = name(f"_acme-challenge.{HOSTNAME}")
    ordered = order("eu", challenges=(Challenge(owner, "v1"), Challenge(owner, "v2")))
    other = order("us", challenges=(Challenge(owner, "v2"), Challenge(owner, "v3")))
    view = state(eu(), us(), group(), ordered, other)
    assert served(view)[owner.to_text()] == ["TXT v1", "TXT v2", "TXT v3"]
    (node,) = challenge_nodes(view)
    assert [records.ttl for records in node.rrsets] == [0]
    assert node.negative_ttl == 0, "resolvers do not cache missing types at this name either"
    assert challenge_nodes(view, [name("other.failover.test")]) == []


def test_configured_records_are_served_instead_of_a_challenge() -> None:
    """An operator may delegate challenges elsewhere with configured records."""
    owner = f"_acme-challenge.{HOSTNAME}"
    configured = sample_zone(records=(text_record(owner),))
    ordered = order("eu", challenges=(Challenge(name(owner), "v1"),))
    view = state(eu(), us(), group(), ordered, zones=[configured])
    assert challenge_nodes(view) == []
    assert challenge_nodes(state(application("x"), ordered, zones=[])) == []
