"""The overlay: automatic steps that were carried out while the state cannot be written.

A step is a change that is in the state in memory and is served, but is not stored.  It has the
number that it gets once it is stored, because nothing else is stored before it.  The ledger adds
steps and stores them in their order; the overlay holds them, and a bounded number of them: after
`MAX_STEPS`, further changes of health become one summary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from failoverdns.changes.draft import Draft
from failoverdns.changes.transitions import Transition, transition_of
from failoverdns.model.change import Change, Write
from failoverdns.model.entity import Entity, Identity
from failoverdns.model.group import Group
from failoverdns.model.timestamps import timestamp
from failoverdns.model.zone import ZoneSerial
from failoverdns.rules.decisions.decision import Decision
from failoverdns.rules.derived.view import View
from failoverdns.rules.reports.changes_in_words import recount, subjects

MAX_STEPS: Final = 10_000
"""Steps that are kept one by one; after them, health is summarized and switches are refused."""


class Overlay:
    """The unrecorded steps, in their order."""

    def __init__(self) -> None:
        self.limit = MAX_STEPS
        """Steps that are kept one by one."""
        self._steps: list[Change] = []
        self._summary: Change | None = None
        """The last one of the steps, if it summarizes several."""

    def __len__(self) -> int:
        """Return the number of steps, of which a summary is one."""
        return len(self._steps)

    @property
    def steps(self) -> Sequence[Change]:
        """The steps; their time is when they happened."""
        return tuple(self._steps)

    @property
    def is_full(self) -> bool:
        """True if further steps are summarized."""
        return len(self._steps) >= self.limit

    def add(self, step: Change, view: View) -> Change:
        """Add a step, and return it, or the summary that it is part of now.

        `view` is the state after it.
        """
        if not self.is_full:
            self._steps.append(step)
            return step
        if self._summary is not None:
            self._steps.pop()
        self._summary = _summarized(self._summary, step, view)
        self._steps.append(self._summary)
        return self._summary

    def to_record(self, now: float, limit: int) -> tuple[Change, ...]:
        """Return the first steps as changes to store at `now`, at most `limit`."""
        return tuple(recorded(step, now) for step in self._steps[:limit])

    def begins_with(self, change: Change) -> bool:
        """Return whether a stored change is the first step."""
        return bool(self._steps) and self._steps[0].writes == change.writes

    def drop(self, count: int) -> None:
        """Remove the first `count` steps, which are stored."""
        del self._steps[:count]
        if not self._steps:
            self._summary = None

    def take(self) -> Sequence[Change]:
        """Remove all steps, and return them."""
        steps = self.steps
        self.drop(len(steps))
        return steps

    def since(self) -> Mapping[str, float]:
        """Return when (seconds since 1970) the first step about each subject happened."""
        found: dict[str, float] = {}
        for step in self._steps:
            for subject in step.subjects:
                found.setdefault(subject, step.time)
        return found


def recorded(step: Change, now: float) -> Change:
    """Return a step as the change that history keeps: stored at `now`, with when it happened."""
    return replace(step, time=now, command={**step.command, "happened": timestamp(step.time)})


def inverse(step: Change) -> tuple[Write, ...]:
    """Return the writes that take a step back."""
    return tuple(Write(write.after, write.before) for write in reversed(step.writes))


def fitting(draft: Draft, step: Change) -> Transition | None:
    """Return a step laid over a draft, or None if what it changes is not as it was then."""
    writes = tuple(_fitted(write, step, draft) for write in step.writes if not _is_serial(write))
    for write in writes:
        if write.before is not None and _present(draft, write.before) != write.before:
            return None
        if write.before is None and write.after and _present(draft, write.after) is not None:
            return None
    if not writes:  # serial numbers alone, which follow from other changes
        return None
    decision = Decision(writes, lambda _: {})
    return transition_of(draft, decision, step.time, step.principal, step.command, unrecorded=True)


def _fitted(write: Write, step: Change, draft: Draft) -> Write:
    """Return a write with the revision of a group that it changes as the draft will number it."""
    after = write.after
    if isinstance(after, Group) and after.revision == step.revision:
        return Write(write.before, replace(after, revision=draft.revision + 1))
    return write


def _is_serial(write: Write) -> bool:
    return isinstance(write.after or write.before, ZoneSerial)


def _present(view: View, entity: Entity) -> Entity | None:
    return view.entity(type(entity), entity.identity)


def _summarized(summary: Change | None, step: Change, view: View) -> Change:
    """Return the summary of a summary so far, or of nothing, and one more step."""
    if summary is None:
        return replace(step, command={"command": "summary", "steps": 1})
    writes = tuple(_merged((*summary.writes, *step.writes)))
    return replace(
        summary,
        time=step.time,
        command={**summary.command, "steps": int(str(summary.command["steps"])) + 1},
        changed=recount(view, writes),
        subjects=subjects(writes),
        writes=writes,
    )


def _merged(writes: Iterable[Write]) -> Iterable[Write]:
    """Return one write for each entity, from before its first write to after its last one."""
    merged: dict[tuple[type[Entity], Identity], Write] = {}
    for write in writes:
        entity = write.after or write.before
        assert entity is not None
        key = (type(entity), entity.identity)
        first = merged.get(key)
        merged[key] = write if first is None else Write(first.before, write.after)
    return (write for write in merged.values() if write.before != write.after)
