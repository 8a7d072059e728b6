"""Commands on certificates, and what is reported of them."""

from __future__ import annotations

from typing import Any

import drawn
import pytest
from samples import (
    HOSTNAME,
    application,
    carry_out,
    certificate,
    eu,
    facts,
    group,
    order,
    refusal,
    state,
    us,
)

from failoverdns.model.certificate import CertificateKind
from failoverdns.model.commands import (
    InstallCertificate,
    RemoveApplication,
    RemoveCertificate,
    RequestCertificate,
)
from failoverdns.model.group import Side
from failoverdns.rules.certificates import MAX_NAMES, certificate_report, warnings

ACME = CertificateKind.ACME
FOUND = facts("www.shop.example", called="new")
INSTALL = InstallCertificate("eu", drawn.bundled(FOUND), FOUND)


def test_one_that_is_installed_takes_the_place_of_the_one_before() -> None:
    """And what is ordered is dropped: somebody has decided otherwise."""
    view = state(eu(), us(), group(), certificate("eu", kind=ACME, called="old"), order("eu"))
    result = carry_out(view, INSTALL, 100.0)
    assert result["replaced"] == facts(called="old").fingerprint
    assert (result["kind"], result["fingerprint"]) == ("custom", FOUND.fingerprint)
    assert "order" not in result
    assert list(view.orders()) == []


@pytest.mark.parametrize(
    ("dates", "told"),
    [
        ({"not_after": 50.0}, "the certificate expired at 1970-01-01T00:00:50.000Z"),
        ({"not_before": 200.0}, "is not valid before 1970-01-01T00:03:20.000Z"),
    ],
)
def test_one_that_is_not_valid_now_is_refused(dates: dict[str, float], told: str) -> None:
    found = facts("www.shop.example", **dates)
    command = InstallCertificate("eu", drawn.bundled(found), found)
    refused = refusal(state(eu()), command, 100.0)
    assert (refused.code, told in refused.message) == ("invalid", True)


def test_an_application_that_gets_no_traffic_is_refused_a_certificate() -> None:
    inactive = refusal(state(eu(), us(), group()), RequestCertificate("us"))
    assert inactive.code == "refused"
    assert "on the inactive side" in inactive.message
    assert "in no group" in refusal(state(eu()), RequestCertificate("eu")).message


@pytest.mark.parametrize(
    ("entities", "names"),
    [
        ([], (HOSTNAME,)),
        ([group("blog", "eu", None)], (HOSTNAME, "blog.failover.test")),
        ([group("blog", "us", "eu")], (HOSTNAME,)),
        ([certificate("eu", "www.shop.example", kind=ACME)], ("www.shop.example",)),
        ([certificate("eu", "www.shop.example")], (HOSTNAME,)),
    ],
    ids=["its group's", "its groups'", "where it is active", "those that it has", "not a custom's"],
)
def test_names_when_none_are_given(entities: list[Any], names: tuple[str, ...]) -> None:
    view = state(eu(), us(), group(), *entities)
    carry_out(view, RequestCertificate("eu"))
    (ordered,) = view.orders()
    assert ordered.names == names


def test_asked_again_it_goes_on_and_after_a_failure_at_once() -> None:
    """What is at the CA already is not placed again; other names are another order."""
    view = state(eu(), us(), group(), order("eu", url="https://ca/1"))
    carry_out(view, RequestCertificate("eu"))
    assert [found.id for found in view.orders()] == ["ord-eu"]
    carry_out(view, RequestCertificate("eu", ("www.shop.example",)))
    (other,) = view.orders()
    assert (other.id, other.names, other.url) == ("ord-11", ("www.shop.example",), None)
    failed = order("eu", failures=3, retry_at=1e9, problem="because")
    view = state(eu(), us(), group(), failed)
    carry_out(view, RequestCertificate("eu"))
    (again,) = view.orders()
    assert (again.failures, again.retry_at) == (0, 0.0)


