"""What happened at the CA becomes part of the state only where the traffic is."""

from __future__ import annotations

import drawn
import pytest
import samples
from hypothesis import given
from samples import (
    HOSTNAME,
    carried_out,
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

from failoverdns.model.certificate import (
    Account,
    Bundle,
    Certificate,
    CertificateKind,
    Challenge,
    Order,
    Secret,
)
from failoverdns.model.commands import (
    FailOrder,
    IssueCertificate,
    Mutation,
    OpenAccount,
    PlaceOrder,
    RequestCertificate,
    SetChallenges,
)
from failoverdns.model.errors import Rejected
from failoverdns.model.group import Side
from failoverdns.rules.renewing import may_renew

KEY = Bundle("ord-eu/key", "", Secret("key"))
ISSUED = facts(HOSTNAME, called="issued")
CHALLENGE = Challenge(samples.name(f"_acme-challenge.{HOSTNAME}"), "value")
PLACE = PlaceOrder("ord-eu", "https://ca/order/1", KEY)
SERVE = SetChallenges("ord-eu", (CHALLENGE,))
ISSUE = IssueCertificate("ord-eu", drawn.bundled(ISSUED), ISSUED)
FAIL = FailOrder("ord-eu", "the CA says: no", 900.0)


def active(*more: object) -> samples.State:
    """A state in which `eu` is active and has an order."""
    return state(eu(), us(), group(), order("eu"), *more)  # type: ignore[arg-type]


def test_an_order_goes_from_step_to_step_and_is_done() -> None:
    view = active()
    carry_out(view, PLACE)
    (placed,) = view.orders()
    assert (placed.url, placed.key) == ("https://ca/order/1", "ord-eu/key")
    carry_out(view, SERVE)
    assert samples.answers(view, f"_acme-challenge.{HOSTNAME}") == ["TXT value"]
    _, writes, delta = carried_out(view, ISSUE)
    assert delta.removed == (CHALLENGE.owner,)
    found = view.certificate("app-eu")
    assert found is not None
    assert (found.kind, found.facts) == (CertificateKind.ACME, ISSUED)
    assert list(view.orders()) == []
    assert len(writes) == 2


def test_a_failure_forgets_what_was_at_the_ca() -> None:
    """Its URL, its key, its challenges; the reason is kept."""
    view = active()
    for command in (PLACE, SERVE, FAIL):
        carry_out(view, command)
    (failed,) = view.orders()
    assert failed == order("eu", failures=1, retry_at=900.0, problem="the CA says: no")
    assert samples.answers(view, f"_acme-challenge.{HOSTNAME}") is None


@pytest.mark.parametrize("command", [PLACE, SERVE, ISSUE])
def test_an_order_of_the_inactive_side_does_not_go_on(command: Mutation) -> None:
    view = state(eu(), us(), group(active=Side.BACKUP), order("eu"))
    assert refusal(view, command).code == "refused"


@pytest.mark.parametrize("command", [PLACE, SERVE, ISSUE, FAIL])
def test_an_order_that_is_no_more_does_not_come_back(command: Mutation) -> None:
    assert refusal(state(eu(), us(), group()), command).code == "not-found"


def test_what_is_issued_has_the_names_that_were_ordered_and_is_valid() -> None:
    view = active()
    other = facts("www.shop.example", called="other")
    refused = refusal(view, IssueCertificate("ord-eu", drawn.bundled(other), other))
    assert refused.message == f"the CA left out {HOSTNAME}"
    assert refusal(view, ISSUE, now=9001.0).code == "invalid"


def test_an_account_is_kept_for_each_directory() -> None:
    view = active()
    for directory in ("https://ca/one", "https://ca/two"):
        account = Account(directory, f"{directory}/me", f"account/{directory}")
        carry_out(view, OpenAccount(account, Bundle(account.key, "", Secret("key"))))
        assert view.account(directory) == account


@given(drawn.commands((samples.zone(), samples.zone(ttl=30))))
def test_certificates_are_issued_for_the_active_side_only(commands: list[Mutation]) -> None:
    """Whatever happened before: an order is made, goes on and ends only where the traffic is.

    And an order that is there belongs to an application that is, and has none beside it.
    """
    view = drawn.start(samples.zone())
    for now, command in enumerate(commands):
        before = {o.id: view.application(o.application) for o in view.orders()}
        allowed = {a.id: may_renew(view, a) for a in view.applications()}
        try:
            _, writes, _ = carried_out(view, command, float(now))
        except Rejected:
            continue
        for write in writes:
            if isinstance(command, RequestCertificate) and isinstance(write.after, Order):
                assert allowed[write.after.application]
            if isinstance(command, PlaceOrder | SetChallenges | IssueCertificate):
                of = before[command.order]
                assert of is not None
                assert allowed[of.id]
            if isinstance(command, IssueCertificate) and isinstance(write.after, Certificate):
                assert write.after.application == of.id
        owners = [found.application for found in view.orders()]
        assert len(set(owners)) == len(owners)
        assert all(view.application(owner) for owner in owners)
        holders = [found.application for found in view.certificates()]
        assert all(view.application(holder) for holder in holders)


def test_a_certificate_that_is_there_already_is_replaced() -> None:
    view = active(certificate("eu", HOSTNAME, kind=CertificateKind.ACME, called="before"))
    carry_out(view, ISSUE)
    found = view.certificate("app-eu")
    assert found is not None
    assert found.facts == ISSUED
