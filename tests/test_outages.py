"""Outages of the store are logged and announced, and do not fill the log."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from failoverdns.model.store_condition import Outage
from failoverdns.outages import QUIET, Outages
from failoverdns.store.memory import MemoryStore

FULL = Outage(0.0, "disk is full", 5)
CANNOT = "the state cannot be written: disk is full"
CAN = "the state can be written again"


class Watching:
    """Outages on a clock that the test moves, and what they announce and log."""

    def __init__(self) -> None:
        self.faults: list[str | None] = []
        self.clock = Clock()
        self.outages = Outages(MemoryStore(), lambda: self, self.clock)

    def announce_store(self, *, fault: str | None, since: float, recorded: int) -> None:
        self.faults.append(fault)

    def begin(self) -> None:
        self.outages.begin(FULL)

    def end(self, recorded: int = 0) -> None:
        self.outages.end(FULL, FULL.revision + recorded)

    def logged(self, *actions: Callable[[], None]) -> list[str]:
        """Return what is logged while these actions are carried out."""
        with capturedLogs() as events:
            for action in actions:
                action()
        return [str(formatEvent(event)) for event in events]


def starts(lines: list[str], *expected: str) -> bool:
    return len(lines) == len(expected) and all(map(str.startswith, lines, expected))


def test_an_outage_is_logged_and_announced_with_its_end() -> None:
    watching = Watching()
    assert starts(watching.logged(watching.begin, watching.end), CANNOT, CAN)
    assert watching.faults == [FULL.reason, None]


def test_a_disk_on_which_only_small_changes_fit_does_not_fill_the_log() -> None:
    """Each update that does not fit begins an outage, which the next small one ends."""
    watching = Watching()
    watching.logged(watching.begin, watching.end)
    assert watching.logged(*[watching.begin, watching.end] * 50) == []
    assert len(watching.faults) == 2 * 51
    watching.clock.advance(QUIET)
    (line,) = watching.logged(watching.begin)
    assert line.endswith("refused (50 more times since the last such line)")


def test_an_outage_that_lasts_is_logged_in_any_case() -> None:
    watching = Watching()
    watching.logged(watching.begin, watching.end, watching.begin)
    lines = watching.logged(lambda: watching.clock.advance(QUIET), watching.end)
    assert starts(lines, CANNOT, CAN)


def test_steps_that_were_recorded_are_always_logged() -> None:
    watching = Watching()
    watching.logged(watching.begin, watching.end)
    (line,) = watching.logged(watching.begin, lambda: watching.end(recorded=3))
    assert line.endswith("3 step(s) were recorded")
