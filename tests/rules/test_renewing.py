"""Who may renew, and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import certificate, eu, facts, group, order, state, us

from failoverdns.model.certificate import CertificateKind
from failoverdns.model.group import Side
from failoverdns.rules.renewing import RETRIES, is_due, may_renew, renew_at, retry_at

DAY = 86400.0
ACME = CertificateKind.ACME


@pytest.mark.parametrize(
    ("groups", "allowed"),
    [
        ([group()], True),
        ([group(active=Side.BACKUP)], False),
        ([group(active=Side.BACKUP), group("blog", "us", "eu")], False),
        ([group(active=Side.BACKUP), group("blog", "eu", "us")], True),
        ([group(primary=None, active=Side.BACKUP)], False),
        ([], False),
    ],
    ids=["active", "inactive", "inactive twice", "active in another", "not attached", "no group"],
)
def test_only_where_the_traffic_is(groups: list, allowed: bool) -> None:
    application = eu()
    assert may_renew(state(application, us(), *groups), application) is allowed


@pytest.mark.parametrize(("days", "part"), [(90, 2 / 3), (45, 2 / 3), (10, 2 / 3), (6, 1 / 2)])
def test_well_before_it_expires(days: float, part: float) -> None:
    """At two thirds of the lifetime, half of one under ten days; never later."""
    for number in range(50):
        found = facts(called=chr(97 + number % 26) * 2, not_after=days * DAY)
        assert days * DAY * (part - 0.05) <= renew_at(found) <= days * DAY * part


def test_not_all_at_once() -> None:
    """Certificates of the same moment fall due over a part of their lifetime."""
    times = {renew_at(facts(called=chr(97 + n) * 3, not_after=90 * DAY)) for n in range(20)}
    assert len(times) == 20


@given(st.text("0123456789abcdef", min_size=64, max_size=64), st.floats(0, 1e9), st.floats(0, 1e6))
def test_within_the_cas_window_and_always_at_the_same_moment(
    fingerprint: str, start: float, length: float
) -> None:
    found = facts(fingerprint=fingerprint)
    at = renew_at(found, (start, start + length))
    assert start <= at <= start + length
    assert renew_at(found, (start, start + length)) == at


@pytest.mark.parametrize(
    ("entities", "now", "due"),
    [
        ([group()], 6000.0, True),
        ([group()], 100.0, False),
        ([group(active=Side.BACKUP)], 6000.0, False),
        ([group(), order("eu")], 6000.0, False),
        ([], 6000.0, False),
    ],
    ids=["due", "not yet", "inactive", "ordered already", "no group"],
)
def test_what_is_due(entities: list, now: float, due: bool) -> None:
    found = certificate("eu", kind=ACME)
    assert is_due(state(eu(), us(), found, *entities), found, now) is due


def test_custom_certificates_are_their_owners_business() -> None:
    found = certificate("eu", kind=CertificateKind.CUSTOM)
    assert not is_due(state(eu(), us(), group(), found), found, 8999.0)


def test_failures_are_tried_again_later_and_later() -> None:
    """At most four an hour; a day between two at last; never before the CA allows it."""
    waits = [retry_at(failures, 0.0, None) for failures in range(1, 12)]
    assert waits == [*RETRIES, RETRIES[-1], RETRIES[-1], RETRIES[-1]]
    assert waits[0] >= 900
    assert retry_at(1, 50.0, 5000.0) == 5050.0
    assert retry_at(8, 0.0, 10.0) == 86400.0
