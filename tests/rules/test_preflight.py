"""Every check of a pre-flight, one row of the table after the other."""

from __future__ import annotations

from typing import Any

import pytest
from samples import HOSTNAME, application, balancer, certificate, eu, group, state, us

from failoverdns.model.commands import Preflight
from failoverdns.model.group import Side
from failoverdns.rules.preflight import covers, plan_flight, preflight_report

NAMES = (HOSTNAME, "www.shop.example")
NOW = 100.0


def checked(
    *entities: Any, now: float = NOW, key_fault: str | None = None, **query: Any
) -> dict[str, str]:
    """Return the result of each check; `passed` is among them."""
    given = [e for e in (eu(), us()) if e.id not in {getattr(x, "id", None) for x in entities}]
    view = state(*given, *entities)
    flight = plan_flight(view, Preflight("shop", **query), now)
    report: Any = preflight_report(view, flight, now, key_fault)
    found = {check["check"]: check["result"] for check in report["checks"]}
    assert report["passed"] is ("failed" not in found.values())
    return found


def all_ok(**but: str) -> dict[str, str]:
    """All checks are well, but these."""
    names = ("application", "targets", "certificate", "names", "chain", "key", "expiry")
    return dict.fromkeys(names, "ok") | but


OWN = certificate("us", *NAMES, called="own")
FORMER = certificate("eu", *NAMES)


@pytest.mark.parametrize(
    ("entities", "now", "result"),
    [
        ([FORMER], NOW, all_ok()),
        ([FORMER, OWN], NOW, all_ok()),
        ([OWN], NOW, all_ok()),
        ([FORMER, certificate("us", *NAMES)], NOW, all_ok()),
        ([certificate("eu", "www.shop.example")], NOW, all_ok(names="warning")),
        (
            [FORMER, certificate("us", HOSTNAME)],
            NOW,
            all_ok(certificate="failed", names="failed"),
        ),
        ([FORMER], 9000.0, all_ok(certificate="failed", expiry="failed")),
        ([FORMER], 8000.0, all_ok(expiry="warning")),
        ([certificate("eu", *NAMES, length=1)], NOW, all_ok(chain="warning")),
        ([certificate("eu", *NAMES, length=1, self_signed=True)], NOW, all_ok()),
    ],
    ids=[
        "transferred",
        "transferred in its place",
        "its own, and none before",
        "there already",
        "without the hostname",
        "other names",
        "expired",
        "expires soon",
        "the leaf alone",
        "self-signed",
    ],
)
def test_the_certificate_that_it_would_have(
    entities: list[Any], now: float, result: dict[str, str]
) -> None:
    assert checked(group(), *entities, now=now) == result


def test_without_any_certificate_there_is_nothing_to_check() -> None:
    assert checked(group()) == {"application": "ok", "targets": "ok", "certificate": "ok"}


def test_a_side_without_application_or_targets_fails() -> None:
    assert checked(group(backup=None)) == {"application": "failed", "certificate": "ok"}
    assert checked(group(), application("us"))["targets"] == "failed"
    hidden = application("us", balancer("lb1", hostname="lb.example"), active="lb1")
    assert checked(group(), hidden)["targets"] == "ok"


def test_a_key_that_does_not_match_fails() -> None:
    assert checked(group(), FORMER, key_fault="it is damaged") == all_ok(key="failed")


def test_the_side_that_is_active_can_be_looked_at_too() -> None:
    assert checked(group(), FORMER, to=Side.PRIMARY) == all_ok()


@pytest.mark.parametrize(
    ("names", "wanted", "covered"),
    [
        (("www.shop.example",), "www.shop.example", True),
        (("*.shop.example",), "www.shop.example", True),
        (("*.shop.example",), "shop.example", False),
        (("*.shop.example",), "a.www.shop.example", False),
        (("*.shop.example",), "*.shop.example", True),
        (("*.example",), "*.shop.example", False),
        (("192.0.2.1",), "192.0.2.1", True),
    ],
)
def test_names_cover_names(names: tuple[str, ...], wanted: str, covered: bool) -> None:
    """A wildcard stands for one label (RFC 9525 section 6.3)."""
    assert covers(names, wanted) is covered
