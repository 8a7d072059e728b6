"""Transfers of certificates: every row of the table, in either direction and for both kinds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from samples import (
    application,
    carried_out,
    carry_out,
    certificate,
    changed_by,
    eu,
    facts,
    group,
    order,
    refusal,
    server,
    state,
    us,
)

from failoverdns.model.certificate import Certificate, CertificateKind, Challenge
from failoverdns.model.commands.groups import Switch
from failoverdns.model.group import Side
from failoverdns.model.names import DomainName
from failoverdns.rules.decisions.transferring import TransferResult, plan_transfer

NOW = 5000.0
OTHER = ("shop.example", "www.shop.example")
DIRECTIONS = [("eu", "us", Side.PRIMARY), ("us", "eu", Side.BACKUP)]
KINDS = list(CertificateKind)
CERTIFICATE_NAMES, CERTIFICATE_EXPIRED = "certificate-names", "certificate-expired"


def valid(of: str, called: str = "a", **fields: Any) -> Certificate:
    return certificate(of, called=called, **fields)


def expired(of: str, called: str = "old", **fields: Any) -> Certificate:
    return certificate(of, called=called, not_after=NOW, **fields)


R = TransferResult

ROWS = [
    # formerly active     newly active               outcome                rules that fail
    (None,                None,                      R.NOTHING, ()),
    (None,                valid("us"),               R.NOTHING, ()),
    (None,                expired("us"),             R.NOTHING, (CERTIFICATE_EXPIRED,)),
    (valid("eu"),         None,                      R.TRANSFERRED,   ()),
    (valid("eu"),         valid("us"),               R.PRESENT, ()),
    (valid("eu"),         valid("us", "b"),          R.TRANSFERRED,   ()),
    (valid("eu"),         expired("us"),             R.TRANSFERRED,   ()),
    (valid("eu"),         certificate("us", *OTHER), R.NAMES_DIFFER, (CERTIFICATE_NAMES,)),
    (expired("eu"),       certificate("us", *OTHER), R.NAMES_DIFFER, (CERTIFICATE_NAMES,)),
    (expired("eu"),       valid("us"),               R.KEPT, ()),
    (expired("eu"),       None,                      R.TRANSFERRED, (CERTIFICATE_EXPIRED,)),
    (expired("eu"),       expired("us", "older"),    R.TRANSFERRED, (CERTIFICATE_EXPIRED,)),
    (expired("eu"),       expired("us"),             R.PRESENT, (CERTIFICATE_EXPIRED,)),
    (valid("eu"),         replace(certificate("us", *OTHER), facts=facts(*OTHER, not_after=1.0)),
     R.NAMES_DIFFER, (CERTIFICATE_NAMES, CERTIFICATE_EXPIRED)),
]  # fmt: skip


@pytest.mark.parametrize(("former", "own", "outcome", "rules"), ROWS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_row_of_the_table_of_transfers(former, own, outcome, rules, kind) -> None:
    """The result is the same for custom certificates and those of Let's Encrypt."""
    former = replace(former, kind=kind) if former is not None else None
    own = replace(own, kind=kind) if own is not None else None
    transfer = plan_transfer(former, own, "app-us", NOW)
    assert (transfer.outcome, tuple(rule for rule, _ in transfer.problems)) == (outcome, rules)
    if outcome is R.TRANSFERRED:
        moved = replace(former, application="app-us", installed_at=NOW, source="app-eu")
        assert transfer.certificate == moved
    else:
        assert transfer.certificate == own


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("direction", DIRECTIONS, ids=["to the backup", "back to the primary"])
def test_a_switch_transfers_the_certificate_to_the_other_side(kind, direction) -> None:
    """In either direction, and the reply reports it."""
    former, newly, active = direction
    view = state(eu(), us(), group(active=active), certificate(former, kind=kind))
    reply = carry_out(view, Switch(("shop",)), NOW)
    assert view.certificate(f"app-{newly}") == Certificate(
        f"app-{newly}", kind, facts(), NOW, f"app-{former}"
    )
    assert view.certificate(f"app-{former}") == certificate(former, kind=kind)
    assert reply["groups"][0]["certificate"] == {
        "outcome": "transferred",
        "names": ["www.shop.example"],
        "kind": kind.value,
        "fingerprint": facts().fingerprint,
        "not_after": "1970-01-01T02:30:00.000Z",
    }


def test_a_dry_run_reports_the_transfer_and_changes_nothing() -> None:
    view = state(eu(), us(), group(), certificate("eu"))
    reply = carry_out(view, Switch(("shop",), dry_run=True), NOW)
    assert reply["groups"][0]["certificate"]["outcome"] == "transferred"
    assert view.certificate("app-us") is None