def test_too_many_names_are_refused() -> None:
    names = tuple(f"n{number}.shop.example" for number in range(MAX_NAMES + 1))
    refused = refusal(state(eu(), us(), group()), RequestCertificate("eu", names))
    assert refused.message == "101 names: at most 100 are allowed"


def test_removing_takes_away_certificate_and_order() -> None:
    view = state(eu(), us(), group(), certificate("eu"), order("eu"))
    result = carry_out(view, RemoveCertificate("eu"))
    assert result == {"removed": "eu", "fingerprint": facts().fingerprint}
    assert (list(view.certificates()), list(view.orders())) == ([], [])
    assert refusal(view, RemoveCertificate("eu")).code == "not-found"


def test_an_application_takes_its_certificate_along() -> None:
    view = state(eu(), certificate("eu"), order("eu"))
    carry_out(view, RemoveApplication("eu"))
    assert (list(view.certificates()), list(view.orders())) == ([], [])


RENEWAL = [
    ("custom", Side.PRIMARY, (False, "whoever installed it", False)),
    ("custom", Side.BACKUP, (False, "whoever installed it", False)),
    ("acme", Side.PRIMARY, (True, "failoverdns", True)),
    ("acme", Side.BACKUP, (False, "nobody here: the application is not active", False)),
]


@pytest.mark.parametrize(("kind", "side", "told"), RENEWAL)
def test_the_report_tells_who_may_renew(kind: str, side: Side, told: tuple[Any, ...]) -> None:
    found = certificate("eu", kind=CertificateKind(kind))
    view = state(eu(), us(), group(active=side), found)
    renewal: Any = certificate_report(view, eu(), 100.0)["renewal"]
    assert (renewal["allowed"], renewal["by"], renewal["due_at"] is not None) == told


@pytest.mark.parametrize(
    ("fields", "state_"),
    [
        ({}, "new"),
        ({"url": "https://ca/1"}, "placed"),
        ({"url": "https://ca/1", "challenges": (drawn.CHALLENGES,)}, "being validated"),
        ({"failures": 1, "problem": "because"}, "failed"),
    ],
)
def test_the_report_tells_how_far_an_order_is(fields: dict[str, Any], state_: str) -> None:
    view = state(eu(), us(), group(), order("eu", **fields))
    report: Any = certificate_report(view, eu(), 0.0)
    assert report["order"]["state"] == state_


def test_an_order_of_the_inactive_side_waits() -> None:
    view = state(eu(), us(), group(active=Side.BACKUP), order("eu"))
    report: Any = certificate_report(view, eu(), 0.0)
    assert report["order"]["state"] == "waiting for the application to become active"


NOBODY = application("nobody")
WARNINGS = [
    # certificate of `eu`, side, now, what the warning says
    (certificate("eu"), Side.PRIMARY, 100.0, None),
    (certificate("eu"), Side.PRIMARY, 8000.0, "install a new one"),
    (certificate("eu"), Side.PRIMARY, 9000.0, "the certificate expired at"),
    (certificate("eu"), Side.BACKUP, 8000.0, "the copy on the inactive side will expire"),
    (certificate("eu", kind=ACME), Side.BACKUP, 8000.0, "the copy on the inactive side"),
    (certificate("eu", kind=ACME), Side.PRIMARY, 8000.0, None),
    (certificate("eu", "x.failover.test", kind=ACME), Side.PRIMARY, 8000.0, "cannot be renewed"),
]


@pytest.mark.parametrize(("found", "side", "now", "told"), WARNINGS)
def test_what_an_operator_is_warned_of(found: Any, side: Side, now: float, told: Any) -> None:
    view = state(eu(), us(), group(active=side), found)
    said = warnings(view, eu(), now)
    assert (said == []) if told is None else (len(said) == 1 and told in said[0])


def test_a_failed_order_is_a_warning() -> None:
    view = state(eu(), us(), group(), order("eu", failures=2, retry_at=60.0, problem="because"))
    assert warnings(view, eu(), 0.0) == [
        "issuing failed 2 time(s), next try at 1970-01-01T00:01:00.000Z: because"
    ]
