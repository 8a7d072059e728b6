"""The ledger: it holds the committed state, and nothing else changes it.

    command -> validate (rules, on a draft) -> persist (store) -> publish (table) -> reply

Commands that arrive during a commit wait and share the next one; each is decided on a draft that
includes those before it.  A change is durable before it is visible, and visible before it is
acknowledged.  If the store does not report whether it committed, the reply says that the outcome
is unknown.

While the store cannot be written, commands by hand are refused, and automatic steps go on: they are
served, kept in the overlay (`changes.overlay`), and stored in their order before anything else as
soon as the store can be written again.

The ledger does not use sockets, threads or clocks: functions for these are injected.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import replace
from random import Random
from typing import Any, Final

from failoverdns.changes.batch import Batch, Done, OperationKey, Submission
from failoverdns.changes.counting import LedgerCounts
from failoverdns.changes.draft import Draft
from failoverdns.changes.queue import MAX_BATCH, Queue
from failoverdns.changes.state import State
from failoverdns.changes.visible_state import VisibleState
from failoverdns.model.certificate import Bundle
from failoverdns.model.change import Change, Delta, Operation
from failoverdns.model.commands.kinds import Unrecorded
from failoverdns.model.errors import Corrupt, Rejected
from failoverdns.model.moment import Moment
from failoverdns.model.store_condition import Outage
from failoverdns.store.interface import Conflict, OutcomeUnknown, Store, Unavailable

MAX_WAITING = 10000
"""Commands that may wait; further ones are refused with `busy`."""

_UNAVAILABLE: Final = "unavailable"
_UNKNOWN: Final = "unknown-outcome"
"""The codes of refusals by which the ledger learns that the store cannot be written."""

_ATTEMPTS = 5
"""Attempts to commit a batch while other writers commit first."""


class Ledger:
    """Owns the state; accepts commands, publishes deltas and announces changes.

    `publish` sends a delta to the answering processes, each of which makes it visible at once;
    `keep` has them keep an unrecorded step for another control process, in case this one dies, and
    `forget` has them forget all of them.
    `visible` waits until all have done so, or raises Rejected if that is not known.
    `announce` is called with each change after it is visible and stored, `announce_unrecorded` with
    each step that is visible and not stored.
    `outage_began` is called when the store cannot be written, `outage_ended` when it can be again,
    with the revision after the unrecorded steps.
    `spawn` runs a coroutine to its end.
    `now` returns seconds since 1970, `steady` seconds of a clock that is never adjusted.
    `retry` schedules a call of `resume`, after the store could not be written or read.
    """

    def __init__(
        self,
        state: State,
        store: Store,
        *,
        publish: Callable[[Delta], None],
        keep: Callable[[Change], None],
        forget: Callable[[], None],
        visible: Callable[[], Awaitable[None]],
        announce: Callable[[Change], None],
        announce_unrecorded: Callable[[Change], None],
        outage_began: Callable[[Outage], None],
        outage_ended: Callable[[Outage, int], None],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        now: Callable[[], float],
        random: Random,
        steady: Callable[[], float],
        retry: Callable[[], None],
    ) -> None:
        self.state = state
        self._shown = VisibleState(state, lambda delta: self._publish(delta), keep)
        self._forget = forget
        self.overlay = self._shown.overlay
        self._store = store
        self._publish = publish
        self._visible = visible
        self._announce = announce
        self._announce_unrecorded = announce_unrecorded
        self._outage_began = outage_began
        self._outage_ended = outage_ended
        self._spawn = spawn
        self._now = now
        self._steady = steady
        self._random = random
        self._retry = retry
        self._waiting = Queue()
        self._draining = False
        self._expected = state.revision
        self.counts = LedgerCounts()
        self.behind = False
        """The store may hold changes that are not visible here."""
        self.outage: Outage | None = None
        """Set while the store cannot be written."""
        self._fault = ""
        """Why the last attempt to write failed."""
        self._try_store = False
        """Try to write, although an attempt has failed and no command by hand waits."""
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
        self._begin_to_drain()

    def resume(self) -> None:
        """Carry out waiting commands; catch up with the store, and store steps, if necessary."""
        self._try_store = True
        self._begin_to_drain()

    def begin_outage(self, reason: str) -> None:
        """Note that the store cannot be written."""
        if self.outage is not None:
            self.outage = replace(self.outage, reason=reason)
            return
        self.counts.outages += 1
        self.outage = Outage(self._now(), reason, self.state.revision)
        self._outage_began(self.outage)

    @property
    def _is_owing(self) -> bool:
        return self.behind or self.outage is not None

    def _begin_to_drain(self) -> None:
        if not self._draining and (self._waiting or self._is_owing):
            self._draining = True
            self._spawn(self._drain())

    async def _drain(self) -> None:
        submissions: list[Submission] = []
        try:
            while self._waiting or self._is_owing:
                submissions = self._waiting.take()
                await self._carry_out(submissions)
                if self._is_owing and not self._waiting:
                    return
        finally:
            self._draining = False
            if submissions:  # a defect: its traceback is logged, and other commands continue
                _refuse(submissions, Rejected("unknown-outcome", "the server failed; see its log"))
                self.resume()
            if self._is_owing:
                self._retry()

    async def _carry_out(self, submissions: list[Submission]) -> None:
        """Validate, persist, publish, reply; remove commands from `submissions` on the reply."""
        try:
            batch = await self._persisted(submissions)
        except Rejected as refusal:
            batch = self._unrecorded(submissions, refusal)
        for transition in batch.transitions:
            self._shown.show(transition, unrecorded=batch.is_unrecorded)
        fault = await self._wait_until_visible(batch)
        for outcome in batch.outcomes:
            submissions.pop(0).reply(fault if fault and isinstance(outcome, Done) else outcome)
        announce = self._announce_unrecorded if batch.is_unrecorded else self._announce
        self.counts.unrecorded += len(batch.changes) * batch.is_unrecorded
        for change in batch.changes:
            announce(change)

    async def _wait_until_visible(self, batch: Batch) -> Rejected | None:
        """Wait until every query sees a stored batch; return why that is not known, if so."""
        if batch.transitions:
            try:
                await self._visible()
            except Rejected as fault:
                return fault
        return None

    def adopt(self, steps: Iterable[Change], reason: str) -> None:
        """Carry on with unrecorded steps of an earlier server, which are visible then."""
        self._shown.lay(steps)
        if self.overlay:
            self.begin_outage(reason)
            self._try_store = True

    async def _persisted(self, submissions: list[Submission]) -> Batch:
        """Validate and persist a batch; retry if another writer committed first.

        Raises Rejected if nothing was changed, or if that is not known.
        """
        if self.outage is not None and not self._try_store and all(map(_goes_on, submissions)):
            raise Rejected(_UNAVAILABLE, f"nothing was changed: {self._fault}")
        self._try_store = False
        for _ in range(_ATTEMPTS):
            try:
                if self.behind:
                    await self._catch_up()
                if self.outage is not None and not await self._record():
                    continue
                batch = self._validate(submissions, await self._earlier(submissions))
            except (Unavailable, Corrupt) as fault:
                self._fault = str(fault)
                raise Rejected(_UNAVAILABLE, f"nothing was changed: {fault}") from None
            if await self._persist(batch):
                return batch
        raise Rejected("busy", "another writer was faster each time; nothing was changed")

    def _validate(
        self, submissions: list[Submission], earlier: dict[OperationKey, Operation]
    ) -> Batch:
        """Decide each command on a draft that includes those before it."""
        return self._decide(submissions, Batch(Draft(self.state), earlier))

    def _decide(self, submissions: list[Submission], batch: Batch) -> Batch:
        for submission in submissions:
            batch.add(submission, Moment(self._now(), self._steady()), self._random)
        return batch

    def _unrecorded(self, submissions: list[Submission], refusal: Rejected) -> Batch:
        """Decide the commands that go on without being stored, and refuse the others.

        A command by hand that has nothing to do, or is a rehearsal, needs no store.
        """
        if refusal.code not in (_UNAVAILABLE, _UNKNOWN):
            _refuse(submissions, refusal)
            return Batch(Draft(self.state))
        self.begin_outage(self._fault)

        def permit(submission: Submission) -> None:
            if not _goes_on(submission):
                raise refusal
            if self.overlay.is_full and submission.command.unrecorded is Unrecorded.LIMITED:
                text = f"{self.overlay.limit} steps are not recorded yet, and no more are made"
                raise Rejected(_UNAVAILABLE, f"nothing was changed: {text}: {self._fault}")

        return self._decide(submissions, Batch(self._shown.draft(), permit=permit))

    async def _record(self) -> bool:
        """Store the unrecorded steps; without any, learn whether the store can be written.

        Returns False if another writer committed first.  Raises Rejected if a step is not stored,
        or if that is not known.
        """
        assert self.outage is not None
        while True:
            changes = self.overlay.to_record(self._now(), MAX_BATCH)
            if not await self._commit(changes):
                return False
            for change in changes:
                self._shown.note_recorded(change)
                self._announce(change)
            if not self.overlay:
                break
        self._forget()
        outage, self.outage = self.outage, None
        self._outage_ended(outage, self.state.revision)
        return True

    async def _persist(self, batch: Batch) -> bool:
        """Store a batch; return False if another writer committed first and nothing was stored.

        Raises Rejected if nothing was changed, or if that is not known.
        """
        changes, operations = batch.changes, tuple(batch.operations.values())
        if not changes and not operations:
            return True
        return await self._commit(changes, operations, batch.bundles)

    async def _commit(
        self,
        changes: tuple[Change, ...],
        operations: tuple[Operation, ...] = (),
        bundles: tuple[Bundle, ...] = (),
    ) -> bool:
        self._expected = self.state.revision + len(changes)
        began, counts = self._steady(), self.counts
        result = "defect"
        try:
            await self._store.commit(self.state.revision, changes, operations, bundles)
            result = "ok"
            counts.changes += len(changes)
        except Conflict:
            result = "conflict"
            self.behind = True
            return False
        except Unavailable as fault:
            result = "unavailable"
            self._fault = str(fault)
            raise Rejected(_UNAVAILABLE, f"nothing was changed: {fault}") from None
        except OutcomeUnknown as fault:
            result = "unknown"
            self._fault = str(fault)
            return await self._is_committed(changes, fault)
        finally:
            counts.commits.add(result)
            counts.seconds.add(self._steady() - began)
            self._expected = self.state.revision
        return True

    async def _is_committed(self, changes: tuple[Change, ...], fault: OutcomeUnknown) -> bool:
        """Return True if the store shows changes that it did not confirm.

        If it does not show them, that proves nothing: they may be on disk, or on their way there.
        Raises Rejected then.
        """
        self.behind = True
        try:
            stored = await self._store.changes_after(self.state.revision)
        except (Unavailable, Corrupt):
            stored = ()
        if changes and stored[: len(changes)] == changes:
            self.behind = len(stored) > len(changes)
            return True
        if not changes:  # it was to show only whether the store can be written
            self.behind = bool(stored)
        text = f"the store did not report whether it was done ({fault}): check before you retry"
        raise Rejected("unknown-outcome", text)

    async def _earlier(self, submissions: list[Submission]) -> dict[OperationKey, Operation]:
        """Return the operations that are stored under the `op_id`s of these commands."""
        earlier = {}
        for submission in submissions:
            if submission.operation is not None:
                operation = await self._store.operation(*submission.operation)
                if operation is not None:
                    earlier[submission.operation] = operation
        return earlier

    async def _catch_up(self) -> None:
        """Make changes visible that the store has and the state has not; raises Unavailable.

        Steps of the overlay may be among them, if it is not known whether they were stored.
        """
        for change in await self._store.changes_after(self.state.revision):
            if self.overlay.begins_with(change):
                self._shown.note_recorded(change)
                self._announce(change)
                continue
            self._forget()
            self._shown.show_foreign(change)
            self._announce(change)
            for step in self.overlay.steps:  # those that still fit, with other numbers
                self._announce_unrecorded(step)
        self.behind = False

    def _notice(self, change: Change) -> None:
        """Note a commit; catch up if another writer made it."""
        if change.revision > max(self._expected, self.state.revision):
            self.behind = True
            self.resume()


def _goes_on(submission: Submission) -> bool:
    return submission.command.unrecorded is not Unrecorded.REFUSED


def _refuse(submissions: list[Submission], refusal: Rejected) -> None:
    while submissions:
        submissions.pop(0).reply(refusal)
