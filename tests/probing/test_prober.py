"""A limited number of probes at a time, each within its time limit, each reported once."""

from __future__ import annotations

import os
import resource
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from heads import (
    LOOPBACK,
    OK,
    Probed,
    addresses,
    answering,
    closed_port,
    head,
    make_target,
    reactor,
    stalled,
    turn_until,
)
from twisted.logger import capturedLogs

from failoverdns.model.health import Cause, CheckKind, ProbeResult
from failoverdns.probing.prober import Prober


def test_two_thousand_probes_run_a_limited_number_at_a_time() -> None:
    """Each to its end, and each reported once."""
    probed, most = Probed(max_probes=100), 0
    port = closed_port()
    found: Counter[int] = Counter()
    with head(stalled) as web:
        for number, address in enumerate(addresses(2000)):
            is_good = number % 10 == 0
            host, at = (LOOPBACK, web.port) if is_good else (str(address), port)
            target = make_target(CheckKind.TCP, at, host=host)

            def done(result: ProbeResult, number: int = number, is_good: bool = is_good) -> None:
                nonlocal most
                most = max(most, probed.prober.running)
                assert result.cause is (None if is_good else Cause.REFUSED)
                found[number] += 1

            probed.prober.probe(target, done)
        assert probed.prober.running == 100
        assert probed.prober.waiting == 1900
        turn_until(lambda: len(found) == 2000)
        reactor().iterate(0)
    assert set(found.values()) == {1}
    assert most < 100
    assert probed.prober.running == probed.prober.waiting == 0
    probed.prober.stop()


def test_waiting_probes_begin_in_order_and_their_time_counts_from_then() -> None:
    """So a queue does not use up the time of a probe."""
    probed = Probed(max_probes=1)
    with head(stalled) as web:
        slow = make_target(CheckKind.HTTP, web.port, timeout=0.15)
        began = time.monotonic()
        results = probed.all(slow, slow, make_target(CheckKind.TCP, web.port, timeout=0.1))
        assert time.monotonic() - began >= 0.3
    assert [result.cause for result in results] == [Cause.TIMEOUT, Cause.TIMEOUT, None]
    probed.prober.stop()


def test_each_probe_ends_at_its_own_deadline(probed: Probed) -> None:
    """Whichever began first."""
    with head(stalled) as web:
        targets = [make_target(CheckKind.HTTP, web.port, timeout=t) for t in (0.2, 0.05, 0.12)]
        results = probed.all(*targets)
    seconds = [result.seconds for result in results]
    assert seconds == sorted(seconds)
    for took, limit in zip(seconds, (0.05, 0.12, 0.2), strict=True):
        assert limit <= took < limit + 5


def test_a_standstill_of_this_process_does_not_count_against_a_head(probed: Probed) -> None:
    """Its response may have arrived meanwhile, or has the rest of the time to arrive."""
    found: list[ProbeResult] = []
    with head(answering(OK)) as web:
        probed.prober.probe(make_target(CheckKind.HTTP, web.port, timeout=0.2), found.append)
        time.sleep(0.4)
        turn_until(lambda: bool(found))
    assert found[0].is_good
    assert found[0].seconds >= 0.4


def test_an_exception_in_done_stops_nothing(probed: Probed) -> None:
    """It is logged, and other probes continue."""
    found: list[ProbeResult] = []

    def fail(result: ProbeResult) -> None:
        raise ZeroDivisionError

    with capturedLogs() as logs:
        probed.prober.probe(make_target(CheckKind.TCP, closed_port()), fail)
        probed.prober.probe(make_target(CheckKind.TCP, closed_port()), found.append)
        turn_until(lambda: bool(found) and not probed.prober.running)
    assert [log["log_failure"].type for log in logs] == [ZeroDivisionError]


def test_a_defect_of_this_program_ends_only_its_probe(probed: Probed) -> None:
    """Here an impossible port, which the configuration refuses."""
    with capturedLogs() as logs:
        result = probed(make_target(CheckKind.TCP, 70000))
    assert result.cause is Cause.UNREACHABLE
    assert "a defect in failoverdns" in result.detail
    assert [log["log_failure"].type for log in logs] == [OverflowError]
    assert probed.prober.running == 0


