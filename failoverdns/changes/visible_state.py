"""The state in memory and the answers that follow it: stored changes, and unrecorded steps.

Whatever changes the state also publishes the delta, so that the two never differ.  The ledger says
what becomes visible, and when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from failoverdns.changes.draft import Draft
from failoverdns.changes.overlay import Overlay, fitting, inverse
from failoverdns.changes.state import State
from failoverdns.changes.transitions import Transition, delta_of
from failoverdns.model.change import Change, Delta


class VisibleState:
    """The state with the overlay in it; `publish` sends a delta to the answering processes.

    `keep` gives them the last unrecorded step, before the delta that shows it.
    The revision of the state is the last one that is stored.
    """

    def __init__(
        self, state: State, publish: Callable[[Delta], None], keep: Callable[[Change], None]
    ) -> None:
        self.state = state
        self.overlay = Overlay()
        self._publish = publish
        self._keep = keep

    def draft(self) -> Draft:
        """Return a draft that numbers changes after the last unrecorded step."""
        draft = Draft(self.state)
        draft.revision += len(self.overlay)
        return draft

    def show(self, transition: Transition, *, unrecorded: bool = False) -> None:
        """Make a transition visible, whose change is stored or, if `unrecorded`, is not."""
        change, settings = transition.change, transition.settings
        if change is not None:
            revision = self.state.revision if unrecorded else change.revision
            self.state.apply(revision, change.writes, transition.zones, settings)
            if unrecorded:
                self._keep(self.overlay.add(change, self.state))
        if change is None or transition.fleeting:
            zones = transition.zones if change is None else None
            self.state.apply(self.state.revision, transition.fleeting, zones, settings)
        self._publish(transition.delta)

    def show_foreign(self, change: Change) -> None:
        """Make a stored change visible that is not an unrecorded step."""
        with self._lifted():
            draft = Draft(self.state)
            delta = delta_of(draft, change.revision, change.writes)
            self.show(Transition(change, delta))

    def note_recorded(self, change: Change) -> None:
        """Note that the first unrecorded step is stored, as `change`."""
        self.overlay.drop(1)
        self.state.apply(change.revision, ())

    def lay(self, steps: Iterable[Change]) -> None:
        """Make unrecorded steps visible that were carried out on another state, if they fit."""
        for step in steps:
            transition = fitting(self.draft(), step)
            if transition is not None:
                self.show(transition, unrecorded=True)

    @contextmanager
    def _lifted(self) -> Iterator[None]:
        """Take the unrecorded steps back, and lay those again that still fit."""
        steps = self.overlay.take()
        for step in reversed(steps):
            writes = inverse(step)
            delta = delta_of(Draft(self.state), self.state.revision, writes)
            self.state.apply(self.state.revision, writes)
            self._publish(delta)
        yield
        self.lay(steps)
