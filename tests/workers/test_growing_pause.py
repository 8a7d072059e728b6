"""The pause before a process is replaced grows, has an end, and is short again after success."""

from __future__ import annotations

from failoverdns.workers.growing_pause import GrowingPause


def test_each_pause_is_twice_as_long_as_the_last_one_up_to_half_a_minute() -> None:
    pause = GrowingPause()
    assert [pause.take() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_the_pause_is_short_again_after_a_process_that_worked() -> None:
    pause = GrowingPause()
    for _ in range(9):
        pause.take()
    pause.reset()
    assert [pause.take() for _ in range(2)] == [0.5, 1]