@contextmanager
def no_room() -> Iterator[list[int]]:
    """Open as many files as this process may; those in the list are closed at the end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 5, hard)
    )
    taken: list[int] = []
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        yield taken
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in taken:
            os.close(descriptor)


@pytest.mark.parametrize("kind", [CheckKind.TCP, CheckKind.EXEC])
def test_a_probe_without_a_free_descriptor_is_no_failure_of_the_head(
    probed: Probed, kind: CheckKind
) -> None:
    """It waits until there is one, which is logged once; its time counts from then."""
    found: list[ProbeResult] = []
    target = make_target(kind, closed_port(), run=("/bin/true",), timeout=5.0)
    with capturedLogs() as logs:
        with no_room():
            probed.prober.probe(target, found.append)
            probed.prober.probe(target, found.append)
            until = time.monotonic() + 0.25
            turn_until(lambda: time.monotonic() > until)
            assert (probed.prober.waiting, probed.prober.running) == (2, 0)
            assert probed.prober.shortage == "Too many open files"
        turn_until(lambda: len(found) == 2)
        assert probed.prober.shortage is None
    assert {r.cause for r in found} == {None if kind is CheckKind.EXEC else Cause.REFUSED}
    assert ["Too many open files" in str(log["why"]) for log in logs] == [True]


def test_there_is_one_timer_however_many_probes_are_given_up() -> None:
    """And none when no probe runs."""
    probed = Probed(max_probes=5)
    before = len(reactor().getDelayedCalls())
    with head(stalled) as web:
        found: list[ProbeResult] = []
        for _ in range(20):
            probed.prober.probe(make_target(CheckKind.HTTP, web.port, timeout=0.03), found.append)
        turn_until(lambda: len(found) >= 15)
        assert len(reactor().getDelayedCalls()) == before + 1
        turn_until(lambda: len(found) == 20)
        assert len(reactor().getDelayedCalls()) == before
    probed.prober.stop()


def test_done_may_start_another_probe() -> None:
    """At once, as often as it likes, even if there is only one place."""
    probed = Probed(max_probes=1)
    found: list[ProbeResult] = []
    target = make_target(CheckKind.TCP, closed_port())

    def again(result: ProbeResult) -> None:
        found.append(result)
        if len(found) < 500:
            probed.prober.probe(target, again)

    probed.prober.probe(target, again)
    turn_until(lambda: len(found) == 500)
    probed.prober.stop()


@pytest.mark.parametrize("kind", [CheckKind.TCP, CheckKind.HTTP, CheckKind.TLS, CheckKind.EXEC])
def test_nothing_is_reported_after_the_end(kind: CheckKind) -> None:
    """Running probes end, waiting ones do not begin; and it may be stopped twice."""
    found: list[ProbeResult] = []
    prober = Prober(reactor(), max_probes=2, max_programs=2)
    with head(stalled) as web:
        target = make_target(kind, web.port, timeout=0.1, run=("/bin/sleep", "60"))
        for _ in range(5):
            prober.probe(target, found.append)
        reactor().iterate(0.01)
        found.clear()
        prober.stop()
        prober.stop()
        prober.probe(target, found.append)
        until = time.monotonic() + 0.2
        turn_until(lambda: time.monotonic() > until)
    assert found == []
    assert prober.running == prober.waiting == 0


def test_done_may_stop_the_prober() -> None:
    """While other probes are ready in the same turn."""
    prober = Prober(reactor(), max_probes=512, max_programs=32)
    found: list[ProbeResult] = []

    def done(result: ProbeResult) -> None:
        found.append(result)
        prober.stop()

    for _ in range(20):
        prober.probe(make_target(CheckKind.TCP, closed_port()), done)
    turn_until(lambda: bool(found))
    until = time.monotonic() + 0.1
    turn_until(lambda: time.monotonic() > until)
    assert len(found) == 1


def test_a_closing_connection_makes_room_in_the_same_turn() -> None:
    """No event of its socket is taken for one of the next, which has the same number."""
    probed = Probed(max_probes=50)
    good: list[ProbeResult] = []
    bad: list[ProbeResult] = []
    with head(stalled) as web, socket.socket() as full:
        full.bind((LOOPBACK, 0))
        full.listen(0)
        port = full.getsockname()[1]
        others = [socket.socket() for _ in range(3)]
        for other in others:
            other.setblocking(False)
            with suppress(BlockingIOError):
                other.connect((LOOPBACK, port))
        for _ in range(50):
            probed.prober.probe(make_target(CheckKind.TCP, web.port), good.append)
        for _ in range(50):
            probed.prober.probe(make_target(CheckKind.TCP, port, timeout=0.2), bad.append)
        turn_until(lambda: len(good) == len(bad) == 50)
        for other in others:
            other.close()
    assert all(result.is_good for result in good)
    assert {result.cause for result in bad} == {Cause.TIMEOUT}
    probed.prober.stop()
