"""Each outage pattern fails the probes and clients that its name says."""

from __future__ import annotations

from random import Random

import pytest
from simulation.patterns import (
    BEGINS,
    PATTERNS,
    Pattern,
    backup_dies,
    both_down,
    cut_off,
    flapping,
    hard_down,
    lossy,
    named,
    partial,
    probe,
    slow,
)
from simulation.setting import CHECK

from failoverdns.model.errors import Malformed
from failoverdns.model.group import Side
from failoverdns.model.health import Cause

_P, _B = Side.PRIMARY, Side.BACKUP


def share_good(pattern: Pattern, side: Side, at: float, head: int = 0) -> float:
    """Probe a head a thousand times at one time; return the share of good results."""
    dice = Random(7)
    results = [probe(pattern, CHECK, side, head, BEGINS + at, dice) for _ in range(1000)]
    return sum(result.is_good for result in results) / 1000


@pytest.mark.parametrize(
    ("pattern", "side", "at", "right", "good"),
    [
        pytest.param(hard_down(600.0), _P, -1.0, 1.0, 1.0, id="up before a hard outage"),
        pytest.param(hard_down(600.0), _P, 0.0, 0.0, 0.0, id="down in it"),
        pytest.param(hard_down(600.0), _P, 599.0, 0.0, 0.0, id="down until its end"),
        pytest.param(hard_down(600.0), _P, 600.0, 1.0, 1.0, id="up after it"),
        pytest.param(hard_down(600.0), _B, 10.0, 1.0, 1.0, id="the other side is well"),
        pytest.param(flapping(100.0, 0.8), _P, 79.0, 1.0, 1.0, id="up for the duty of a period"),
        pytest.param(flapping(100.0, 0.8), _P, 81.0, 0.0, 0.0, id="down for the rest"),
        pytest.param(flapping(100.0, 0.8), _P, 5101.0, 1.0, 1.0, id="and so on"),
        pytest.param(partial(2, 3), _P, 10.0, 1 / 3, 0.0, id="the first two of three are down"),
        pytest.param(both_down(900.0, 300.0), _B, 299.0, 0.0, 0.0, id="both down"),
        pytest.param(both_down(900.0, 300.0), _B, 301.0, 1.0, 1.0, id="the backup recovers first"),
        pytest.param(both_down(900.0, 300.0), _P, 301.0, 0.0, 0.0, id="the primary does not"),
        pytest.param(backup_dies(60.0, 900.0), _B, 899.0, 1.0, 1.0, id="the backup is up"),
        pytest.param(backup_dies(60.0, 900.0), _B, 901.0, 0.0, 0.0, id="until it dies"),
        pytest.param(cut_off(60.0), _P, 59.0, 1.0, 0.0, id="cut off: clients are served"),
        pytest.param(cut_off(60.0), _B, 61.0, 1.0, 1.0, id="no longer cut off"),
    ],
)
def test_a_pattern_fails_the_side_and_time_that_it_should(
    pattern: Pattern, side: Side, at: float, right: float, good: float
) -> None:
    assert pattern.share_right(side, BEGINS + at) == pytest.approx(right)
    assert share_good(pattern, side, at) == good


def test_some_web_servers_are_down_and_the_others_are_not() -> None:
    assert share_good(partial(2, 3), _P, 10.0, head=2) == 1.0


def test_slow_responses_fail_probes_and_clients() -> None:
    """They fail with the given probability, and not before the outage begins."""
    assert share_good(slow(0.3), _P, 10.0) == pytest.approx(0.7, abs=0.05)
    assert slow(0.3).share_right(_P, BEGINS + 10.0) == pytest.approx(0.7)
    assert share_good(slow(0.3), _P, -10.0) == 1.0
    assert share_good(slow(0.3), _B, 10.0) == 1.0


def test_lost_probes_are_not_an_outage_for_clients() -> None:
    """Probes of both sides are lost, while clients are served."""
    for side in Side:
        assert share_good(lossy(0.2), side, 10.0) == pytest.approx(0.8, abs=0.05)
        assert lossy(0.2).share_right(side, BEGINS + 10.0) == 1.0


def test_a_dead_machine_causes_a_timeout_and_a_dead_service_refuses() -> None:
    dead = probe(hard_down(), CHECK, _P, 0, BEGINS, Random(0))
    assert (dead.cause, dead.seconds) == (Cause.TIMEOUT, CHECK.timeout)
    refused = probe(hard_down(refuses=True), CHECK, _P, 0, BEGINS, Random(0))
    assert refused.cause is Cause.REFUSED
    assert refused.seconds < 1.0


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_is_found_by_its_name(name: str) -> None:
    assert named(name).name == name


def test_a_pattern_accepts_values_for_its_parameters() -> None:
    assert named("flapping:period=60,duty=0.9") == flapping(60.0, 0.9)
    assert named("hard-down:refuses=yes,lasts=10") == hard_down(10.0, refuses=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("flaping", "there are hard-down"),
        ("flapping:perod=60", "it has period, duty"),
        ("flapping:period=often", "give a value like 180.0"),
        ("partial:heads=1.5", "give a value like 3"),
        ("hard-down:lasts=1e9", "to 604800"),
        ("hard-down:lasts=nan", "from 1 to"),
        ("hard-down:refuses=1", "yes or no"),
        ("flapping:period=0", "from 1 to"),
        ("flapping:duty=2", "from 0 to 0.99"),
        ("partial:broken=4", "at most heads=3"),
        ("lossy:lost=1.5", "from 0 to 0.99"),
    ],
)
def test_an_invalid_pattern_is_rejected_with_advice(text: str, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        named(text)
