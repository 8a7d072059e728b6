"""Token buckets, with the time as a number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from failoverdns.net.token_bucket import MAX_BUCKETS, TokenBucket, TokenBuckets

PAUSES = st.lists(st.floats(0, 2, allow_nan=False), max_size=80)


@given(PAUSES, st.floats(0.5, 100), st.floats(1, 50))
def test_a_bucket_gives_what_flows_in_and_its_depth(
    pauses: list[float], rate: float, depth: float
) -> None:
    bucket, now, taken = TokenBucket(rate, depth), 0.0, 0
    for pause in pauses:
        now += pause
        taken += bucket.take(now)
        assert bucket.level(now) >= 0
        assert taken <= depth + rate * now + 1e-6


@given(st.floats(0.1, 10), st.floats(0.1, 5), st.floats(0, 20))
def test_a_bucket_says_how_long_it_is_overdrawn(rate: float, depth: float, amount: float) -> None:
    bucket = TokenBucket(rate, depth)
    bucket.charge(5, amount)
    wait = bucket.wait(5)
    assert (wait == 0) == (depth > amount)
    if wait > 0.01:
        assert bucket.wait(5 + wait / 2) > 0
    assert bucket.wait(5 + wait + 1e-6) == 0


def test_a_clock_that_goes_back_fills_no_bucket() -> None:
    bucket = TokenBucket(1, 1)
    assert bucket.take(10)
    assert not bucket.take(5)
    assert not bucket.take(10.5)
    assert bucket.take(11)


def test_each_key_has_a_bucket_of_its_own() -> None:
    buckets: TokenBuckets[str] = TokenBuckets(1, 2)
    assert [buckets.take("a", 0) for _ in range(3)] == [True, True, False]
    assert buckets.take("b", 0)
    assert buckets.take("a", 1)


def test_a_limited_number_of_buckets_is_remembered() -> None:
    """The one used longest ago is forgotten, so its key begins with a full bucket again."""
    buckets: TokenBuckets[int] = TokenBuckets(1, 1)
    assert all(buckets.take(key, 0) for key in range(MAX_BUCKETS + 1))
    assert len(buckets) == MAX_BUCKETS
    assert buckets.take(0, 0)
    assert not buckets.take(MAX_BUCKETS, 0)
