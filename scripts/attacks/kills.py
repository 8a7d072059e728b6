"""Kill a server at random moments of streams of changes.

In half of the rounds the disk fails before the kill: syncs, writes and renames return errors, or
writes are short.  So there are refusals, and what was refused must not be there after the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attacks.faults import Faults, draw
from attacks.rounds import LONGEST, Attack
from attacks.streams import Sent
from attacks.target import Target

RESTARTING = 2.0
"""Seconds, at most, from the command to restart to the kill."""


class Kills(Attack):
    """Kills the control process alone, or all processes at once."""

    def __init__(self, folder: Path, seed: str, number: int = 0) -> None:
        super().__init__(Target(folder, workers=2 if number % 4 == 3 else 1), seed)
        self.faults = Faults(folder, folder)
        self.server.environment.update(self.faults.environment)

    def prepare(self) -> None:
        """Do nothing."""

    def strike(self) -> None:
        """Kill it, in half of the rounds on a disk that has failed for a moment.

        In a tenth of the rounds it is restarting.
        """
        if self.dice.random() < 0.5:
            self.faults.inject(draw(self.dice))
            self.pause(LONGEST)
            self.counts["rounds with faults"] += 1
        if self.dice.random() < 0.1:
            with self.server.restarting():
                self.pause(RESTARTING)
                self._kill()
            self.counts["kills during a restart"] += 1
        else:
            self._kill()
        self.counts["calls that failed"] += self.faults.end()

    def believe(self, sent: Sequence[Sent]) -> None:
        """Believe every reply."""

    def recover(self) -> None:
        """Start the server; in some rounds kill it while it starts, and start it again.

        In half of these, the disk fails while it starts.
        """
        if self.dice.random() < 0.1:
            if self.dice.random() < 0.5:
                self.faults.inject(draw(self.dice))
            self.server.launch()
            self.pause(1.5)
            self._kill()
            self.counts["kills during a start"] += 1
            self.counts["calls that failed"] += self.faults.end()
        self.server.start()

    def _kill(self) -> None:
        if self.dice.random() < 0.5:
            self.counts["kills of the control process"] += 1
            self.server.kill_control()
        else:
            self.counts["kills of all processes"] += 1
            self.server.kill_all()
