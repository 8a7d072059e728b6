"""Where challenges are answered, and for which names a certificate can be ordered."""

from __future__ import annotations

import pytest
from samples import HOSTNAME, application, eu, group, name, order, served, state, text_record, us
from samples import zone as sample_zone

from failoverdns.model.certificate import Challenge
from failoverdns.model.commands.certificates import ChallengeName
from failoverdns.model.errors import Rejected
from failoverdns.model.group import Tombstone
from failoverdns.model.records import CNAME, NS, OwnedRRset
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.challenges import (
    base_name,
    challenge_name,
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


# names that lead to a group


def record(owner: str, target: str, rtype: int = CNAME) -> OwnedRRset:
    """Return a static CNAME or NS record of `customer.test`."""
    return OwnedRRset(name(f"{owner}.customer.test"), rtype, 300, (name(target),))


def customer(*more: OwnedRRset) -> Zone:
    """Return a customer's zone that is served here, too."""
    return sample_zone(
        "customer.test",
        records=(
            record("www", HOSTNAME),
            record("shop", "www.customer.test"),
            record("*.apps", HOSTNAME),
            record("mail", "mail.failover.test"),
            record("round", "and.customer.test"),
            record("and", "round.customer.test"),
            record("out", "www.elsewhere.example"),
            record("sub", "ns.elsewhere.example", NS),
            text_record("fixed.apps.customer.test"),
            *more,
        ),
    )


MOVED = state(eu(), us(), group(), group("mail", None, "us"), zones=[sample_zone(), customer()])


def refused(names: list[str]) -> str:
    """Return why a certificate for `eu` cannot have these names."""
    with pytest.raises(Rejected) as caught:
        checked_names(MOVED, eu(), names)
    return caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "www.customer.test",
        "shop.customer.test",
        "a.apps.customer.test",
        "a.b.apps.customer.test",
        "*.apps.customer.test",
        "WWW.Customer.test",
        "www.sub.customer.test",
        f"primary.{HOSTNAME}",
    ],
)
def test_a_name_that_leads_to_a_group_may_be_ordered(text: str) -> None:
    """Over static CNAME records and wildcards; below a delegation it is a customer's name."""
    assert checked_names(MOVED, eu(), [text]) == (text.lower(),)


@pytest.mark.parametrize(
    "text",
    [
        "customer.test",
        "mail.customer.test",
        "round.customer.test",
        "out.customer.test",
        "none.customer.test",
        "fixed.apps.customer.test",
        "x.fixed.apps.customer.test",
        "apps.customer.test",
        "*.customer.test",
    ],
)
def test_a_name_that_leads_to_no_group_of_the_application_may_not(text: str) -> None:
    assert f"'{text}' is in a zone of this server, but is not the hostname" in refused([text])


@pytest.mark.parametrize(
    ("more", "owner", "why"),
    [
        ([], "_acme-challenge.www.customer.test", None),
        (
            [record("_acme-challenge.www", "www.customer.test._acme-challenge.failover.test")],
            "www.customer.test._acme-challenge.failover.test",
            None,
        ),
        ([record("*", HOSTNAME)], "_acme-challenge.www.customer.test", None),
        (
            [text_record("_acme-challenge.www.customer.test")],
            None,
            "_acme-challenge.www.customer.test has records in the configuration, which are",
        ),
        (
            [record("_acme-challenge.www", "acme.elsewhere.example")],
            None,
            "acme.elsewhere.example, which its CNAME record leads to, is not answered by this",
        ),
        (
            [record("_acme-challenge.www", "ns.elsewhere.example", NS)],
            None,
            "_acme-challenge.www.customer.test is not answered by this server: remove the record",
        ),
    ],
)
def test_the_challenge_of_such_a_name_is_answered_where_the_ca_looks(
    more: list[OwnedRRset], owner: str | None, why: str | None
) -> None:
    """A customer's zone that moved here may still have the CNAME that it had elsewhere.

    Records of the configuration that are answered in place of a challenge are named, by both
    commands.
    """
    view = state(eu(), us(), group(), zones=[sample_zone(), customer(*more)])
    owners = challenge_owners(view, name("www.customer.test"))
    assert [found.to_text() for found in owners] == ([owner] if owner is not None else [])
    with pytest.raises(Rejected) as caught:
        challenge_name(view, ChallengeName("www.customer.test"))
    assert (why or "its challenge is answered without a CNAME") in caught.value.message
    if why is not None:
        with pytest.raises(Rejected) as caught:
            checked_names(view, eu(), ["www.customer.test"])
        assert why in caught.value.message


def test_a_challenge_does_not_hide_the_wildcard_that_answers_for_its_name() -> None:
    """`_acme-challenge.a.b.apps` makes `a.b.apps` and `b.apps` exist (RFC 4592 section 2.2.2)."""
    owner = name("_acme-challenge.a.b.apps.customer.test")
    other = name("_acme-challenge.b.apps.customer.test")
    ordered = order("eu", challenges=(Challenge(owner, "v1"), Challenge(other, "v2")))
    view = state(eu(), us(), group(), ordered, zones=[sample_zone(), customer()])
    records = served(view)
    assert records[owner.to_text()] == ["TXT v1"]
    for text in ("a.b.apps.customer.test", "b.apps.customer.test"):
        assert records[text] == records["*.apps.customer.test"]
    assert "apps.customer.test" not in records
    one, both = (
        {node.owner.to_text() for node in challenge_nodes(view, wanted)}
        for wanted in ([other], [owner, other])
    )
    assert one == {other.to_text(), "b.apps.customer.test"}
    assert both == {owner.to_text(), *one, "a.b.apps.customer.test"}


def test_a_wildcard_does_not_lead_names_that_exist_or_are_retired() -> None:
    """Not the label of another group, of a removed one, and not what is below an application."""
    wild = sample_zone(
        records=(OwnedRRset(name("*.failover.test"), CNAME, 300, (name(HOSTNAME),)),)
    )
    retired = Tombstone(name("failover.test"), "old", "old")
    view = state(eu(), us(), group(), group("mail", None, "us"), retired, zones=[wild])
    assert checked_names(view, eu(), ["new.failover.test"]) == ("new.failover.test",)
    for text in ("mail", "old", "primary.old", "eu"):
        with pytest.raises(Rejected, match="is not the hostname of a group"):
            checked_names(view, eu(), [f"{text}.failover.test"])


def test_the_apex_of_a_zone_gets_a_certificate_by_alias_and_by_label() -> None:
    """But not the names of other groups in the zone, nor names below an alias."""
    aliased = sample_zone("customer.test", alias=name(HOSTNAME))
    apex = group("apex", "eu", None, zone=name("b.test"), label="@", flatten=True)
    other = group("other", "us", None, zone=name("b.test"), label="other")
    zones = [sample_zone(), aliased, sample_zone("b.test")]
    view = state(eu(), us(), group(), apex, other, zones=zones)
    for text in ("customer.test", "*.customer.test", "b.test", "*.b.test", "www.b.test"):
        assert checked_names(view, eu(), [text]) == (text,)
    for text in ("www.customer.test", "other.b.test", "primary.other.b.test"):
        with pytest.raises(Rejected, match="is not the hostname of a group"):
            checked_names(view, eu(), [text])
    assert challenge_owners(view, name("b.test")) == (name("_acme-challenge.b.test"),)


def test_a_name_without_a_group_is_told_so() -> None:
    with pytest.raises(Rejected, match="belongs to no group"):
        challenge_name(MOVED, ChallengeName("out.customer.test"))
