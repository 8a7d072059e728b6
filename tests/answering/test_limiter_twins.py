"""The limiter in Python and the one in C treat every reply alike, whatever happens before it."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from failoverdns.answering.limiting import RateLimiter, ReplyKind, packed
from failoverdns.model.limits import RateLimits

pytest.importorskip("failoverdns._native")

from failoverdns import _native
from failoverdns.answering.compiled_limiting import CompiledLimiter

SECRET = bytes(range(16))

ADDRESSES = [
    *(f"192.0.{network}.{host}" for network in range(12) for host in (1, 77, 200)),
    *(f"2001:db8:{network:x}:{host:x}00::1" for network in range(6) for host in (0, 1, 2)),
    "::",
    "0.0.0.0",
    "255.255.255.255",
]
NAMES = [b"", b"\0", b"\4shop\0\0\1", b"\4shop\0\0\x1c", b"x" * 257, *(b"%d" % n for n in range(9))]

rates = st.sampled_from([0, 1, 2, 3, 7, 20, 999, 300_007, 1_000_000, 10_000_000])
networks = st.sampled_from(
    [
        ip_network(text)
        for text in ("192.0.2.0/28", "192.0.3.77", "0.0.0.0/0", "2001:db8:1::/48", "::/0", "::/1")
    ]
)
limits = st.builds(
    RateLimits,
    rates,
    rates,
    rates,
    rates,
    rates,
    rates,
    window=st.sampled_from([1, 2, 15, 3600]),
    slip=st.integers(0, 10),
    ipv4_prefix_length=st.integers(1, 32),
    ipv6_prefix_length=st.integers(1, 128),
    max_table_size=st.sampled_from([1, 2, 3, 7, 8, 9, 16, 40, 1000]),
    exempt_clients=st.lists(networks, max_size=2, unique=True).map(tuple),
)
steps = st.one_of(
    st.just(0),
    st.integers(0, 3_000),
    st.integers(0, 2_000_000_000),
    st.integers(0, 2 * 3_600_000_000_000),
    st.integers(-5_000_000_000, 0),
)


class Twins(RuleBasedStateMachine):
    """Drives both limiters with the same replies at the same times."""

    @initialize(
        limits=limits,
        begin=st.sampled_from([0, 1, 10**9, 10**18]),
    )
    def begin(self, limits: RateLimits, begin: int) -> None:
        """Make both with the same limits and the same key of their hash."""
        self.python = RateLimiter(limits, SECRET)
        self.compiled = CompiledLimiter(limits, SECRET)
        self.now = begin

    @rule(step=steps)
    def wait(self, step: int) -> None:
        """Let time pass, or go back a little."""
        self.now = max(0, self.now + step)

    @rule(
        hosts=st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=30),
        kind=st.sampled_from(list(ReplyKind)[:-1]),
        name=st.sampled_from(NAMES),
        can_truncate=st.booleans(),
        step=st.sampled_from([0, 0, 1, 50_000_000]),
        times=st.integers(1, 4),
    )
    def treat(
        self,
        hosts: list[str],
        kind: ReplyKind,
        name: bytes,
        can_truncate: bool,
        step: int,
        times: int,
    ) -> None:
        """Count replies of one kind to several clients."""
        for host in hosts * times:
            self.now += step
            python = self.python.treat(
                packed(host), kind, name, self.now, can_truncate=can_truncate
            )
            compiled = self.compiled.treat(
                packed(host), kind, name, self.now, can_truncate=can_truncate
            )
            assert python is compiled

    @rule(host=st.sampled_from(ADDRESSES), times=st.integers(1, 5))
    def refuse(self, host: str, times: int) -> None:
        """Ask whether a query is refused; if so, its reply would have been dropped."""
        for _ in range(times):
            python = self.python.refuses(packed(host), self.now)
            assert self.compiled.refuses(packed(host), self.now) is python

    @invariant()
    def same(self) -> None:
        """Both have counted the same, and no more accounts than allowed."""
        if not hasattr(self, "python"):
            return
        assert self.python.truncated == self.compiled.truncated
        assert self.python.dropped == self.compiled.dropped
        assert len(self.python) == len(self.compiled) <= self.python.limits.max_table_size


TestTwins = Twins.TestCase
TestTwins.settings = settings(
    deadline=None,
    max_examples=60,
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.too_slow],
)


WRONG: list[tuple[object, ...]] = [
    (b"short", (1, 1, 1, 1, 1, 1), 15, 2, 24, 56, 10, ()),
    (SECRET, (10_000_001, 1, 1, 1, 1, 1), 15, 2, 24, 56, 10, ()),
    (SECRET, (1, 1, 1, 1, 1, 1), 0, 2, 24, 56, 10, ()),
    (SECRET, (1, 1, 1, 1, 1, 1), 3601, 2, 24, 56, 10, ()),
    (SECRET, (1, 1, 1, 1, 1, 1), 15, 2, 33, 56, 10, ()),
    (SECRET, (1, 1, 1, 1, 1, 1), 15, 2, 24, 129, 10, ()),
    (SECRET, (1, 1, 1, 1, 1, 1), 15, 2, 24, 56, 0, ()),
    (SECRET, (1, 1, 1, 1, 1, 1), 15, 2, 24, 56, 10, ((b"123", 8),)),
    (SECRET, (1, 1, 1, 1, 1, 1), 15, 2, 24, 56, 10, ((b"1234", 33),)),
    (SECRET, (1, 1, 1, 1, 1, 1), 15, 2, 24, 56, 10, ((b"1234", 8), b"1234")),
    (SECRET, (1, 1, 1, 1, 1), 15, 2, 24, 56, 10, ()),
]


@pytest.mark.parametrize("arguments", WRONG)
def test_invalid_limits_are_refused_by_the_extension(arguments: tuple[object, ...]) -> None:
    """It checks its arguments, as its table has a fixed size."""
    with pytest.raises((ValueError, TypeError)):
        _native.Limiter(*arguments)  # type: ignore[arg-type]


def test_invalid_arguments_of_the_limiter_in_c_raise() -> None:
    """An address, a kind, a name or a time out of its range is not counted."""
    limiter = _native.Limiter(SECRET, (1, 1, 1, 1, 1, 1), 15, 2, 24, 56, 10, ())
    for address, kind, name, now in [
        (b"123", 0, b"", 0),
        (b"1234", 5, b"", 0),
        (b"1234", -1, b"", 0),
        (b"1234", 0, b"x" * 258, 0),
        (b"1234", 0, b"", -1),
        (b"1234", 0, b"", 2**62 + 1),
    ]:
        with pytest.raises(ValueError, match=r"out of its range|bytes"):
            limiter.treat(address, kind, name, True, now)
    with pytest.raises(ValueError, match="4 or 16 bytes"):
        limiter.refuses(b"12345", 0)
    with pytest.raises(TypeError):
        _native.Table().serve(0, b"", "a limiter")  # type: ignore[arg-type]
    assert (len(limiter), limiter.counts()) == (0, (0, 0))
