"""Reports about certificates, and their warnings."""

from __future__ import annotations

import pytest
from samples import HOSTNAME, certificate, eu, group, order, state, us

from failoverdns.changes.state import State
from failoverdns.model.certificate import CertificateKind, Order
from failoverdns.model.change import Entity
from failoverdns.model.group import Side
from failoverdns.rules.reports.certificate_reports import certificate_report, warnings

ACME = CertificateKind.ACME
DUE, FRESH, EXPIRED = 8000.0, 100.0, 9000.0
ISSUED = certificate("eu", HOSTNAME, kind=ACME)
FAILED = order("eu", failures=1, retry_at=9999.0, problem="no", not_before=0.0)


def shop(*entities: Entity, **fields: object) -> State:
    return state(eu(), us(), group(**fields), *entities)


@pytest.mark.parametrize(
    ("has", "now", "texts"),
    [
        ((ISSUED,), FRESH, []),
        ((ISSUED,), DUE, []),
        ((certificate("eu"),), DUE, ["install a new one"]),
        ((certificate("us", kind=ACME),), DUE, ["the copy on the inactive side will expire"]),
        ((certificate("eu", "mail.failover.test", kind=ACME),), DUE, ["cannot be renewed"]),
        ((ISSUED,), EXPIRED, ["expired at"]),
        ((ISSUED, FAILED), FRESH, ["issuing failed 1 time(s), next try at"]),
    ],
    ids=[
        "valid",
        "renewed by the server",
        "custom",
        "inactive",
        "cannot be renewed",
        "expired",
        "fails",
    ],
)
def test_an_operator_is_warned_about_expiry_and_failed_orders(
    has: tuple[Entity, ...], now: float, texts: list[str]
) -> None:
    view = shop(*has)
    of = us() if has[0] == certificate("us", kind=ACME) else eu()
    found = warnings(view, of, now)
    assert len(found) == len(texts)
    assert all(text in warning for text, warning in zip(texts, found, strict=True))
    assert certificate_report(view, of, now)["warnings"] == found


def test_a_certificate_of_an_application_in_no_group_is_warned_about() -> None:
    view = state(eu(), ISSUED)
    assert "the application is in no group" in warnings(view, eu(), DUE)[0]


@pytest.mark.parametrize(
    ("has", "active", "renewal"),
    [
        ((ISSUED,), Side.PRIMARY, (True, "failoverdns")),
        ((certificate("eu"),), Side.PRIMARY, (False, "the operator")),
        ((ISSUED,), Side.BACKUP, (False, "nobody: the application is not active")),
        ((), Side.PRIMARY, (True, "failoverdns")),
    ],
    ids=["acme", "custom", "inactive", "none yet"],
)
def test_the_report_says_who_renews_the_certificate(
    has: tuple[Entity, ...], active: Side, renewal: tuple[bool, str]
) -> None:
    found = certificate_report(shop(*has, active=active), eu(), FRESH)["renewal"]
    assert isinstance(found, dict)
    assert (found["allowed"], found["by"]) == renewal


@pytest.mark.parametrize(
    ("ordered", "active", "expected"),
    [
        (order("eu"), Side.PRIMARY, "new"),
        (order("eu", url="https://ca/1"), Side.PRIMARY, "placed"),
        (FAILED, Side.PRIMARY, "failed"),
        (order("eu"), Side.BACKUP, "waiting for the application to become active"),
    ],
)
def test_the_report_says_what_state_an_order_is_in(
    ordered: Order, active: Side, expected: str
) -> None:
    found = certificate_report(shop(ordered, active=active), eu(), FRESH)["order"]
    assert isinstance(found, dict)
    assert found["state"] == expected


def test_an_order_is_reported_with_its_next_try_only_after_a_failure() -> None:
    waiting, failed = shop(order("eu", retry_at=9999.0)), shop(FAILED)
    reports = [
        certificate_report(view, view.application_named("eu") or eu(), FRESH)
        for view in (waiting, failed)
    ]
    assert [report["order"]["retry_at"] for report in reports] == [
        None,
        "1970-01-01T02:46:39.000Z",
    ]
