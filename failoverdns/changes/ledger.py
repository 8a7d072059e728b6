"""The ledger: it holds the committed state, and nothing else changes it.

    command -> validate (rules, on a draft) -> persist (store) -> publish (table) -> reply

Commands that arrive during a commit wait and share the next one; each is decided on a draft that
includes those before it.  A change is durable before it is visible, and visible before it is
acknowledged.  If the store does not report whether it committed, the reply says that the outcome
is unknown.

The ledger does not use sockets, threads or clocks: functions for these are injected.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from typing import Any

from failoverdns.changes.batch import Batch, Done, Submission
from failoverdns.changes.draft import Draft
from failoverdns.changes.state import State
from failoverdns.changes.transitions import Transition, delta_of
from failoverdns.model.change import Change, Delta, Operation
from failoverdns.model.errors import Corrupt, Rejected
from failoverdns.model.moment import Moment
from failoverdns.store.interface import Conflict, OutcomeUnknown, Store, Unavailable

MAX_BATCH = 100
"""Commands that share one commit, at most; the first waits for the last, as do DNS queries."""

MAX_WAITING = 10000
"""Commands that may wait; further ones are refused with `busy`."""

_ATTEMPTS = 5
"""Attempts to commit a batch while other writers commit first."""


class Ledger:
    """Owns the state; accepts commands, publishes deltas and announces changes.

    `publish` sends a delta to the answering processes, each of which makes it visible at once;
    `visible` waits until all have done so, or raises Rejected if that is not known.
    `announce` is called with each change after it is visible.
    `spawn` runs a coroutine to its end.
    `now` returns seconds since 1970, `steady` seconds of a clock that is never adjusted.
    `retry` schedules a call of `resume`, after the store could not report what it holds.
    """

    def __init__(
        self,
        state: State,
        store: Store,
        *,
        publish: Callable[[Delta], None],
        visible: Callable[[], Awaitable[None]],
        announce: Callable[[Change], None],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        now: Callable[[], float],
        random: Random,
        steady: Callable[[], float],
        retry: Callable[[], None],
    ) -> None:
        self.state = state
        self._store = store
        self._publish = publish
        self._visible = visible
        self._announce = announce
        self._spawn = spawn
        self._now = now
        self._steady = steady
        self._random = random
        self._retry = retry
        self._waiting: deque[Submission] = deque()
        self._draining = False
        self._expected = state.revision
        self.behind = False
        """The store may hold changes that are not visible here."""
        store.watch(self._notice)

    @property
    def is_idle(self) -> bool:
        """Whether no command waits or is being carried out."""
        return not self._draining and not self._waiting

    def submit(self, submission: Submission) -> None:
        """Accept a command; its `reply` is called once, now or later."""
        if len(self._waiting) >= MAX_WAITING:
            submission.reply(Rejected("busy", "too many commands are waiting; try again"))
            return
        self._waiting.append(submission)
        self.resume()

    def resume(self) -> None:
        """Carry out waiting commands, and catch up with the store if necessary."""
        if not self._draining and (self._waiting or self.behind):
            self._draining = True
            self._spawn(self._drain())

    async def _drain(self) -> None:
        submissions: list[Submission] = []
        try:
            while self._waiting or self.behind:
                submissions = [
                    self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))
                ]
                await self._carry_out(submissions)
                if self.behind and not self._waiting:
                    return
        finally:
            self._draining = False
            if submissions:  # a defect: its traceback is logged, and other commands continue
                _refuse(submissions, Rejected("unknown-outcome", "the server failed; see its log"))
                self.resume()
            elif self.behind:
                self._retry()

    async def _carry_out(self, submissions: list[Submission]) -> None:
        """Validate, persist, publish, reply; remove commands from `submissions` on the reply."""
        try:
            batch = await self._persisted(submissions)
        except Rejected as refusal:
            _refuse(submissions, refusal)
            return
        for transition in batch.transitions:
            self._make_visible(transition)
        fault = await self._wait_until_visible(batch)
        for outcome in batch.outcomes:
            submissions.pop(0).reply(fault if fault and isinstance(outcome, Done) else outcome)
        for change in batch.changes:
            self._announce(change)

    async def _wait_until_visible(self, batch: Batch) -> Rejected | None:
        """Wait until every query sees a stored batch; return why that is not known, if so."""
        if batch.transitions:
            try:
                await self._visible()
            except Rejected as fault:
                return fault
        return None

    async def _persisted(self, submissions: list[Submission]) -> Batch:
        """Validate and persist a batch; retry if another writer committed first.

        Raises Rejected if nothing was changed, or if that is not known.
        """
        for _ in range(_ATTEMPTS):
            try:
                if self.behind:
                    await self._catch_up()
                batch = self._validate(submissions, await self._earlier(submissions))
            except (Unavailable, Corrupt) as fault:
                raise Rejected("unavailable", f"nothing was changed: {fault}") from None
            if await self._persist(batch):
                return batch
        raise Rejected("busy", "another writer was faster each time; nothing was changed")

    def _validate(self, submissions: list[Submission], earlier: dict[str, Operation]) -> Batch:
        """Decide each command on a draft that includes those before it."""
        batch = Batch(Draft(self.state), earlier)
        for submission in submissions:
            batch.add(submission, Moment(self._now(), self._steady()), self._random)
        return batch

    async def _persist(self, batch: Batch) -> bool:
        """Store a batch; return False if another writer committed first and nothing was stored.

        Raises Rejected if nothing was changed, or if that is not known.
        """
        changes, operations = batch.changes, tuple(batch.operations.values())
        if not changes and not operations:
            return True
        self._expected = self.state.revision + len(changes)
        try:
            await self._store.commit(self.state.revision, changes, operations, batch.bundles)
        except Conflict:
            self.behind = True
            return False
        except Unavailable as fault:
            raise Rejected("unavailable", f"nothing was changed: {fault}") from None
        except OutcomeUnknown as fault:
            return await self._is_committed(changes, fault)
        finally:
            self._expected = self.state.revision
        return True

    async def _is_committed(self, changes: tuple[Change, ...], fault: OutcomeUnknown) -> bool:
        """Ask the store whether it committed changes that it did not confirm."""
        self.behind = True
        try:
            stored = await self._store.changes_after(self.state.revision)
        except (Unavailable, Corrupt):
            text = f"the store did not report whether it was done ({fault}): check before you retry"
            raise Rejected("unknown-outcome", text) from None
        if changes and stored[: len(changes)] == changes:
            self.behind = len(stored) > len(changes)
            return True
        self.behind = bool(stored)
        raise Rejected("unavailable", f"nothing was changed: {fault}")

    async def _earlier(self, submissions: list[Submission]) -> dict[str, Operation]:
        """Return the operations that are stored under the `op_id`s of these commands."""
        earlier = {}
        for submission in submissions:
            if submission.op_id is not None:
                operation = await self._store.operation(submission.op_id)
                if operation is not None:
                    earlier[submission.op_id] = operation
        return earlier

    async def _catch_up(self) -> None:
        """Make changes visible that other writers stored; raises Unavailable."""
        for change in await self._store.changes_after(self.state.revision):
            draft = Draft(self.state)
            delta = delta_of(draft, change.revision, change.writes)
            self._make_visible(Transition(change, delta))
            self._announce(change)
        self.behind = False

    def _notice(self, change: Change) -> None:
        """Note a commit; catch up if another writer made it."""
        if change.revision > max(self._expected, self.state.revision):
            self.behind = True
            self.resume()

    def _make_visible(self, transition: Transition) -> None:
        change, settings = transition.change, transition.settings
        if change is not None:
            self.state.apply(change.revision, change.writes, transition.zones, settings)
        if change is None or transition.fleeting:
            self.state.apply(self.state.revision, transition.fleeting, settings=settings)
        self._publish(transition.delta)


def _refuse(submissions: list[Submission], refusal: Rejected) -> None:
    while submissions:
        submissions.pop(0).reply(refusal)
