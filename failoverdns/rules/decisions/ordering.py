"""The system's own commands on orders: what happened at the CA, as it becomes part of the state.

An order is addressed by its id, not by its application: a switch may move it to another one while
it is under way, and then what the CA issues is installed there.  Whoever comes with the result of
an order that is no more, or that waits because its application is not active, is refused, and
nothing of the result is kept.

Every function takes the state and a command and returns a Decision or raises Rejected.
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
from failoverdns.rules.decisions.decision import Decision
from failoverdns.rules.derived.challenges import checked_names
from failoverdns.rules.derived.renewing import may_renew, retry_at
from failoverdns.rules.derived.view import View

KEPT_FAILURES = 4
"""Failures in a row after which an order is placed anew, even if the CA did not say it is over."""


def open_account(view: View, command: OpenAccount, _moment: Moment, _random: Random) -> Decision:
    """Keep an account and its key, in place of another one at the same directory."""
    before = view.account(command.account.directory)
    write = Write(before, command.account)
    report: dict[str, Json] = {"account": command.account.uri}
    return Decision((write,), lambda _: report, bundles=(command.bundle,))


def place_order(view: View, command: PlaceOrder, _moment: Moment, _random: Random) -> Decision:
    """Note where an order is at the CA, and keep the key that is to be certified."""
    order = check_order(view, command.order)
    after = replace(
        order, url=command.url, key=command.bundle.id, account=command.account, challenges=()
    )
    return Decision((Write(order, after),), lambda _: _report(after), bundles=(command.bundle,))


def set_challenges(
    view: View, command: SetChallenges, _moment: Moment, _random: Random
) -> Decision:
    """Serve values for an order; none, to take away what was served, also if it has to wait."""
    order = check_order(view, command.order) if command.challenges else _found(view, command.order)
    after = replace(order, challenges=command.challenges)
    writes = () if after == order else (Write(order, after),)
    return Decision(writes, lambda _: _report(after))


def fail_order(view: View, command: FailOrder, moment: Moment, _random: Random) -> Decision:
    """Note that an attempt failed; its challenges are served no more.

    | it failed                            | where it is at the CA, and its key              |
    |--------------------------------------|-------------------------------------------------|
    | for good: the CA said so             | are forgotten: it is placed anew                |
    | in some other way, a few times       | are kept: the CA may have issued it meanwhile   |
    | more often in a row                  | are forgotten                                   |
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
    """Install what was issued where the traffic is by now; the order is done.

    Raises Rejected `invalid` if it is not valid `now`, or not for the names that were ordered.
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
        raise Rejected("not-found", f"order {id_} is no more")
    return order


def check_order(view: View, id_: str) -> Order:
    """Return an order that may be placed and validated.

    Raises Rejected `not-found`; `refused` if its application is not active; `invalid` if that is
    not attached any more to the groups whose hostnames are ordered.
    """
    order, application = _active(view, id_)
    checked_names(view, application, order.names)
    return order


def _active(view: View, id_: str) -> tuple[Order, Application]:
    """Return an order and its application, if that may have certificates issued."""
    order = _found(view, id_)
    application = view.application(order.application)
    if application is None or not may_renew(view, application):
        raise Rejected("refused", f"order {id_}: its application is not active any more")
    return order, application


def _report(order: Order) -> dict[str, Json]:
    return {"order": order.id, "names": list(order.names)}
