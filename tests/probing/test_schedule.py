"""When probes are due, without a clock: spread evenly, without drift, and never in a burst."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failoverdns.probing.fast_places import FAST_RATE
from failoverdns.probing.schedule import BURST, RATE_FACTOR, WINDOW, ProbeTiming, Schedule

TICK = 0.05


class Player:
    """Lets time pass in ticks; each probe takes `lasts` seconds, by key."""

    def __init__(
        self,
        lasts: Callable[[str], float] = lambda key: 0.0,
        seed: int = 0,
        is_settled: Callable[[str], bool] = lambda key: True,
    ) -> None:
        self.schedule: Schedule[str] = Schedule()
        self.dice = Random(seed)
        self.now = 1000.0
        self.begun: list[tuple[float, str]] = []
        self._lasts = lasts
        self._is_settled = is_settled
        self._running: dict[str, float] = {}

    def set(
        self, count: int, interval: float = 10.0, jitter: float = 0.0, fast: float | None = None
    ) -> None:
        """Probe `count` keys from now on."""
        timing = ProbeTiming(interval, jitter, fast)
        timings = {str(number): timing for number in range(count)}
        self.schedule.replace(timings, self.now, self.dice)

    def play(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds / TICK)):
            self.now += TICK
            for key, until in list(self._running.items()):
                if until <= self.now:
                    del self._running[key]
                    settled = self._is_settled(key)
                    self.schedule.ended(key, self.now, self.dice, settled=settled)
            for key, due in self.schedule.take_due(self.now):
                assert due <= self.now
                assert key not in self._running, "it still runs"
                self.begun.append((self.now, key))
                self._running[key] = self.now + self._lasts(key)

    def gaps(self, key: str) -> list[float]:
        """Return the seconds between the probes of a key."""
        return [later - earlier for earlier, later in pairwise(self.times(key))]

    def times(self, key: str) -> list[float]:
        """Return when a key was probed."""
        return [at for at, which in self.begun if which == key]

    def most_in(self, window: float) -> int:
        """Return how many probes began in any window of this length, at most."""
        times, first, most = [at for at, _ in self.begun], 0, 0
        for index, at in enumerate(times):
            while times[first] < at - window:
                first += 1
            most = max(most, index - first + 1)
        return most


def test_thousands_of_new_keys_are_spread_over_their_interval() -> None:
    """Each is probed once in it, and no second has many more than its share."""
    player = Player()
    player.set(5000)
    player.play(10.1)
    assert Counter(key for _, key in player.begun).keys() == {str(n) for n in range(5000)}
    assert len(player.begun) <= 5000 + 51
    assert player.most_in(1.0) <= 550
    first = [int(key) for _, key in player.begun[:500]]
    assert max(first) - min(first) > 4000, "those that were named together do not come together"


def test_probes_do_not_drift() -> None:
    """Jitter moves each probe, but not the following ones."""
    player = Player(seed=1)
    player.set(1, 10.0, 0.2)
    player.play(1000)
    times = player.times("0")
    assert len(times) in (100, 101)
    offsets = [at - times[0] - 10 * index for index, at in enumerate(times)]
    assert all(abs(offset) <= 4.0 + 2 * TICK for offset in offsets)
    assert max(offsets) - min(offsets) > 2.0


def test_after_a_stall_each_key_is_probed_once_and_not_all_at_once() -> None:
    """Missed probes are not made up for."""
    player = Player()
    player.set(5000)
    player.play(20)
    player.begun.clear()
    player.now += 3600
    player.play(10)
    assert max(Counter(key for _, key in player.begun).values()) <= 2
    assert len({key for _, key in player.begun}) == 5000
    assert player.most_in(TICK) <= BURST + RATE_FACTOR * 500 * (WINDOW + 2 * TICK)
    player.begun.clear()
    player.play(100)
    assert len(player.begun) == pytest.approx(50_000, rel=0.01)


def test_a_running_probe_is_not_begun_again() -> None:
    """The next one comes at the key's next time after it (the player checks that)."""
    player = Player(lambda key: 25.0)
    player.set(3)
    player.play(300)
    for key in "012":
        gaps = [b - a for a, b in zip(player.times(key), player.times(key)[1:], strict=False)]
        assert gaps
        assert all(gap == pytest.approx(30, abs=2 * TICK) for gap in gaps)


