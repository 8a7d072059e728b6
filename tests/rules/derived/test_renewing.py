"""Which applications may renew a certificate, when, and how long to wait after a failure."""

from __future__ import annotations

import pytest
from samples import certificate, eu, facts, group, order, state, us

from failoverdns.model.application import Application
from failoverdns.model.certificate import CertificateKind
from failoverdns.model.group import Group, Side
from failoverdns.rules.derived.renewing import (
    AT_ONCE,
    RETRIES,
    is_due,
    may_renew,
    renew_at,
    retry_asked_at,
    retry_at,
)

DAY = 86400.0
FIRST, LAST = "0" * 64, "f" * 64
LONG = facts(called="x", not_after=90 * DAY, fingerprint=FIRST)
SHORT = facts(called="x", not_after=6 * DAY, fingerprint=FIRST)


@pytest.mark.parametrize(
    ("application", "groups", "allowed"),
    [
        (eu(), [group()], True),
        (us(), [group()], False),
        (us(), [group(), group("docs", active=Side.BACKUP)], True),
        (eu(), [group("docs", primary=None)], False),
        (eu(), [], False),
    ],
    ids=["active", "inactive", "active in one of two", "in no group", "no group at all"],
)
def test_only_an_application_with_traffic_may_renew(
    application: Application, groups: list[Group], allowed: bool
) -> None:
    assert may_renew(state(eu(), us(), *groups), application) is allowed


@pytest.mark.parametrize(
    ("what", "window", "due"),
    [
        (LONG, None, 60 * DAY),
        (SHORT, None, 3 * DAY),
        (facts(not_after=10 * DAY, fingerprint=FIRST), None, 20 / 3 * DAY),
        (facts(not_after=90 * DAY, fingerprint=LAST), None, 55.5 * DAY),
        (LONG, (50 * DAY, 52 * DAY), 50 * DAY),
        (facts(not_after=90 * DAY, fingerprint=LAST), (50 * DAY, 52 * DAY), 52 * DAY),
        (LONG, (-2 * DAY, -1 * DAY), -2 * DAY),
        (LONG, (900 * DAY, 901 * DAY), 81 * DAY),
        (LONG, (50 * DAY, 49 * DAY), 50 * DAY),
    ],
    ids=[
        "two thirds",
        "half of a short one",
        "ten days are not short",
        "earlier by the jitter",
        "window",
        "end of the window",
        "window in the past",
        "window after the end",
        "window with its end before its start",
    ],
)
def test_when_a_certificate_is_due(
    what: object, window: tuple[float, float] | None, due: float
) -> None:
    assert renew_at(what, window) == pytest.approx(due, abs=1.0)  # type: ignore[arg-type]


def test_only_an_acme_certificate_without_an_order_is_due() -> None:
    due = certificate("eu", kind=CertificateKind.ACME)
    custom = certificate("eu")
    assert is_due(state(eu(), us(), group(), due), due, 8000.0)
    assert not is_due(state(eu(), us(), group(), due), due, 10.0)
    assert not is_due(state(eu(), us(), group(), due, order("eu")), due, 8000.0)
    assert not is_due(state(eu(), us(), group(), custom), custom, 8000.0)
    assert not is_due(state(eu(), us(), group(active=Side.BACKUP), due), due, 8000.0)
    assert not is_due(state(us(), group(primary=None)), due, 8000.0)


@pytest.mark.parametrize(("failures", "least"), [*enumerate(RETRIES, 1), (50, RETRIES[-1])])
def test_the_wait_after_a_failure_grows_up_to_a_day_and_varies_by_order(
    failures: int, least: float
) -> None:
    waits = {retry_at(f"ord-{n}", failures, 1000.0, None) - 1000.0 for n in range(20)}
    assert all(least <= wait <= least * 1.1 for wait in waits)
    assert len(waits) > 10


def test_the_wait_is_at_least_what_the_ca_asks_for() -> None:
    assert retry_at("ord-1", 1, 0.0, 50000.0) >= 50000.0
    assert retry_at("ord-1", 1, 0.0, 1.0) >= RETRIES[0]


@pytest.mark.parametrize(
    ("failures", "waits_until", "not_before", "tried_at"),
    [
        (1, 5000.0, 0.0, 1000.0),
        (AT_ONCE, 5000.0, 0.0, 1000.0 + RETRIES[0]),
        (AT_ONCE, 1200.0, 0.0, 1200.0),
        (1, 5000.0, 4000.0, 4000.0),
        (AT_ONCE, 9000.0, 8000.0, 8000.0),
    ],
    ids=["at once", "later", "soon in any case", "the CA's wait", "the CA's wait after failures"],
)
def test_a_requested_attempt_is_made_as_soon_as_the_ca_allows(
    failures: int, waits_until: float, not_before: float, tried_at: float
) -> None:
    failed = order("eu", failures=failures, retry_at=waits_until, not_before=not_before)
    assert retry_asked_at(failed, 1000.0) == tried_at
