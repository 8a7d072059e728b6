"""Pre-flight checks: each one passes, warns or fails as the switch would."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import watched
from samples import HOSTNAME, application, certificate, eu, facts, group, order, state, us
from watched import DOWN, UNKNOWN, UP

from failoverdns.changes.state import State
from failoverdns.model.certificate import CertificateKind
from failoverdns.model.commands.groups import Preflight, Switch
from failoverdns.model.entity import Entity
from failoverdns.model.group import Side
from failoverdns.model.moment import Moment
from failoverdns.model.policy import Assertion, Automation, Gate
from failoverdns.rules.decisions.preflight import Soundness, plan_flight, preflight_report
from failoverdns.rules.decisions.switching import switch

NOW, DUE, EXPIRED = 100.0, 8000.0, 9000.0


def look(
    view: State,
    now: float = NOW,
    soundness: Soundness | None = None,
    to: Side | None = None,
    asks_hooks: bool = False,
) -> dict[str, Any]:
    flight = plan_flight(view, Preflight("shop", to), Moment(now, now))
    return preflight_report(view, flight, now, soundness, asks_hooks=asks_hooks)


def checks(report: dict[str, Any]) -> dict[str, str]:
    return {check["check"]: check["result"] for check in report["checks"]}


def message_of(report: dict[str, Any], check: str) -> str:
    (found,) = [c["message"] for c in report["checks"] if c["check"] == check]
    return str(found)


def shop(*entities: Entity, **fields: object) -> State:
    return state(eu(), us(), group(**fields), *entities)


EU = certificate("eu", HOSTNAME, kind=CertificateKind.ACME)
OTHER = certificate("us", "other.example", called="b")


def test_a_switch_that_would_succeed_passes_every_check() -> None:
    report = look(shop(EU))
    assert (report["to"], report["changed"], report["passed"]) == ("backup", True, True)
    assert checks(report) == dict.fromkeys(
        ["application", "targets", "certificate", "names", "chain", "key", "expiry"], "ok"
    )
    assert "will be transferred" in message_of(report, "certificate")


@pytest.mark.parametrize(
    ("view", "more", "check", "result", "text"),
    [
        (shop(backup=None), {}, "application", "failed", "no application is attached"),
        (state(eu(), application("us"), group()), {}, "targets", "failed", "resolves to nothing"),
        (shop(), {}, "certificate", "ok", "neither side has one"),
        (shop(EU, backup=None), {}, "certificate", "warning", "no application to transfer it to"),
        (shop(backup=None), {}, "certificate", "ok", "neither side has one"),
        (shop(EU, OTHER), {}, "certificate", "failed", "is for other names"),
        (shop(EU, OTHER), {}, "names", "failed", f"it is not valid for {HOSTNAME}"),
        (shop(EU), {"now": EXPIRED}, "certificate", "failed", "expired"),
        (shop(EU), {"now": EXPIRED}, "expiry", "failed", "expired"),
        (shop(EU), {"now": DUE}, "expiry", "warning", "which is soon"),
        (
            shop(certificate("eu", "www.customer.example")),
            {},
            "names",
            "warning",
            f"it is not valid for {HOSTNAME}",
        ),
        (shop(EU), {}, "chain", "ok", "2 certificate(s)"),
        (
            shop(EU),
            {"soundness": Soundness(facts(warnings=("it is odd", "it is old")))},
            "chain",
            "warning",
            "it is odd; it is old",
        ),
        (
            shop(EU),
            {"soundness": Soundness(facts(), None, ("its CA expired",))},
            "chain",
            "failed",
            "its CA expired",
        ),
        (
            shop(EU),
            {"soundness": Soundness(facts(not_after=NOW))},
            "expiry",
            "failed",
            "expired at 1970-01-01T00:01:40",
        ),
        (
            shop(EU),
            {"soundness": Soundness(facts(), "it does not match")},
            "key",
            "failed",
            "it does not match",
        ),
        (shop(EU, certificate("us", HOSTNAME)), {}, "certificate", "ok", "transferred"),
        (
            shop(EU, certificate("us", HOSTNAME, kind=CertificateKind.ACME)),
            {},
            "certificate",
            "ok",
            "the same as on the active side",
        ),
        (shop(OTHER), {}, "certificate", "ok", "its own"),
        (
            shop(
                certificate("eu", HOSTNAME, not_after=50.0), certificate("us", HOSTNAME, called="b")
            ),
            {},
            "certificate",
            "ok",
            "because the active side's is expired",
        ),
        (shop(order("eu")), {}, "order", "warning", "would move along"),
        (shop(order("eu"), order("us")), {}, "order", "warning", "would be dropped"),
        (shop(EU, OTHER, order("eu")), {}, "order", "warning", "would wait"),
        (shop(order("us")), {}, "order", "warning", "continues when it is active"),
        (
            state(eu(), us(), group(), group("docs"), order("eu")),
            {},
            "order",
            "warning",
            "stays there",
        ),
        (shop(EU), {"asks_hooks": True}, "hooks", "warning", "are not run here"),
    ],
)
def test_a_check_passes_warns_or_fails(
    view: State, more: dict[str, Any], check: str, result: str, text: str
) -> None:
    """Each case is a row of the table in `preflight`."""
    report = look(view, **more)
    assert checks(report)[check] == result
    assert text in message_of(report, check)
    assert report["passed"] is ("failed" not in checks(report).values())


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (watched.shop(UP, UP), {"health": "the backup is up"}),
        (watched.shop(UP, UNKNOWN), {"health": "the backup is unknown"}),
        (watched.shop(UP, DOWN), {"health": "lb1: refused, port 80: refused"}),
        (shop(), {}),
        (state(eu(), us(forced=watched.forced(UP)), group()), {"health": "the backup is up"}),
        (
            state(eu(), us(forced=watched.forced(DOWN)), group()),
            {"health": "it is forced down"},
        ),
        (
            watched.watched([group()], UP, UP, Assertion("at-home", ("shop",), 1)),
            {
                "health": "the backup is up",
                "safety": "at-home: group 'shop': 0 of shop would be on their primary, and at "
                "least 1 must be: switch another group back first",
            },
        ),
        (
            watched.watched([group()], UP, UP, Gate("never", ("*",), flag="never")),
            {"health": "the backup is up"},
        ),
    ],
)
def test_health_and_safety_rules_are_reported_as_the_switch_would_apply_them(
    view: State, expected: dict[str, str]
) -> None:
    """Health without checks and override is not reported; gates apply to automation only."""
    report = look(view)
    found = {c["check"]: c["message"] for c in report["checks"] if c["check"] in _SAFETY}
    assert found == expected
    proposal = plan_flight(view, Preflight("shop"), Moment(NOW, NOW)).proposal
    assert report["passed"] is not bool(proposal.failures)


_SAFETY = ("health", "safety")


@pytest.mark.parametrize(("view", "certificate"), [(shop(EU), "its own"), (shop(), "it has none")])
def test_a_side_that_is_active_already_is_checked_without_a_switch(
    view: State, certificate: str
) -> None:
    """No hook would run, and nothing would be transferred."""
    report = look(view, to=Side.PRIMARY, asks_hooks=True)
    assert (report["changed"], report["passed"]) == (False, True)
    assert message_of(report, "certificate") == certificate
    assert "hooks" not in checks(report)


@pytest.mark.parametrize(
    "entities",
    [(), (EU,), (OTHER,), (EU, OTHER), (EU, order("eu")), (EU, certificate("us", HOSTNAME))],
)
def test_preflight_fails_if_the_switch_would_be_refused(entities: tuple[Entity, ...]) -> None:
    """It passes for a switch that would be carried out."""
    view = shop(*entities)
    proposal = plan_flight(view, Preflight("shop"), Moment(NOW, NOW)).proposal
    if proposal.failures:
        assert not look(view)["passed"]
    else:
        switch(view, Switch(("shop",)), Moment(NOW, NOW), Random(0))


def test_a_wildcard_right_below_the_root_covers_nothing() -> None:
    """A switch away from a certificate for `shop.com` to one for `*.com` would break clients."""
    report = look(shop(certificate("eu", "shop.com"), certificate("us", "*.com", called="b")))
    assert checks(report)["names"] == "failed"
    assert "it is not valid for shop.com" in message_of(report, "names")


def test_a_policy_that_can_never_act_is_a_warning() -> None:
    """A switch by hand succeeds all the same."""
    of_auto = group(automation=Automation("auto"))
    report = look(state(eu(), us(), of_auto, settings=watched.settings()))
    assert report["passed"]
    assert checks(report)["policy"] == "warning"
    assert "can never switch it to the backup: nothing checks its primary" in message_of(
        report, "policy"
    )
    assert "policy" not in checks(look(shop()))
