"""Health: of a head from its probes, of an application from its heads, and the reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import inf

import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st
from watched import DOWN, UNKNOWN, UP, all_are, condition, forced, is_

from failoverdns.model.application import Application, Head
from failoverdns.model.health import Cause, Check, CheckKind, Health, ProbeResult, Quorum
from failoverdns.rules.derived.health import (
    RESTING,
    SETTLING,
    Condition,
    Tally,
    application_condition,
    combined,
    head_condition,
    head_observed,
    healthy_heads,
    is_settled,
    merged,
    observed_of,
    tallied,
    why_down,
)

GOOD = ProbeResult(None, "", 0.1)
BAD = ProbeResult(Cause.TIMEOUT, "nothing came within 3 s", 3.0)
NOTHING = ProbeResult(Cause.LOCAL, "this machine has no route to 2001:db8::1", 0.0)
RESULTS = {"+": GOOD, "-": BAD, "0": NOTHING}
LETTERS = {UP: "u", DOWN: "d", UNKNOWN: "?"}


def known(results: str, up_after: int, down_after: int) -> str:
    """The health after each of some results, as letters.

    `+` is a good result, `-` a bad one, `0` one that found nothing out.
    """
    check = Check("web", CheckKind.TCP, up_after=up_after, down_after=down_after)
    tally, letters = Tally(), ""
    for result in results:
        tally = tallied(tally, RESULTS[result], check)
        letters += LETTERS[tally.health]
    return letters


@pytest.mark.parametrize(
    ("results", "up_after", "down_after", "expected"),
    [
        pytest.param("++", 3, 3, "??", id="too few good ones to know"),
        pytest.param("+++", 3, 3, "??u", id="just enough good ones"),
        pytest.param("--", 3, 3, "??", id="too few bad ones to know"),
        pytest.param("---", 3, 3, "??d", id="just enough bad ones"),
        pytest.param("++-+++", 3, 3, "?????u", id="they have to be in a row"),
        pytest.param("+++--+--+", 3, 3, "??uuuuuuu", id="single bad ones do not take it down"),
        pytest.param("---++-++-", 3, 3, "??ddddddd", id="single good ones do not bring it up"),
        pytest.param("+++---+++", 3, 3, "??uuudddu", id="down and up again"),
        pytest.param("+-+-", 1, 1, "udud", id="each one counts, if one is enough"),
        pytest.param("+--++", 2, 1, "?dddu", id="both have a number of their own"),
        pytest.param("000000", 1, 2, "??????", id="what finds nothing out never takes it down"),
        pytest.param("++00", 2, 3, "?uuu", id="too few that find nothing out change nothing"),
        pytest.param("++000", 2, 3, "?uuu?", id="enough of them: unknown"),
        pytest.param("--0--", 2, 4, "????d", id="one of them does not break a row"),
        pytest.param("----000-++", 2, 3, "??dddd???u", id="known again after that"),
    ],
)
def test_enough_probes_in_a_row_change_the_health(
    results: str, up_after: int, down_after: int, expected: str
) -> None:
    assert known(results, up_after, down_after) == expected


@given(st.text("+-", max_size=40), st.integers(1, 5), st.integers(1, 5))
def test_the_health_changes_only_after_an_unbroken_row_of_probes(
    results: str, up_after: int, down_after: int
) -> None:
    letters = "?" + known(results, up_after, down_after)
    for number in range(len(results)):
        before, after, so_far = letters[number], letters[number + 1], results[: number + 1]
        if so_far.endswith("+" * up_after):
            assert after == "u"
        elif so_far.endswith("-" * down_after):
            assert after == "d"
        else:
            assert after == before


PARTS = [
    # parts     quorum  whole, and since when
    ("", "any", UNKNOWN, 0.0),
    ("", "all", UNKNOWN, 0.0),
    ("", 1, UNKNOWN, 0.0),
    ("ddd", "any", DOWN, 3.0),
    ("dd?", "any", UNKNOWN, 3.0),
    ("ddu", "any", UP, 3.0),
    ("uuu", "any", UP, 1.0),
    ("uuu", "all", UP, 3.0),
    ("uu?", "all", UNKNOWN, 3.0),
    ("?du", "all", DOWN, 2.0),
    ("udd", "all", DOWN, 2.0),
    ("uud", 2, UP, 2.0),
    ("udu", 2, UP, 3.0),
    ("ud?", 2, UNKNOWN, 3.0),
    ("udd", 2, DOWN, 3.0),
    ("ddd", 2, DOWN, 2.0),
    ("uuu", 3, UP, 3.0),
]


def conditions(letters: Sequence[str]) -> list[Condition]:
    """Conditions of parts that hold since 1, 2, 3 and so on."""
    of = {letter: health for health, letter in LETTERS.items()}
    return [Condition(of[letter], float(at)) for at, letter in enumerate(letters, 1)]


@pytest.mark.parametrize(("parts", "quorum", "health", "since"), PARTS)
def test_a_whole_is_up_or_down_when_enough_of_its_parts_are(
    parts: str, quorum: Quorum, health: Health, since: float
) -> None:
    """Its start is when the part that decided it changed."""
    assert combined(conditions(parts), quorum) == Condition(health, since)


def test_a_whole_is_unknown_only_if_its_unknown_parts_could_decide_it() -> None:
    for size in range(1, 5):
        for parts in product("ud?", repeat=size):
            fills = [
                [part if part != "?" else fill for part, fill in zip(parts, filled, strict=True)]
                for filled in product("ud", repeat=size)
            ]
            for needed in range(1, size + 1):
                outcomes = {fill.count("u") >= needed for fill in fills}
                expected = UNKNOWN if len(outcomes) == 2 else UP if True in outcomes else DOWN
                assert combined(conditions(parts), needed).health is expected


@pytest.mark.parametrize(
    ("parts", "quorum", "expected"),
    [
        ("u", 2, condition(UNKNOWN, 1.0)),
        ("??", 3, condition(UNKNOWN, 2.0)),
        ("uu", 3, condition(UNKNOWN, 2.0)),
        ("ud", 3, condition(DOWN, 2.0)),
        ("dd", 5, condition(DOWN, 1.0)),
    ],
)
def test_too_few_parts_do_not_make_a_whole_down(
    parts: str, quorum: Quorum, expected: Condition
) -> None:
    """The whole is never up, and down only if a part is."""
    assert combined(conditions(parts), quorum) == expected


def two_servers(**fields: object) -> Application:
    """An application with two web servers, `a` and `b`."""
    heads = (samples.server("a", "192.0.2.1"), samples.server("b", "192.0.2.2"))
    return samples.application("two", *heads, **fields)


def with_heads(application: Application, *heads: Head) -> Application:
    """A copy of an application with these heads."""
    return replace(application, heads=heads)


def test_forced_health_counts_instead_of_observed_health() -> None:
    head = is_(samples.server("a", "192.0.2.1"), UP, 5.0)
    assert head_condition(head) == condition(UP, 5.0)
    for health in (UP, DOWN):
        head_ = replace(head, forced=forced(health, 7.0))
        assert head_condition(head_) == condition(health, 7.0)
    assert head_condition(samples.server("a", "192.0.2.1")).health is UNKNOWN


@pytest.mark.parametrize(
    ("a", "b", "require", "expected"),
    [
        (UP, DOWN, "any", condition(UP, 1.0)),
        (UP, DOWN, "all", condition(DOWN, 2.0)),
        (UP, DOWN, 2, condition(DOWN, 2.0)),
        (UP, UNKNOWN, "all", condition(UNKNOWN, 2.0)),
        (DOWN, DOWN, "any", condition(DOWN, 2.0)),
    ],
)
def test_the_health_of_an_application_comes_from_its_web_heads(
    a: Health, b: Health, require: Quorum, expected: Condition
) -> None:
    plain = two_servers(require_heads=require)
    application = with_heads(plain, is_(plain.heads[0], a, 1.0), is_(plain.heads[1], b, 2.0))
    assert application_condition(application) == observed_of(application) == expected


def test_heads_that_no_traffic_reaches_do_not_count() -> None:
    """These are a load balancer on standby, and web servers behind the active one."""
    active, standby = samples.balancer("lb1", "192.0.2.1"), samples.balancer("lb2", "192.0.2.2")
    application = samples.application(
        "eu",
        is_(active, UP),
        is_(standby, DOWN),
        is_(samples.server("web", "192.0.2.3"), DOWN),
        active="lb1",
        require_heads="all",
    )
    assert application_condition(application).health is UP
    assert application_condition(replace(application, active="lb2")).health is DOWN


def test_an_application_without_heads_is_neither_up_nor_down() -> None:
    assert application_condition(samples.application("empty")).health is UNKNOWN


def test_a_forced_head_counts_for_its_application_and_keeps_its_observed_health() -> None:
    up = all_are(two_servers(require_heads="all"), UP, 1.0)
    application = with_heads(up, replace(up.heads[0], forced=forced(DOWN, 9.0)), up.heads[1])
    assert application_condition(application) == condition(DOWN, 9.0)
    assert observed_of(application) == condition(UP, 1.0)


def test_a_forced_application_has_that_health_whatever_its_heads_have() -> None:
    application = replace(all_are(two_servers(), DOWN, 1.0), forced=forced(UP, 9.0))
    assert application_condition(application) == condition(UP, 9.0)
    assert observed_of(application) == condition(DOWN, 1.0)


def test_a_short_text_says_why_an_application_is_down() -> None:
    down = all_are(two_servers(), DOWN)
    assert why_down(down) == "a: refused, port 80: refused; b: refused, port 80: refused"
    by_hand = with_heads(down, replace(down.heads[0], forced=forced(DOWN, 0.0, "disk")))
    assert why_down(by_hand) == "a is forced down (disk)"
    assert why_down(replace(down, forced=forced(DOWN))) == "it is forced down"
    assert why_down(replace(down, forced=forced(DOWN, 0.0, "works"))) == "it is forced down (works)"


def test_a_head_that_is_forced_up_is_not_named_as_a_reason() -> None:
    down = all_are(two_servers(require_heads="all"), DOWN)
    half = with_heads(down, replace(down.heads[0], forced=forced(UP)), down.heads[1])
    assert why_down(half) == "b: refused, port 80: refused"


def test_no_more_than_three_heads_are_named_as_reasons() -> None:
    heads = [is_(samples.server(f"w{n}", f"192.0.2.{n}"), DOWN) for n in range(1, 6)]
    text = why_down(samples.application("five", *heads))
    assert text.count("refused, port 80") == 3
    assert text.endswith("; and 2 more")


@pytest.mark.parametrize(
    ("a", "b", "healthy"),
    [
        (UP, UP, ["a", "b"]),
        (UP, DOWN, ["a"]),
        (DOWN, UP, ["b"]),
        (UNKNOWN, DOWN, ["a"]),
        (DOWN, DOWN, ["a", "b"]),
    ],
)
def test_heads_that_are_down_are_not_healthy_unless_all_are_down(
    a: Health, b: Health, healthy: list[str]
) -> None:
    plain = two_servers()
    application = with_heads(plain, is_(plain.heads[0], a), is_(plain.heads[1], b))
    assert [head.name for head in healthy_heads(application)] == healthy


def tally(health: Health, result: ProbeResult = GOOD) -> Tally:
    """A tally of one check."""
    return Tally(health, 1, result)


@pytest.mark.parametrize(
    ("of_checks", "quorum", "health"),
    [
        ([UP, UP], "all", UP),
        ([UP, DOWN], "all", DOWN),
        ([UP, DOWN], "any", UP),
        ([UP, UNKNOWN], "all", UNKNOWN),
        ([UP, UP, DOWN], 2, UP),
        ([], "all", UNKNOWN),
    ],
)
def test_a_head_is_up_or_down_when_enough_of_its_checks_are(
    of_checks: list[Health], quorum: Quorum, health: Health
) -> None:
    observed = head_observed([tally(each) for each in of_checks], quorum, 5.0)
    assert (observed.health, observed.since) == (health, 5.0)


def test_a_head_that_is_down_has_the_cause_of_its_first_failed_check() -> None:
    refused = ProbeResult(Cause.REFUSED, "port 80", 0.0)
    found = head_observed([tally(UP), tally(DOWN, BAD), tally(DOWN, refused)], "all", 5.0)
    assert (found.cause, found.detail) == (Cause.TIMEOUT, "nothing came within 3 s")


def test_a_head_that_is_not_down_has_no_cause() -> None:
    found = head_observed([tally(UP), tally(DOWN, BAD)], "any", 5.0)
    assert (found.cause, found.detail) == (None, "")


def test_a_failed_probe_of_a_check_that_is_still_up_is_not_the_cause() -> None:
    """One bad result in a row may leave a check up; what is down is another one."""
    refused = ProbeResult(Cause.REFUSED, "port 80", 0.0)
    found = head_observed([tally(UP, BAD), tally(DOWN, refused)], "all", 5.0)
    assert (found.cause, found.detail) == (Cause.REFUSED, "port 80")


def row(results: str) -> Tally:
    """The tally of a check of an address after some results; two decide."""
    tally = Tally()
    for result in results:
        tally = tallied(tally, RESULTS[result], Check("web", CheckKind.TCP, down_after=2))
    return tally


@pytest.mark.parametrize(
    ("addresses", "health"),
    [
        (("++", "00"), UP),
        (("++", "--00"), UP),
        (("--", "00"), DOWN),
        (("00", "00"), UNKNOWN),
        (("00",), UNKNOWN),
        (("+", "00"), UNKNOWN),
        (("++", ""), UNKNOWN),
        (("++", "--0"), DOWN),
    ],
)
def test_an_address_that_this_machine_cannot_probe_does_not_count(
    addresses: tuple[str, ...], health: Health
) -> None:
    """The others decide; without any, nothing is known."""
    assert merged([row(results) for results in addresses], "all").health is health


@pytest.mark.parametrize(
    ("results", "age", "settled"),
    [
        pytest.param("", inf, False, id="a new head is probed fast"),
        pytest.param("+", inf, False, id="until it is known"),
        pytest.param("++", inf, True, id="then at its interval"),
        pytest.param("++-", inf, False, id="a bad probe of a head that is up"),
        pytest.param("++---+", inf, True, id="the head was up, and it still is"),
        pytest.param("++-", RESTING - 1, True, id="a head that has just come up is not hurried"),
        pytest.param("++-", RESTING, False, id="for a minute"),
        pytest.param("++----", 0.0, False, id="a head that has just gone down may be back soon"),
        pytest.param("++-----", SETTLING - 1, False, id="or a little later"),
        pytest.param("++------", SETTLING, True, id="and then it is down"),
        pytest.param("++------+", inf, False, id="a good probe of a head that is down"),
        pytest.param("++------+-", inf, True, id="the head was down, and it still is"),
        pytest.param("++-0", inf, True, id="a probe that found nothing out is no reason to hurry"),
        pytest.param("0", inf, True, id="nor is it for a new head"),
        pytest.param("++-0-", inf, False, id="but the next bad one is"),
    ],
)
def test_a_head_is_probed_fast_until_its_health_is_settled(
    results: str, age: float, settled: bool
) -> None:
    check = Check("web", CheckKind.TCP, up_after=2, down_after=4)
    tally = Tally()
    for result in results:
        tally = tallied(tally, RESULTS[result], check)
    assert is_settled(tally, age) is settled
