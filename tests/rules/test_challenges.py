"""Where challenges are answered, for which names certificates can be ordered, what is served."""

from __future__ import annotations

import pytest
from samples import (
    HOSTNAME,
    answers,
    eu,
    group,
    name,
    order,
    state,
    text_record,
    us,
    zone,
)

from failoverdns.model.certificate import Challenge
from failoverdns.model.errors import Rejected
from failoverdns.model.group import Side
from failoverdns.rules.challenges import base_name, challenge_owners, checked_names

OURS = zone()
SECOND = zone("failover.example")


@pytest.mark.parametrize(
    ("wanted", "owners"),
    [
        (HOSTNAME, [f"_acme-challenge.{HOSTNAME}"]),
        (f"*.{HOSTNAME}", [f"_acme-challenge.{HOSTNAME}"]),
        (f"www.{HOSTNAME}", [f"_acme-challenge.www.{HOSTNAME}"]),
        (
            "*.shop.example",
            [
                "shop.example._acme-challenge.failover.test",
                "shop.example._acme-challenge.failover.example",
            ],
        ),
        (f"{'x' * 63}.{'y' * 63}.{'z' * 63}.{'w' * 40}.example", []),
    ],
)
def test_where_a_challenge_is_answered(wanted: str, owners: list[str]) -> None:
    """A customer's in each of our zones: only the customer knows which one the CNAME points to."""
    view = state(eu(), us(), group(), zones=[OURS, SECOND])
    found = challenge_owners(view, base_name(wanted))
    assert [owner.to_text() for owner in found] == owners


@pytest.mark.parametrize("wanted", ["", "localhost", "192.0.2.1", "2001:db8::1", "a..b", "*.*.x.y"])
def test_what_no_ca_certifies_with_dns_is_refused(wanted: str) -> None:
    with pytest.raises(Rejected) as refused:
        checked_names(state(eu(), us(), group()), eu(), [wanted])
    assert refused.value.code == "invalid"


def test_names_are_put_in_one_form() -> None:
    view = state(eu(), us(), group())
    names = [HOSTNAME.upper(), f"{HOSTNAME}.", "*.Shop.example", "shop.example"]
    assert checked_names(view, eu(), names) == ("*.shop.example", HOSTNAME, "shop.example")


@pytest.mark.parametrize("active", list(Side))
def test_hostnames_of_groups_that_it_is_attached_to(active: Side) -> None:
    """On whichever side: an application with two groups' names may be switched away from one."""
    view = state(eu(), us(), group(active=active))
    assert checked_names(view, eu(), [HOSTNAME]) == (HOSTNAME,)


def test_other_names_of_our_zones_are_refused_all_at_once() -> None:
    """Somebody else's group, the zone itself: an application cannot get a certificate for them."""
    view = state(eu(), us(), group(), group("blog", "us", None))
    with pytest.raises(Rejected) as refused:
        checked_names(view, eu(), ["blog.failover.test", "failover.test", "ns1.failover.test"])
    for wrong in ("'blog.failover.test'", "'failover.test'", "'ns1.failover.test'"):
        assert f"{wrong} is in a zone of ours, but is not the hostname" in refused.value.message


def test_values_are_served_together_and_once() -> None:
    """Of several orders for one name, each value; the name is gone without any."""
    owner = name(f"_acme-challenge.{HOSTNAME}")
    one = order("eu", challenges=(Challenge(owner, "a"), Challenge(owner, "b")))
    two = order("us", challenges=(Challenge(owner, "b"), Challenge(owner, "c")))
    view = state(eu(), us(), group(), one, two)
    assert answers(view, owner.to_text()) == ["TXT a", "TXT b", "TXT c"]
    assert answers(state(eu(), us(), group(), order("eu")), owner.to_text()) is None


def test_records_of_the_configuration_are_not_displaced() -> None:
    owner = name("www.shop.example._acme-challenge.failover.test")
    configured = zone(records=(text_record(owner.to_text()),))
    ordered = order("eu", challenges=(Challenge(owner, "a"),))
    view = state(eu(), us(), group(), ordered, zones=[configured])
    assert answers(view, owner.to_text()) != ["TXT a"]


def test_a_challenge_outside_our_zones_is_not_served() -> None:
    owner = name("_acme-challenge.www.shop.example")
    ordered = order("eu", challenges=(Challenge(owner, "a"),))
    assert answers(state(eu(), us(), group(), ordered), owner.to_text()) is None
