"""Internal commands on orders: which orders may continue, and what a failed order keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from samples import (
    HOSTNAME,
    answers,
    carry_out,
    certificate,
    eu,
    facts,
    group,
    name,
    order,
    refusal,
    state,
    us,
)

from failoverdns.changes.state import State
from failoverdns.model.certificate import Account, Bundle, CertificateKind, Challenge, Secret
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.certificates import (
    FailOrder,
    IssueCertificate,
    OpenAccount,
    PlaceOrder,
    SetChallenges,
)
from failoverdns.model.group import Side
from failoverdns.rules.decisions.ordering import KEPT_FAILURES
from failoverdns.rules.derived.renewing import RETRIES

OWNER = f"_acme-challenge.{HOSTNAME}"
CHALLENGES = (Challenge(name(OWNER), "v"),)
KEY = Bundle("ord-eu/key", "", Secret("key"))
ISSUED = facts(HOSTNAME, called="new")
PLACE = PlaceOrder("ord-eu", "https://ca/1", KEY, "https://ca/me")
SERVE = SetChallenges("ord-eu", CHALLENGES)
ISSUE = IssueCertificate("ord-eu", Bundle("bundle-new", "chain", Secret("key")), ISSUED)
PLACED = order("eu", url="https://ca/1", key="ord-eu/key", account="https://ca/me")


def shop(**fields: object) -> State:
    return state(eu(), us(), group(), replace(PLACED, **fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("command", [PLACE, SERVE, ISSUE])
@pytest.mark.parametrize(
    ("view", "code"),
    [
        (state(eu(), us(), group()), "not-found"),
        (state(eu(), us(), group(active=Side.BACKUP), PLACED), "refused"),
        (state(eu(), us(), group(primary=None), PLACED), "refused"),
        (state(us(), group(primary=None), PLACED), "refused"),
    ],
    ids=["no order", "inactive", "in no group", "no application"],
)
def test_an_order_without_traffic_cannot_continue(
    view: State, code: str, command: Mutation
) -> None:
    assert refusal(view, command).code == code


@pytest.mark.parametrize("command", [PLACE, SERVE])
def test_an_order_for_names_of_another_application_cannot_continue(command: Mutation) -> None:
    view = state(eu(), us(), group(), order("eu", "mail.failover.test"))
    assert refusal(view, command).code == "invalid"


def test_a_placed_order_is_stored_with_its_url_and_account() -> None:
    view = state(eu(), us(), group(), order("eu"))
    carry_out(view, PLACE)
    assert view.order_for("app-eu") == PLACED


def test_challenges_are_served_and_removed_even_while_the_order_waits() -> None:
    view = shop()
    carry_out(view, SERVE)
    assert answers(view, OWNER) == ["TXT v"]
    inactive = state(eu(), us(), group(active=Side.BACKUP), replace(PLACED, challenges=CHALLENGES))
    for found in (view, inactive):
        carry_out(found, SetChallenges("ord-eu", ()))
        assert answers(found, OWNER) is None


@pytest.mark.parametrize(
    ("failures", "is_final", "is_kept"),
    [
        (0, False, True),
        (KEPT_FAILURES - 1, False, True),
        (KEPT_FAILURES, False, False),
        (0, True, False),
    ],
    ids=["once", "a few times", "too often", "finally"],
)
def test_a_failed_order_keeps_its_url_until_it_fails_finally_or_too_often(
    failures: int, is_final: bool, is_kept: bool
) -> None:
    view = shop(failures=failures, challenges=CHALLENGES)
    carry_out(view, FailOrder("ord-eu", "because", None, is_final), 1000.0)
    found = view.order_for("app-eu")
    assert found is not None
    assert (found.url is not None, found.key is not None, found.account is not None) == (
        (is_kept,) * 3
    )
    assert (found.failures, found.problem, found.challenges) == (failures + 1, "because", ())
    assert found.retry_at >= 1000.0 + RETRIES[failures]
    assert found.not_before == 1000.0


def test_the_wait_that_the_ca_asks_for_is_stored_separately() -> None:
    view = shop()
    carry_out(view, FailOrder("ord-eu", "later", 5000.0), 1000.0)
    found = view.order_for("app-eu")
    assert found is not None
    assert found.not_before == 6000.0 <= found.retry_at


def test_an_order_that_does_not_exist_cannot_fail() -> None:
    assert refusal(state(eu()), FailOrder("ord-eu", "because")).code == "not-found"


def test_an_issued_certificate_is_installed_and_its_order_removed() -> None:
    view = state(eu(), us(), group(), PLACED, certificate("eu", "old.example"))
    carry_out(view, ISSUE, 10.0)
    found = view.certificate("app-eu")
    assert found is not None
    assert (found.kind, found.facts, found.source) == (CertificateKind.ACME, ISSUED, None)
    assert view.order_for("app-eu") is None


@pytest.mark.parametrize(
    ("issued", "message"),
    [
        (facts("other.example", called="new"), f"the CA left out {HOSTNAME}"),
        (facts(HOSTNAME, called="new", not_after=5.0), "expired"),
        (facts(HOSTNAME, called="new", not_before=500.0), "not valid before"),
    ],
    ids=["other names", "expired", "not valid yet"],
)
def test_an_issued_certificate_with_wrong_names_or_dates_is_refused(
    issued: object, message: str
) -> None:
    command = replace(ISSUE, facts=issued)  # type: ignore[arg-type]
    found = refusal(shop(), command, 10.0)
    assert found.code == "invalid"
    assert message in found.message


def test_a_new_account_replaces_the_one_at_the_same_directory() -> None:
    """The account at another directory stays."""
    old, other = (
        Account("https://a", "https://a/1", "k1"),
        Account("https://b", "https://b/1", "k2"),
    )
    view = state(old, other)
    new = Account("https://a", "https://a/2", "k1")
    carry_out(view, OpenAccount(new, Bundle("k1", "", Secret("key"))))
    assert (view.account("https://a"), view.account("https://b")) == (new, other)
