"""Response rate limiting: ordinary clients never notice it, the victim of a flood gets little.

Everything holds for the limiter in Python and for the one in C.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failoverdns.answering.limiting import (
    SECOND,
    Limiter,
    RateLimiter,
    ReplyKind,
    Treatment,
    make_limiter,
    packed,
)
from failoverdns.model.limits import RateLimits

CLIENT = packed("192.0.2.1")
NAME = b"\4shop\0\0\1\0\1"


MAKERS: list[Callable[[RateLimits], Limiter]] = [RateLimiter, make_limiter]
both = pytest.mark.parametrize("make", MAKERS, ids=["in Python", "as built"])
"""Runs a test with the limiter in Python, and with the one in C where the extension was built."""

Make = Callable[[RateLimits], Limiter]


def at(seconds: float) -> int:
    """Return a time in nanoseconds."""
    return round(seconds * SECOND)


def sent(
    limiter: Limiter, seconds: float, rate: int, address: bytes = CLIENT, begin: float = 0
) -> int:
    """Return how many of `rate` replies a second are sent unchanged."""
    count = int(seconds * rate)
    treatments = [
        limiter.treat(address, ReplyKind.ANSWER, NAME, at(begin + index / rate))
        for index in range(count)
    ]
    return treatments.count(Treatment.SEND)


@both
def test_a_client_below_the_rate_gets_every_reply(make: Make) -> None:
    """It may use one second's worth at once, and after that the rate, for ever."""
    limiter = make(RateLimits(responses_per_second=10))
    assert sent(limiter, 1, 10) == 10
    assert sent(limiter, 60, 9, begin=1) == 540
    assert (limiter.dropped, limiter.truncated) == (0, 0)


@both
def test_a_flood_gets_one_second_s_worth_and_then_only_truncated_replies(make: Make) -> None:
    """Half of the rest is truncated, so that resolvers retry over TCP, and half is dropped."""
    limiter = make(RateLimits(responses_per_second=10, slip=2))
    assert sent(limiter, 60, 100) <= 12
    assert limiter.truncated + limiter.dropped >= 5988
    assert abs(limiter.truncated - limiter.dropped) <= 1


@both
@pytest.mark.parametrize(
    ("slip", "treatments"),
    [
        (0, {Treatment.DROP: 9}),
        (1, {Treatment.SLIP: 9}),
        (2, {Treatment.DROP: 5, Treatment.SLIP: 4}),
        (3, {Treatment.DROP: 6, Treatment.SLIP: 3}),
    ],
)
def test_slip_sets_how_many_replies_over_the_limit_are_truncated(
    make: Make, slip: int, treatments: dict[Treatment, int]
) -> None:
    """0 truncates none, 1 all of them, N every N-th."""
    limiter = make(RateLimits(responses_per_second=1, slip=slip))
    got = [limiter.treat(CLIENT, ReplyKind.ANSWER, NAME, at(0)) for _ in range(10)]
    assert got[0] is Treatment.SEND
    assert {kind: got.count(kind) for kind in set(got[1:])} == treatments


@both
def test_a_client_is_no_longer_limited_after_a_quiet_window(make: Make) -> None:
    """Not sooner, however long the flood was."""
    limiter = make(RateLimits(responses_per_second=10, window=5))
    sent(limiter, 100, 100)
    assert limiter.treat(CLIENT, ReplyKind.ANSWER, NAME, at(104)) is not Treatment.SEND
    assert limiter.treat(CLIENT, ReplyKind.ANSWER, NAME, at(106)) is Treatment.SEND


@both
def test_a_quiet_client_does_not_save_up_replies(make: Make) -> None:
    """After a quiet hour it has one second's worth, as before."""
    limiter = make(RateLimits(responses_per_second=10))
    sent(limiter, 1, 1)
    assert sent(limiter, 0.001, 100_000, begin=3600) == 10


TOGETHER = [
    ("192.0.2.1", "192.0.2.254", True),
    ("192.0.2.1", "192.0.3.1", False),
    ("2001:db8:1:200::1", "2001:db8:1:2ff::9", True),
    ("2001:db8:1:200::1", "2001:db8:1:300::1", False),
    ("fe80::1%lo", "fe80::2%eth0", True),
    ("0.0.0.0", "::", False),
]


