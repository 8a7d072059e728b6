"""The results of probes at one application, and which of them are forgotten after a change."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from failoverdns.automation.watched import Seen, Watched, seen_after
from failoverdns.model.application import Application, Head, HeadRole
from failoverdns.model.health import Cause, Check, CheckKind, Health, ProbeResult, ProbeTarget
from failoverdns.rules.derived.health import RESTING, SETTLING, Tally
from failoverdns.rules.derived.probe_targets import TallyKey

WEB = Check("web", CheckKind.TCP, port=80)
IPV4, IPV6 = ip_address("192.0.2.1"), ip_address("2001:db8::1")
AT_IPV4 = TallyKey("app-1", "lb", "web", IPV4)
AT_IPV6 = TallyKey("app-1", "lb", "web", IPV6)
OF_THE_HEAD = TallyKey("app-1", "lb", "web")
SEEN = Seen(Tally(Health.UP, 2), 5.0)
EU = Application(
    "app-1", "eu", heads=(Head("lb", HeadRole.LOAD_BALANCER, (IPV4, IPV6)),), checks=("web",)
)


def target(key: TallyKey, check: Check = WEB) -> ProbeTarget:
    """Return the target of a tally that is kept for an address."""
    assert key.address is not None
    return ProbeTarget(check, "eu", key.head, key.address)


@pytest.fixture
def watched() -> Watched:
    """Return an application with a load balancer at two addresses, each with a result."""
    found = Watched("app-1")
    found.retarget({key: target(key) for key in (AT_IPV4, AT_IPV6)})
    found.arrange(EU)
    found.seen = {AT_IPV4: SEEN, AT_IPV6: SEEN}
    return found


def test_a_head_has_a_tally_for_each_probed_address(watched: Watched) -> None:
    assert watched.keys("lb", WEB) == [AT_IPV4, AT_IPV6]
    del watched.seen[AT_IPV6]
    assert watched.tallies("lb", WEB) == [SEEN.tally, Tally()]


def test_a_head_without_probed_addresses_has_one_tally(watched: Watched) -> None:
    """Reports from outside, and hostnames that do not resolve, count for the head as a whole."""
    watched.retarget({})
    watched.arrange(EU)
    assert watched.keys("lb", WEB) == [OF_THE_HEAD]
    watched.seen[OF_THE_HEAD] = SEEN
    assert watched.tallies("lb", WEB) == [SEEN.tally]


def test_a_changed_check_forgets_the_results_at_its_address(watched: Watched) -> None:
    """An equal check at the other address keeps its results."""
    changed = target(AT_IPV4, replace(WEB, port=8080))
    watched.retarget({AT_IPV4: changed, AT_IPV6: target(AT_IPV6)})
    assert watched.seen == {AT_IPV6: SEEN}


def test_other_names_for_a_target_keep_its_results(watched: Watched) -> None:
    named = replace(target(AT_IPV4), names=("www.shop.example",))
    watched.retarget({AT_IPV4: named, AT_IPV6: target(AT_IPV6)})
    assert watched.seen == {AT_IPV4: SEEN, AT_IPV6: SEEN}


def test_a_removed_address_forgets_its_results(watched: Watched) -> None:
    watched.retarget({AT_IPV6: target(AT_IPV6)})
    watched.arrange(EU)
    assert watched.seen == {AT_IPV6: SEEN}


@pytest.mark.parametrize(
    ("application", "kept"),
    [
        pytest.param(EU, True, id="unchanged"),
        pytest.param(replace(EU, heads=()), False, id="the head is removed"),
        pytest.param(replace(EU, checks=()), False, id="the check is removed"),
    ],
)
def test_the_results_of_a_head_as_a_whole_stay_while_it_has_the_check(
    watched: Watched, application: Application, kept: bool
) -> None:
    watched.seen = {OF_THE_HEAD: SEEN}
    watched.arrange(application)
    assert watched.seen == ({OF_THE_HEAD: SEEN} if kept else {})


def test_after_a_change_the_health_of_every_head_is_judged_again(watched: Watched) -> None:
    watched.unsettled = set()
    watched.arrange(EU)
    assert watched.unsettled == {"lb"}


GOOD, BAD = ProbeResult(None, "", 0.1), ProbeResult(Cause.TIMEOUT, "", 3.0)


def after(results: str, seen: Seen | None = None, now: float = 1000.0) -> Seen:
    """Return what is seen after some results at one time: `+` is a good one, `-` a bad one."""
    for result in results:
        seen = seen_after(seen, GOOD if result == "+" else BAD, WEB, now)
    assert seen is not None
    return seen


def test_a_head_that_went_down_is_not_settled_for_a_while() -> None:
    """It may have been a burst of loss: good probes soon bring it up again."""
    down = after("++----")
    assert (down.tally.health, down.since) == (Health.DOWN, 1000.0)
    assert not after("-", down, 1000.0 + SETTLING - 1).is_settled
    assert after("-", down, 1000.0 + SETTLING).is_settled
    assert not after("+", down, 5000.0).is_settled


def test_a_head_that_came_up_again_is_settled_for_a_while() -> None:
    """One that comes and goes every few seconds does not change at that pace."""
    again = after("++----++")
    assert again.tally.health is Health.UP
    assert after("-", again, 1000.0 + RESTING - 1).is_settled
    assert not after("-", again, 1000.0 + RESTING).is_settled


def test_a_head_that_has_never_been_down_is_probed_fast_after_a_bad_probe() -> None:
    assert not after("++-").is_settled
    assert after("++-+").is_settled
