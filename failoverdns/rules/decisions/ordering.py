"""Decisions on internal commands about orders: they record each step of an order at the CA.

An order is addressed by its id, not by its application, because a switch may move it to another
application while it is in progress; its certificate is then installed there.  A result for an order
that does not exist any more, or whose application is not active, is refused and not stored.

Every such function takes the state and a command, and returns a Decision or raises Rejected.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from failoverdns.model.application import Application
from failoverdns.model.certificate import Certificate, CertificateKind, Order
from failoverdns.model.change import Json, Write
from failoverdns.model.commands.certificates import (
    FailOrder,
    IssueCertificate,
    OpenAccount,
    PlaceOrder,
    SetChallenges,
)
from failoverdns.model.errors import Rejected
from failoverdns.model.moment import Moment
from failoverdns.rules.decisions.certificates import check_dates
from failoverdns.rules.decisions.decision import Decision, row
from failoverdns.rules.derived.challenges import checked_names
from failoverdns.rules.derived.renewing import may_renew, retry_at
from failoverdns.rules.derived.view import View

KEPT_FAILURES = 4
"""Failures in a row after which an order is placed again, although the CA did not reject it."""


def open_account(view: View, command: OpenAccount, _moment: Moment, _random: Random) -> Decision:
    """Store an account and its key, in place of an earlier account at the same directory."""
    before = view.account(command.account.directory)
    write = Write(before, command.account)
    report: dict[str, Json] = {"account": command.account.uri}
    return Decision((write,), lambda _: report, bundles=(command.bundle,))


def place_order(view: View, command: PlaceOrder, _moment: Moment, _random: Random) -> Decision:
    """Record the URL of an order at the CA, and store the key for its certificate."""
    order = check_order(view, command.order)
    after = replace(
        order, url=command.url, key=command.bundle.id, account=command.account, challenges=()
    )
    return Decision((Write(order, after),), lambda _: _report(after), bundles=(command.bundle,))


def set_challenges(
    view: View, command: SetChallenges, _moment: Moment, _random: Random
) -> Decision:
    """Serve the challenges of an order; without any, stop serving them, even if the order waits."""
    order = check_order(view, command.order) if command.challenges else _found(view, command.order)
    after = replace(order, challenges=command.challenges)
    writes = () if after == order else (Write(order, after),)
    return Decision(writes, lambda _: _report(after))


def fail_order(view: View, command: FailOrder, moment: Moment, _random: Random) -> Decision:
    """Record that an attempt at an order failed; its challenges are not served any more.

    | the order failed                     | its URL at the CA and its key                        |
    |--------------------------------------|------------------------------------------------------|
    | finally, as the CA reported          | are removed, so that it is placed again              |
    | otherwise, up to KEPT_FAILURES times | are kept: the CA may have issued the certificate     |
    | more often in a row                  | are removed                                          |
    """
    order = _found(view, command.order)
    failures = order.failures + 1
    after = replace(
        order,
        challenges=(),
        failures=failures,
        retry_at=retry_at(order.id, failures, moment.now, command.retry_after),
        not_before=moment.now + (command.retry_after or 0.0),
        problem=command.problem,
    )
    if command.is_final or failures > KEPT_FAILURES:
        after = replace(after, url=None, key=None, account=None)
    return Decision((Write(order, after),), lambda _: _report(after))


def issue_certificate(
    view: View, command: IssueCertificate, moment: Moment, _random: Random
) -> Decision:
    """Install the issued certificate for the order's application, and remove the order.

    Raises Rejected `invalid` if the certificate is not valid now, or lacks an ordered name.
    """
    order, application = _active(view, command.order)
    check_dates(command.facts, moment.now)
    missing = set(order.names) - set(command.facts.names)
    if missing:
        text = f"the CA left out {', '.join(sorted(missing))}"
        raise Rejected("invalid", text)
    before = view.certificate(application.id)
    after = Certificate(application.id, CertificateKind.ACME, command.facts, moment.now)
    return Decision(
        (Write(order, None), Write(before, after)),
        lambda _: {"application": application.name, "fingerprint": command.facts.fingerprint},
        bundles=(command.bundle,),
    )


def _found(view: View, id_: str) -> Order:
    order = view.order(id_)
    if order is None:
        raise Rejected("not-found", f"order {id_} does not exist any more")
    return order


def check_order(view: View, id_: str) -> Order:
    """Return an order (by id) if it may be placed and validated.

    Raises Rejected `not-found` if it does not exist any more, `refused` if its application is not
    active, and `invalid` if the application is not attached any more to the groups whose hostnames
    are ordered.
    """
    order, application = _active(view, id_)
    checked_names(view, application, order.names)
    return order


def _active(view: View, id_: str) -> tuple[Order, Application]:
    """Return an order and its application, if certificates may be issued to that."""
    order = _found(view, id_)
    application = view.application(order.application)
    if application is None or not may_renew(view, application):
        raise Rejected("refused", f"order {id_}: its application is not active any more")
    return order, application


def _report(order: Order) -> dict[str, Json]:
    return {"order": order.id, "names": list(order.names)}


DECISIONS = (
    row(OpenAccount, open_account),
    row(PlaceOrder, place_order),
    row(SetChallenges, set_challenges),
    row(FailOrder, fail_order),
    row(IssueCertificate, issue_certificate),
)
"""The commands that this module decides on."""