@both
@pytest.mark.parametrize(("one", "other", "is_together"), TOGETHER)
def test_clients_of_one_network_share_an_account(
    make: Make, one: str, other: str, is_together: bool
) -> None:
    """The network is a /24 or a /56."""
    limiter = make(RateLimits(responses_per_second=1))
    limiter.treat(packed(one), ReplyKind.ANSWER, NAME, at(0))
    second = limiter.treat(packed(other), ReplyKind.ANSWER, NAME, at(0))
    assert (second is not Treatment.SEND) == is_together


@both
def test_each_name_and_kind_has_an_account_of_its_own(make: Make) -> None:
    """A flood of one question does not stop answers to other questions."""
    limiter = make(RateLimits(responses_per_second=1, nxdomains_per_second=1))
    for kind, name in [
        (ReplyKind.ANSWER, NAME),
        (ReplyKind.ANSWER, b"x"),
        (ReplyKind.NXDOMAIN, NAME),
    ]:
        assert limiter.treat(CLIENT, kind, name, at(0)) is Treatment.SEND
        assert limiter.treat(CLIENT, kind, name, at(0)) is not Treatment.SEND


@both
def test_all_replies_to_a_network_can_be_limited_together(make: Make) -> None:
    """This limit holds however many names a flood asks for."""
    limiter = make(RateLimits(responses_per_second=0, all_per_second=5))
    got = [limiter.treat(CLIENT, ReplyKind.ANSWER, b"%d" % n, at(0)) for n in range(8)]
    assert got.count(Treatment.SEND) == 5


@both
def test_networks_can_be_exempt(make: Make) -> None:
    """Both IPv4 and IPv6 networks; neighbouring networks are still limited."""
    networks = (ip_network("192.0.2.0/28"), ip_network("2001:db8::/32"))
    limiter = make(RateLimits(responses_per_second=1, exempt_clients=networks))
    for host, is_exempt in [("192.0.2.15", True), ("2001:db8::1", True), ("192.0.2.16", False)]:
        got = {limiter.treat(packed(host), ReplyKind.ANSWER, NAME, at(0)) for _ in range(5)}
        assert (got == {Treatment.SEND}) == is_exempt


@both
def test_a_clock_that_goes_back_limits_nobody_for_long(make: Make) -> None:
    """The clock is monotonic; if it does go back, time counts from the new value."""
    limiter = make(RateLimits(responses_per_second=10))
    sent(limiter, 1, 10, begin=1e9)
    limiter.treat(CLIENT, ReplyKind.ANSWER, NAME, at(0))
    assert sent(limiter, 5, 9, begin=1.0) == 45


events = st.lists(
    st.tuples(
        st.integers(0, 3000),
        st.sampled_from([ReplyKind.ANSWER, ReplyKind.NXDOMAIN, ReplyKind.ERROR]),
        st.floats(0, 2),
    ),
    max_size=200,
)


@both
@settings(deadline=None)
@given(events, st.integers(1, 50), st.integers(1, 20), st.integers(0, 3))
def test_no_network_gets_more_than_its_rate(
    make: Make, steps: list[tuple[int, ReplyKind, float]], rate: int, window: int, slip: int
) -> None:
    """Over any period it gets one second's worth, and the rate times the period."""
    limits = RateLimits(rate, rate, rate, rate, rate, rate, window, slip)
    limiter = make(limits)
    now, count = 0.0, 0
    for _, kind, pause in steps:
        now += pause / 10
        count += limiter.treat(CLIENT, kind, b"", at(now)) is Treatment.SEND
        assert count <= rate + rate * now + 1e-6


@both
@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 2**32 - 1), max_size=300), st.integers(1, 40))
def test_the_number_of_accounts_is_limited(make: Make, addresses: list[int], size: int) -> None:
    """This holds for any addresses that a flood may forge."""
    limiter = make(RateLimits(max_table_size=size))
    for number in addresses:
        limiter.treat(ip_address(number).packed, ReplyKind.ANSWER, NAME, at(0))
        assert len(limiter) <= size


@both
def test_a_new_account_replaces_the_longest_unused_one(make: Make) -> None:
    """The account of a client that continues to flood stays."""
    limiter = make(RateLimits(responses_per_second=1, max_table_size=3))
    for number in range(50):
        treatment = limiter.treat(CLIENT, ReplyKind.ANSWER, NAME, at(0))
        assert (treatment is Treatment.SEND) == (number == 0)
        for other in range(2):
            limiter.treat(bytes((10, number, other, 1)), ReplyKind.ANSWER, NAME, at(0))
