"""Installing, requesting and removing certificates."""

from __future__ import annotations

import pytest
from samples import HOSTNAME, carry_out, certificate, eu, facts, group, order, refusal, state, us

from failoverdns.changes.state import State
from failoverdns.model.certificate import Bundle, CertificateKind, Order, Secret
from failoverdns.model.commands.certificates import (
    InstallCertificate,
    RemoveCertificate,
    RequestCertificate,
)
from failoverdns.model.entity import Entity
from failoverdns.model.group import Side
from failoverdns.rules.decisions.certificates import MAX_NAMES
from failoverdns.rules.derived.renewing import RETRIES

ACME = CertificateKind.ACME
DUE, FRESH, EXPIRED = 8000.0, 100.0, 9000.0
NEW = facts(HOSTNAME, called="new")
INSTALL = InstallCertificate("eu", Bundle("bundle-new", "chain", Secret("key")), NEW)
REQUEST = RequestCertificate("eu")


def shop(*entities: Entity, **fields: object) -> State:
    return state(eu(), us(), group(**fields), *entities)


def test_an_installed_certificate_replaces_an_earlier_one_and_its_order() -> None:
    view = shop(certificate("eu", "old.example", called="old"), order("eu"))
    report = carry_out(view, INSTALL, FRESH)
    assert (report["kind"], report["names"], report["transferred_from"]) == (
        "custom",
        [HOSTNAME],
        None,
    )
    assert report["replaced"] == b"old".hex().ljust(64, "0")
    assert view.order_for("app-eu") is None


@pytest.mark.parametrize(("now", "text"), [(EXPIRED, "expired"), (-1.0, "is not valid before")])
def test_a_certificate_that_is_not_valid_now_is_not_installed(now: float, text: str) -> None:
    found = refusal(shop(), INSTALL, now)
    assert found.code == "invalid"
    assert text in found.message


@pytest.mark.parametrize(
    ("view", "text"),
    [
        (shop(active=Side.BACKUP), "on the inactive side"),
        (state(eu()), "in no group"),
    ],
)
def test_no_certificate_is_ordered_for_an_application_without_traffic(
    view: State, text: str
) -> None:
    found = refusal(view, REQUEST)
    assert found.code == "refused"
    assert text in found.message


@pytest.mark.parametrize(
    ("names", "has", "ordered"),
    [
        ((), (), (HOSTNAME,)),
        ((), (certificate("eu", "own.example", kind=ACME),), ("own.example",)),
        ((), (certificate("eu", "own.example"),), (HOSTNAME,)),
        (("b.example", "a.example", "B.example"), (), ("a.example", "b.example")),
    ],
    ids=["hostnames", "those it has", "not those of a custom one", "those that are given"],
)
def test_an_order_has_the_names_given_or_of_the_certificate_or_of_the_groups(
    names: tuple[str, ...], has: tuple[Entity, ...], ordered: tuple[str, ...]
) -> None:
    view = shop(*has)
    carry_out(view, RequestCertificate("eu", names), DUE)
    found = view.order_for("app-eu")
    assert found == Order("ord-11", "app-eu", ordered)


def test_too_many_names_are_refused() -> None:
    names = tuple(f"a{n}.example" for n in range(MAX_NAMES + 1))
    assert "at most 100" in refusal(shop(), RequestCertificate("eu", names)).message


ISSUED = certificate("eu", HOSTNAME, kind=ACME)
FAILED = order("eu", failures=1, retry_at=9999.0, problem="no", not_before=0.0)
PATIENT = order("eu", failures=5, retry_at=99999.0, problem="no")


@pytest.mark.parametrize(
    ("has", "command", "now", "after"),
    [
        ((order("eu"),), REQUEST, FRESH, order("eu")),
        ((order("eu", url="https://ca/1"),), REQUEST, FRESH, order("eu", url="https://ca/1")),
        ((FAILED,), REQUEST, FRESH, order("eu", failures=1, retry_at=FRESH, problem="no")),
        (
            (PATIENT,),
            REQUEST,
            FRESH,
            order("eu", failures=5, retry_at=FRESH + RETRIES[0], problem="no"),
        ),
        ((ISSUED,), REQUEST, FRESH, None),
        ((ISSUED,), REQUEST, DUE, Order("ord-11", "app-eu", (HOSTNAME,))),
        (
            (ISSUED,),
            RequestCertificate("eu", again=True),
            FRESH,
            Order("ord-11", "app-eu", (HOSTNAME,)),
        ),
        (
            (certificate("eu", HOSTNAME),),
            REQUEST,
            FRESH,
            Order("ord-11", "app-eu", (HOSTNAME,)),
        ),
        ((ISSUED, order("eu", "a.example")), REQUEST, FRESH, None),
        (
            (PATIENT,),
            RequestCertificate("eu", ("a.example",)),
            FRESH,
            Order(
                "ord-11",
                "app-eu",
                ("a.example",),
                failures=5,
                retry_at=FRESH + RETRIES[0],
                problem="no",
            ),
        ),
    ],
    ids=[
        "a new order continues",
        "a placed order continues",
        "a failed order is tried at once",
        "one that failed often is tried later",
        "a certificate that is not due is enough",
        "a certificate that is due is ordered again",
        "again",
        "a custom one is replaced",
        "an order for other names is dropped",
        "other names are ordered, and failures still count",
    ],
)
def test_a_repeated_request_does_no_harm(
    has: tuple[Entity, ...], command: RequestCertificate, now: float, after: Order | None
) -> None:
    view = shop(*has)
    report = carry_out(view, command, now)
    assert view.order_for("app-eu") == after
    assert ("order" in report) is (after is not None)


def test_removing_a_certificate_removes_its_order() -> None:
    view = shop(ISSUED, order("eu"))
    report = carry_out(view, RemoveCertificate("eu"))
    assert report == {"removed": "eu", "fingerprint": ISSUED.facts.fingerprint}
    assert (view.certificate("app-eu"), view.order_for("app-eu")) == (None, None)
    assert refusal(view, RemoveCertificate("eu")).code == "not-found"
