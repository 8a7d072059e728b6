"""Open files are divided between what takes them, and never too few for one of them."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import LogLevel, capturedLogs

from failoverdns.net.descriptors import (
    LEAST_OTHER,
    OTHER,
    Allowances,
    divided,
    in_use,
    keep_to_ourselves,
)


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    """Yield the limits of open files, and restore the soft one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield soft, hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@given(st.integers(0, 10**6), st.dictionaries(st.text(max_size=3), st.integers(1, 10**5)))
def test_what_there_is_is_divided_equally(available: int, wanted: dict[str, int]) -> None:
    """Nobody gets more than it wants, nor less than another that wants no more; each gets one."""
    parts = divided(available, wanted)
    assert parts.keys() == wanted.keys()
    assert all(1 <= parts[what] <= wanted[what] for what in wanted)
    assert sum(parts.values()) <= max(available, len(wanted))
    shorted = [what for what in wanted if parts[what] < wanted[what]]
    if shorted and available >= len(wanted):
        assert sum(parts.values()) == available
        assert max(parts.values()) - min(parts[what] for what in shorted) <= 1


def test_nothing_is_lowered_if_the_limit_can_be_raised(limits: tuple[int, int]) -> None:
    """Each gets what it wants, and nothing is logged."""
    allowances, allowed = Allowances(), dict[str, int]()
    with capturedLogs() as logs:
        for what in ("a", "b"):
            allowances.want(
                what, 50, used=lambda: 0, changed=lambda n, what=what: allowed.update({what: n})
            )
        allowances.note()
    assert allowed == {"a": 50, "b": 50}
    assert logs == []
    assert allowances.report() == {"allowed": allowances.limit, "wanted": OTHER + 100}


def test_limits_are_lowered_to_what_is_allowed_and_the_log_says_so(
    limits: tuple[int, int],
) -> None:
    """What is in use already counts once; what is wanted no more goes to the others."""
    allowances, allowed = Allowances(), dict[str, int]()

    def want(what: str, count: int, used: int) -> None:
        allowances.want(what, count, used=lambda: used, changed=lambda n: allowed.update({what: n}))

    want("TCP connections", 10**7, 5)
    alone = allowed["TCP connections"]
    want("control clients", 10, 0)
    assert allowed["control clients"] == 10
    assert abs(allowed["TCP connections"] - (alone - 10)) <= 2
    assert allowances.limit == limits[1]
    assert allowed["TCP connections"] + 10 + LEAST_OTHER + in_use() - 5 <= allowances.limit
    with capturedLogs() as logs:
        allowances.note()
        allowances.note()
    (event,) = logs
    assert event["log_level"] is LogLevel.warn
    assert event["lowered"] == f"at most {allowed['TCP connections']} TCP connections"
    allowances.forget("control clients")
    assert abs(allowed["TCP connections"] - alone) <= 2


def test_no_program_inherits_what_was_left_open() -> None:
    """Not even a descriptor above the limit of open files, which could not be closed there."""
    left: Any = os.dup(0)
    os.set_inheritable(left, True)
    keep_to_ourselves()
    assert not os.get_inheritable(left)
    assert os.get_inheritable(2)
    os.close(left)
