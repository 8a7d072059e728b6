"""The simulation does what the server does, and policies keep their promises for any probes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulation.corridor import carried_out
from simulation.patterns import BEGINS, Pattern, cut_off, hard_down, lossy, named
from simulation.probing import Observation, observations
from simulation.replay import replayed
from simulation.run import Run
from simulation.setting import CHECK, POLICY, Setting, setting_of

from failoverdns.model.group import Side
from failoverdns.model.health import Cause, Health, ProbeResult, Quorum
from failoverdns.model.policy import Mode, Policy

_NERVOUS = Setting(
    replace(CHECK, up_after=1, down_after=1),
    replace(POLICY, grace=0.0, hold=20.0, cooldown=40.0, fail_back=Mode.AUTOMATIC),
)


@pytest.mark.parametrize("setting", [Setting(), Setting().with_fail_back(), _NERVOUS])
@pytest.mark.parametrize(
    "pattern",
    [
        "hard-down",
        "blip",
        "flapping:period=400,lasts=6000",
        "slow:late=0.5",
        "lossy:lost=0.3,lasts=6000",
        "both-down",
        "backup-dies",
        "cut-off",
    ],
)
def test_the_rules_alone_switch_like_the_servers_change_corridor(
    pattern: str, setting: Setting
) -> None:
    """For the same probes, health and switches have the same times and reasons."""
    what = named(pattern)
    seen = list(observations(what, setting.check, 5))
    run = replayed(seen, what.heads, setting, what.lasts)
    assert run == carried_out(seen, what.heads, setting, what.lasts)
    assert run.health


@pytest.mark.parametrize("require_heads", ["any", "all", 2])
def test_the_rules_alone_switch_like_the_corridor_for_several_web_servers(
    require_heads: Quorum,
) -> None:
    what, setting = named("partial:broken=2,heads=3"), Setting(require_heads=require_heads)
    seen = list(observations(what, setting.check, 5))
    run = replayed(seen, 3, setting, what.lasts)
    assert run == carried_out(seen, 3, setting, what.lasts)
    assert [switch.to for switch in run.switches] == (
        [] if require_heads == "any" else [Side.BACKUP]
    )


_BAD = ProbeResult(Cause.TIMEOUT, "", 3.0)
_GOOD = ProbeResult(None, "", 0.0)


def seen_of(drawn: Sequence[tuple[int, Side, bool]], apart: float = 0.0) -> list[Observation]:
    """Return observations from tuples: seconds since the one before, side, and whether it is good.

    Each comes `apart` seconds later, so that none comes at the time of a deadline.
    """
    at, seen = 0.0, []
    for gap, side, is_good in drawn:
        at += gap + apart
        seen.append(Observation(at, side, 0, _GOOD if is_good else _BAD))
    return seen


PROBES = st.lists(
    st.tuples(st.integers(0, 90), st.sampled_from(Side), st.booleans()), min_size=10, max_size=120
)
POLICIES = st.builds(
    Policy,
    st.just("policy"),
    st.just(Mode.AUTOMATIC),
    grace=st.sampled_from([0.0, 0.0, 30.0]),
    fail_back=st.sampled_from([Mode.AUTOMATIC, Mode.AUTOMATIC, Mode.MANUAL]),
    hold=st.sampled_from([0.0, 0.0, 45.0]),
    cooldown=st.sampled_from([0.0, 7.0, 60.0, 200.0]),
    max_switches=st.integers(1, 4),
    window=st.sampled_from([60.0, 300.0, 3600.0]),
)
SETTINGS = st.builds(
    lambda policy, after: Setting(replace(CHECK, up_after=after, down_after=after), policy),
    POLICIES,
    st.sampled_from([1, 1, 2]),
)


@settings(max_examples=150)
@given(PROBES, SETTINGS)
def test_switches_respect_max_switches_and_cooldown(
    drawn: list[tuple[int, Side, bool]], setting: Setting
) -> None:
    """For any probes: at most `max_switches` in any window, and `cooldown` between them."""
    seen = seen_of(drawn)
    until = seen[-1].at + 4000.0
    times = [switch.at for switch in replayed(seen, 1, setting, until).switches]
    policy = setting.policy
    assert all(later - earlier >= policy.cooldown for earlier, later in pairwise(times))
    for begin in times:
        within = [at for at in times if begin <= at < begin + policy.window]
        assert len(within) <= policy.max_switches


EAGER = SETTINGS.map(
    lambda drawn: Setting(
        _NERVOUS.check,
        replace(drawn.policy, fail_back=Mode.AUTOMATIC, grace=0.0, hold=0.0),
    )
)


@settings(max_examples=60)
@given(PROBES, EAGER)
def test_a_fail_back_leaves_one_switch_in_reserve(
    drawn: list[tuple[int, Side, bool]], setting: Setting
) -> None:
    """For any probes, a group that failed back to its primary can switch once more."""
    seen, policy = seen_of(drawn), setting.policy
    switches = replayed(seen, 1, setting, seen[-1].at + 4000.0).switches
    for number, switch in enumerate(switches):
        if switch.why == "the primary is up again" and policy.max_switches > 1:
            since = switch.at - policy.window
            within = [earlier for earlier in switches[: number + 1] if earlier.at > since]
            assert len(within) < policy.max_switches


@settings(max_examples=60)
@given(PROBES, SETTINGS)
def test_a_group_leaves_its_primary_only_after_the_grace(
    drawn: list[tuple[int, Side, bool]], setting: Setting
) -> None:
    """For any probes, the primary was down, and the backup up, for the length of the grace."""
    seen, policy = seen_of(drawn, apart=2.0**-10), setting.policy
    run = replayed(seen, 1, setting, seen[-1].at + 4000.0)
    arrived = 0.0
    for switch in run.switches:
        if switch.to is Side.BACKUP:
            changes = [change for change in run.health if change.at <= switch.at]
            last = {change.side: change for change in changes}
            assert last[Side.PRIMARY].health is Health.DOWN
            assert last[Side.BACKUP].health is Health.UP
            assert switch.at >= max(arrived, *(last[side].at for side in Side)) + policy.grace
        arrived = switch.at


@settings(max_examples=20)
@given(PROBES, SETTINGS)
def test_the_corridor_and_the_rules_agree_on_any_probes(
    drawn: list[tuple[int, Side, bool]], setting: Setting
) -> None:
    seen = seen_of(drawn)
    until = seen[-1].at + 4000.0
    assert replayed(seen, 1, setting, until) == carried_out(seen, 1, setting, until)


def test_a_group_waits_for_its_cooldown() -> None:
    """Without it, a group without grace follows each probe of a primary that flaps."""
    nervous = replace(_NERVOUS, policy=replace(_NERVOUS.policy, hold=0.0))
    probes = [(5, Side.BACKUP, True)] + [(5, Side.PRIMARY, good) for good in [True, False] * 40]
    times = [switch.at for switch in replayed(seen_of(probes), 1, nervous, 410.0).switches]
    assert times == [15.0, 55.0, 95.0]
    hasty = replace(nervous, policy=replace(nervous.policy, cooldown=0.0))
    times = [switch.at for switch in replayed(seen_of(probes), 1, hasty, 410.0).switches]
    assert times == [15.0, 20.0, 25.0]


def run_of(pattern: Pattern, setting: Setting, seed: int = 1) -> Run:
    return replayed(observations(pattern, setting.check, seed), 1, setting, pattern.lasts)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("setting", [Setting(), setting_of(10, 3, 3, 30)])
def test_a_hard_outage_causes_a_switch_as_soon_as_possible(setting: Setting, seed: int) -> None:
    """Bad probes are followed by others at once, or at the interval; then comes the grace."""
    check, run = setting.check, run_of(hard_down(), setting, seed)
    detected = run.first_down(Side.PRIMARY, BEGINS)
    assert detected is not None
    wobble = 2.0 * check.jitter * check.interval
    between = max(check.fast_interval, check.timeout)
    longest = (check.down_after - 1) * between + check.interval + check.timeout + wobble
    assert longest - check.interval - 2.0 * wobble <= detected - BEGINS <= longest
    (switch,) = run.switches
    assert (switch.at, switch.to) == (detected + setting.policy.grace, Side.BACKUP)
    assert run.answers().at(switch.at - 0.001) is Side.PRIMARY
    assert run.answers().at(switch.at) is Side.BACKUP


def test_a_fail_back_waits_for_the_hold() -> None:
    run = run_of(hard_down(), Setting().with_fail_back())
    back = run.switches[1]
    up = next(c.at for c in run.health if c.at > BEGINS and c.health is Health.UP)
    assert (back.at, back.to) == (up + 300.0, Side.PRIMARY)


def test_a_network_without_losses_causes_no_switch() -> None:
    assert run_of(lossy(0.0), setting_of(2, 1, 1, 0, timeout=1)).switches == ()


@pytest.mark.parametrize("lasts", [30.0, 60.0, 300.0])
@pytest.mark.parametrize("setting", [Setting(), Setting().with_fail_back()])
def test_a_server_cut_off_from_both_sides_does_not_switch(setting: Setting, lasts: float) -> None:
    """This holds whichever side answers first afterwards; without a grace it would switch."""
    pattern, hasty = cut_off(lasts), setting_of(10, 4, 2, 0)
    runs = [run_of(pattern, setting, seed) for seed in range(50)]
    assert not any(run.switches for run in runs)
    if lasts > 60.0:
        assert all(run.first_down(side, BEGINS) for run in runs for side in Side)
        assert any(run_of(pattern, hasty, seed).switches for seed in range(50))
