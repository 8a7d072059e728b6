"""Lanes pause their reading for twice as long as they read, and then go on in their order."""

from __future__ import annotations

from twisted.internet.task import Clock

from failoverdns.control.reading_rest import ReadingRest


class Lane:
    """A lane that reads for half a second as soon as it may."""

    def __init__(self, rest: ReadingRest, clock: Clock) -> None:
        self.read_at: list[float] = []
        self._rest = rest
        self._clock = clock

    def look(self) -> None:
        """Read if that is possible now."""
        if self._rest.may_read(self):
            self.read_at.append(self._clock.seconds())
            self._rest.note(0.5)


def test_lanes_read_one_after_the_other_a_third_of_the_time() -> None:
    """The first one reads at once; nobody reads twice while another one waits."""
    clock = Clock()
    rest = ReadingRest(clock)  # type: ignore[arg-type]
    lanes = [Lane(rest, clock) for _ in range(3)]
    for lane in lanes:
        lane.look()
        lane.look()
    clock.pump([0.25] * 40)
    first, second, third = lanes
    assert first.read_at == [0, 1]
    assert second.read_at == [2]
    assert third.read_at == [3]