def test_a_transfer_appears_in_the_history() -> None:
    view = state(eu(), us(), group(), certificate("eu"))
    parts = changed_by(view, Switch(("shop",)), now=NOW)
    (part,) = (part for part in parts if part["kind"] == "certificate")
    assert (part["name"], part["done"]) == ("us", "created")
    assert part["fields"]["transferred_from"] == [None, "eu"]


def test_a_certificate_for_other_names_is_refused_and_the_difference_named() -> None:
    """The message lists missing and extra names, so that the operator knows what to install."""
    view = state(
        eu(), us(), group(), certificate("eu", "a.test", "b.test"), certificate("us", "b.test", "c")
    )
    refused = refusal(view, Switch(("shop",)), NOW)
    (failure,) = refused.rules
    assert (failure.rule, failure.group) == (CERTIFICATE_NAMES, "shop")
    assert "missing there: a.test; extra there: c" in failure.message


def test_overriding_certificate_names_transfers_nothing_and_warns() -> None:
    own = certificate("us", *OTHER)
    view = state(eu(), us(), group(), certificate("eu"), own)
    reply = carry_out(view, Switch(("shop",), override=(CERTIFICATE_NAMES,)), NOW)
    report = reply["groups"][0]
    assert report["certificate"]["outcome"] == "names-differ"
    assert "missing there" in report["certificate"]["warning"] or "extra" in str(report)
    assert report["overridden"] == [CERTIFICATE_NAMES]
    assert view.certificate("app-us") == own


def test_overriding_certificate_expired_transfers_the_certificate_with_a_warning() -> None:
    view = state(eu(), us(), group(), expired("eu"))
    reply = carry_out(view, Switch(("shop",), override=(CERTIFICATE_EXPIRED,)), NOW)
    assert "expired" in reply["groups"][0]["certificate"]["warning"]
    assert view.certificate("app-us").facts == expired("eu").facts


def test_every_rule_that_fails_is_listed() -> None:
    view = state(eu(), application("us"), group(), expired("eu"))
    rules = {failure.rule for failure in refusal(view, Switch(("shop",)), NOW).rules}
    assert rules == {"target-empty", CERTIFICATE_EXPIRED}


def test_a_certificate_that_one_group_transfers_is_seen_by_the_next_group() -> None:
    """Two groups of the same applications transfer once; a third one's other names are refused."""
    third = application("asia", server("w", "203.0.113.1"))
    both = [group(), group("docs")]
    view = state(eu(), us(), *both, certificate("eu"))
    _, writes, _ = carried_out(view, Switch(("shop", "docs")), NOW)
    assert sum(isinstance(write.after, Certificate) for write in writes) == 1
    view = state(
        eu(),
        us(),
        third,
        group(),
        group("docs", primary="asia"),
        certificate("eu"),
        certificate("asia", *OTHER),
    )
    refused = refusal(view, Switch(("shop", "docs")), NOW)
    assert [(f.rule, f.group) for f in refused.rules] == [(CERTIFICATE_NAMES, "docs")]


CHALLENGES = (Challenge(DomainName.from_text("_acme-challenge.x.failover.test"), "v"),)


def test_an_order_in_progress_moves_with_the_switch() -> None:
    """The right to have certificates issued moves in the same transaction, and so do failures."""
    under_way = order("eu", url="https://ca/1", key="k", challenges=CHALLENGES, failures=2)
    view = state(eu(), us(), group(), under_way)
    carry_out(view, Switch(("shop",)), NOW)
    moved = replace(under_way, application="app-us")
    assert (view.order_for("app-eu"), view.order_for("app-us")) == (None, moved)


def test_an_order_stays_with_an_application_that_is_still_active_elsewhere() -> None:
    view = state(eu(), us(), group(), group("docs"), order("eu"))
    carry_out(view, Switch(("shop",)), NOW)
    assert view.order_for("app-eu") == order("eu")


def test_an_order_waits_when_the_other_side_keeps_other_names() -> None:
    """Its challenges are not served; after a switch back it continues, and is not placed twice."""
    under_way = order("eu", url="https://ca/1", key="k", challenges=CHALLENGES)
    view = state(eu(), us(), group(), certificate("eu"), certificate("us", *OTHER), under_way)
    carry_out(view, Switch(("shop",), override=(CERTIFICATE_NAMES,)), NOW)
    assert view.order_for("app-eu") == replace(under_way, challenges=())


def test_an_order_is_dropped_if_the_other_side_has_its_own() -> None:
    view = state(eu(), us(), group(), order("eu"), order("us"))
    carry_out(view, Switch(("shop",)), NOW)
    assert (view.order_for("app-eu"), view.order_for("app-us")) == (None, order("us"))


def test_a_swap_of_two_groups_moves_no_order() -> None:
    view = state(eu(), us(), group(), group("docs", active=Side.BACKUP), order("eu"))
    carry_out(view, Switch(("shop", "docs")), NOW)
    assert view.order_for("app-eu") == order("eu")