def test_remaining_keys_keep_their_times() -> None:
    """Whatever is added and removed; a key that comes back counts as a new one."""
    player = Player()
    player.set(100)
    player.play(10.1)
    before = {key: at for at, key in player.begun}
    player.set(50)
    player.play(3)
    player.set(300)
    player.begun.clear()
    player.play(10.1)
    after = {key: at for at, key in player.begun}
    assert len(after) == 300
    shifts = {key: (after[key] - before[key]) % 10 for key in before}
    stayed = [min(shifts[str(n)], 10 - shifts[str(n)]) for n in range(50)]
    assert max(stayed) <= 2 * TICK
    assert any(shifts[str(n)] > 1 for n in range(50, 100))


def test_a_removed_key_is_not_probed() -> None:
    """Even if its probe runs, and ends later."""
    player = Player(lambda key: 5.0)
    player.set(10)
    player.play(12)
    player.set(0)
    player.begun.clear()
    player.play(30)
    assert player.begun == []
    assert len(player.schedule) == 0


def test_a_key_that_comes_back_while_its_probe_runs_waits_for_the_end() -> None:
    player = Player(lambda key: 8.0)
    player.set(1, 1.0)
    player.play(1.1)
    player.set(0)
    player.set(1, 1.0)
    player.play(20)
    assert 2 <= len(player.begun) <= 4


def test_a_new_interval_counts_from_now_on() -> None:
    player = Player()
    player.set(1, 1000.0)
    player.play(1)
    player.set(1, 1.0)
    player.begun.clear()
    player.play(10)
    assert len(player.begun) in (9, 10, 11)


def test_the_delay_behind_the_schedule_is_known() -> None:
    player = Player()
    player.set(1)
    assert player.schedule.behind(player.now) == 0
    assert 20 <= player.schedule.behind(player.now + 30) <= 30
    assert Schedule[str]().behind(5.0) == 0


@given(
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from((1.0, 4.0, 10.0))), max_size=5),
    st.floats(0, 0.5),
    st.lists(st.sampled_from((0.0, 0.3, 5.0, 100.0)), max_size=4),
    st.integers(0, 9),
)
def test_probes_never_begin_at_more_than_twice_the_rate(
    changes: list[tuple[int, float]], jitter: float, stalls: list[float], seed: int
) -> None:
    """In any window, whatever keys are set, and however it stalls."""
    player = Player(lambda key: int(key) % 3 * 0.7, seed)
    rate = 0.0
    for index in range(max(len(changes), len(stalls))):
        if index < len(changes):
            count, interval = changes[index]
            player.set(count, interval, jitter)
            rate = max(rate, count / interval)
        player.play(2)
        player.now += stalls[index] if index < len(stalls) else 0.0
    player.play(1)
    for window in (TICK, 1.0, 5.0):
        assert player.most_in(window) <= BURST + RATE_FACTOR * rate * (window + WINDOW) + 1


@given(st.integers(1, 300), st.sampled_from((1.0, 7.0)), st.integers(0, 9))
def test_any_number_of_keys_is_spread_evenly(count: int, interval: float, seed: int) -> None:
    """No tenth of the interval has many more than a tenth of them."""
    player = Player(seed=seed)
    player.set(count, interval)
    tenths = [0.0] * 10
    for key in range(count):
        due = next(at for at, _, k in player.schedule._heap if k == str(key))
        tenths[min(9, int((due - player.now) / interval * 10))] += 1
    assert max(tenths) <= count / 10 + 2


def test_a_key_is_probed_fast_until_it_is_settled_and_then_at_its_former_times() -> None:
    """The fast probes do not move its phase."""
    unsettled: set[str] = set()
    player = Player(is_settled=lambda key: key not in unsettled)
    player.set(1, 10.0, fast=1.0)
    player.play(25)
    phase = player.times("0")[-1] % 10
    unsettled.add("0")
    player.play(15)
    assert player.schedule.is_fast("0")
    fast = [gap for gap in player.gaps("0") if gap < 5]
    assert len(fast) >= 5
    assert all(gap == pytest.approx(1.0, abs=2 * TICK) for gap in fast)
    unsettled.clear()
    player.play(2)
    assert not player.schedule.is_fast("0")
    player.begun.clear()
    player.play(50)
    assert len(player.begun) == 5
    offsets = [(at - phase + 5) % 10 - 5 for at in player.times("0")]
    assert all(abs(offset) <= 2 * TICK for offset in offsets)


