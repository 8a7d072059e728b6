"""The commands that wait for the ledger, and which of them share the next commit.

Commands by hand and those of the server come first, in their order; dynamic updates come after
them.  A batch has a limited amount of work, and larger commands are in a batch of their own.  So a
switch waits for at most one update, however many records other programs change meanwhile.
"""

from __future__ import annotations

from collections import deque

from failoverdns.changes.batch import Submission

MAX_BATCH = 100
"""Commands that share one commit, at most, and records of dynamic updates among them.

The first waits for the last, as do DNS queries.
"""


class Queue:
    """Commands that wait; those that are in no hurry are taken last."""

    def __init__(self) -> None:
        """Begin without commands."""
        self._first: deque[Submission] = deque()
        self._last: deque[Submission] = deque()

    def __len__(self) -> int:
        return len(self._first) + len(self._last)

    def append(self, submission: Submission) -> None:
        """Add a command behind those of its kind."""
        waiting = self._last if submission.command.is_patient else self._first
        waiting.append(submission)

    def take(self) -> list[Submission]:
        """Remove the commands of the next batch, and return them; at least one, if any waits."""
        taken: list[Submission] = []
        work = 0
        for waiting in (self._first, self._last):
            while waiting and (not taken or work + waiting[0].command.work <= MAX_BATCH):
                work += waiting[0].command.work
                taken.append(waiting.popleft())
        return taken
