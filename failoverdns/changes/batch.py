"""A batch: commands that share one commit, each decided on a draft that includes those before it.

A refused command leaves the draft unchanged.  A command that repeats an earlier `op_id` of the same
principal, and its request, is not carried out again: it gets the earlier reply.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from failoverdns.changes.draft import Draft
from failoverdns.changes.transitions import Transition, transition_of
from failoverdns.model.certificate import Bundle
from failoverdns.model.change import Change, Json, Operation
from failoverdns.model.commands import Mutation
from failoverdns.model.errors import Rejected
from failoverdns.model.moment import Moment
from failoverdns.model.principal import Principal
from failoverdns.rules.deciding import decide


@dataclass(frozen=True, slots=True)
class Done:
    """A command that was carried out, or had nothing to do."""

    revision: int
    result: Mapping[str, Json]


OperationKey = tuple[str, str]
"""An `op_id`, and the key of the principal that used it."""

Outcome = Done | Rejected
Reply = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class Submission:
    """A command for the ledger: its sender, its form in the history, and the reply callback."""

    command: Mutation
    principal: Principal
    given: Mapping[str, Json]
    reply: Reply
    op_id: str | None = None
    request: str = ""
    """The request in canonical form; an `op_id` can be repeated with the same request only."""
    kept: float | None = None
    """Seconds for which an `op_id` is needed; None for as long as the store keeps them."""
    expected: int | None = None
    """The revision that the state must have when the command is decided; None for any."""

    @property
    def operation(self) -> OperationKey | None:
        """What identifies the command among those of all principals; None without an `op_id`."""
        return None if self.op_id is None else (self.op_id, self.principal.key)


@dataclass(slots=True)
class Batch:
    """Commands that share a commit, with their changes and outcomes.

    `earlier` holds the operations that are stored under the `op_id`s of these commands and their
    principals.
    An unrecorded batch is served and not stored: `permit` raises Rejected for a command that would
    have to be stored, and the draft numbers the changes from the last unrecorded step on.
    """

    draft: Draft
    earlier: Mapping[OperationKey, Operation] = field(default_factory=dict)
    permit: Callable[[Submission], None] | None = None
    transitions: list[Transition] = field(default_factory=list)
    operations: dict[OperationKey, Operation] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    """One for each submission, in their order."""

    @property
    def is_unrecorded(self) -> bool:
        """True if the changes are served and not stored."""
        return self.permit is not None

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes to commit."""
        return tuple(made.change for made in self.transitions if made.change is not None)

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        """The certificate chains and keys to store in the vault with the changes."""
        return tuple(bundle for made in self.transitions for bundle in made.bundles)

    def add(self, submission: Submission, moment: Moment, random: Random) -> None:
        """Decide a command, and append its outcome to `outcomes`."""
        outcome: Outcome
        try:
            outcome = self._decide(submission, moment, random)
        except Rejected as refusal:
            outcome = refusal
        self.outcomes.append(outcome)

    def _decide(self, submission: Submission, moment: Moment, random: Random) -> Done:
        op_id, key = submission.op_id, submission.operation
        if key is not None:
            repeated = self.operations.get(key) or self.earlier.get(key)
            if repeated is not None and repeated.request == submission.request:
                return Done(repeated.revision, repeated.result)
            if repeated is not None:
                raise Rejected("conflict", f"op_id {op_id!r} was used for another command")
        draft = self.draft
        _check_expected(submission.expected, draft.revision)
        decision = decide(draft, submission.command, moment, random)
        if self.permit is not None and (decision.is_lasting or op_id is not None):
            self.permit(submission)
        if decision.changes(draft):
            self.transitions.append(
                transition_of(
                    draft,
                    decision,
                    moment.now,
                    submission.principal,
                    submission.given,
                    unrecorded=self.is_unrecorded,
                )
            )
        revision = draft.base_revision if self.is_unrecorded else draft.revision
        kept = decision.report(draft)
        first = decision.first_report
        if op_id is not None and key is not None and not self.is_unrecorded:
            self.operations[key] = Operation(
                op_id,
                submission.request,
                revision,
                kept,
                moment.now,
                submission.principal.key,
                submission.kept,
            )
        return Done(revision, first(draft) if first is not None else kept)


def _check_expected(expected: int | None, revision: int) -> None:
    """Raise Rejected `conflict` if the state has another revision than the one expected."""
    if expected is None or expected == revision:
        return
    if expected > revision:
        text = f"revision {expected} is not reached yet: it is {revision} now"
    else:
        text = f"something changed since revision {expected}: it is {revision}; look again"
    raise Rejected("conflict", f"nothing was changed: {text}")