def test_fast_probes_never_make_a_gap_longer() -> None:
    """Whatever is settled when: no two probes are further apart than the interval."""
    dice = Random(4)
    player = Player(lambda key: 0.3, is_settled=lambda key: dice.random() < 0.4)
    player.set(5, 4.0, fast=1.5)
    player.play(300)
    for key in "01234":
        assert max(player.gaps(key)) <= 4.0 + 2 * TICK
        assert min(player.gaps(key)) < 1.6


@pytest.mark.parametrize("fast", [None, 10.0, 20.0])
def test_a_fast_interval_that_is_not_shorter_changes_nothing(fast: float | None) -> None:
    player = Player(is_settled=lambda key: False)
    player.set(3, 10.0, fast=fast)
    player.play(100.1)
    assert len(player.begun) == 30
    assert player.schedule.fast == 0


def test_a_probe_that_takes_longer_than_the_fast_interval_is_followed_at_once() -> None:
    player = Player(lambda key: 3.0, is_settled=lambda key: False)
    player.set(1, 10.0, fast=1.0)
    player.play(30)
    assert all(gap == pytest.approx(3.0, abs=3 * TICK) for gap in player.gaps("0"))


def test_a_new_key_is_probed_at_once_and_fast_until_it_is_settled() -> None:
    player = Player(is_settled=lambda key: len(player.times(key)) >= 2)
    player.set(1, 1000.0, fast=1.0)
    player.play(2.1)
    assert len(player.begun) == 2
    player.play(900)
    assert len(player.begun) <= 3


def test_thousands_of_heads_that_die_at_once_do_not_multiply_the_load() -> None:
    """2,000 heads, probed every 10 s, fail at once: at most twice the probes, for any second.

    They are probed fast some at a time; all others keep their interval.
    """
    failing = False
    player = Player(seed=3, is_settled=lambda key: not failing)
    player.set(2000, 10.0, fast=1.0)
    player.play(30)
    assert player.schedule.fast == 0
    player.begun.clear()
    failing = True
    player.play(60)
    regular = 2000 / 10.0
    assert regular >= FAST_RATE
    assert player.schedule.fast == int(regular / 0.9)
    assert player.most_in(1.0) <= 2 * regular + BURST + 0.1 * regular
    assert len(player.begun) <= 60 * 2 * regular
    assert len(player.begun) >= 55 * 1.8 * regular, "the budget is used"
    for key in map(str, range(2000)):
        assert max(player.gaps(key)) <= 10 + 2 * TICK
    failing = False
    player.play(11)
    assert player.schedule.fast == 0


def test_few_heads_that_die_at_once_are_all_probed_fast() -> None:
    player = Player(is_settled=lambda key: False)
    player.set(int(FAST_RATE), 10.0, fast=1.0)
    player.play(2)
    assert player.schedule.fast == FAST_RATE
    player.begun.clear()
    player.play(20)
    assert len(player.begun) == pytest.approx(20 * FAST_RATE, rel=0.06)


def test_heads_that_wait_for_a_place_get_it_as_soon_as_others_are_settled() -> None:
    """2,000 heads whose health is unknown are known after one interval, not after two."""
    seen: Counter[str] = Counter()

    def is_settled(key: str) -> bool:
        seen[key] += 1
        return seen[key] >= 2

    player = Player(lambda key: 0.05, seed=5, is_settled=is_settled)
    player.set(2000, 10.0, fast=1.0)
    player.play(11.5)
    assert min(seen[str(key)] for key in range(2000)) >= 2


def test_a_removed_key_gives_its_place_to_another_one() -> None:
    player = Player(is_settled=lambda key: False)
    player.set(600, 10.0, fast=1.0)
    player.play(12)
    assert player.schedule.fast == int(FAST_RATE / 0.9)
    player.set(5, 10.0, fast=1.0)
    player.play(12)
    assert player.schedule.fast == 5


def test_heads_whose_probes_time_out_take_less_of_the_budget() -> None:
    """Their fast probes are three seconds apart: more of them have a place."""
    player = Player(lambda key: 3.0, is_settled=lambda key: False)
    player.set(1000, 10.0, fast=1.0)
    player.play(40)
    assert player.schedule.fast > 2 * FAST_RATE
    player.begun.clear()
    player.play(20)
    assert len(player.begun) <= 20 * 1.1 * (FAST_RATE + 100)
