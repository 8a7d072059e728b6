"""Decisions on what the server observes of its secondaries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

from failoverdns.model.change import Write
from failoverdns.model.commands.secondaries import NoteBehind, NoteInStep
from failoverdns.model.moment import Moment
from failoverdns.model.secondaries import BehindSecondary
from failoverdns.model.zone import Zone
from failoverdns.rules.decisions.decision import Decision, row
from failoverdns.rules.derived.view import View


def note_behind(view: View, command: NoteBehind, _moment: Moment, _random: Random) -> Decision:
    """Record the secondaries that are behind; one that is recorded already stays as it is.

    A secondary that a reload has removed meanwhile is left out.
    """
    writes = tuple(
        Write(None, found)
        for found in command.found
        if view.entity(BehindSecondary, found.identity) is None and _is_configured(view, found)
    )
    return Decision(writes, lambda _: {"behind": len(writes)})


def note_in_step(view: View, command: NoteInStep, _moment: Moment, _random: Random) -> Decision:
    """Remove the records of secondaries that are in step again."""
    found = (view.entity(BehindSecondary, pair) for pair in command.found)
    writes = tuple(Write(entity, None) for entity in found if entity is not None)
    return Decision(writes, lambda _: {"in_step": len(writes)})


def forgotten(view: View, zones: Iterable[Zone]) -> Iterator[Write]:
    """Yield writes that remove the records of secondaries which no zone of `zones` has."""
    kept = {(name, zone.origin) for zone in zones for name in zone.secondaries}
    for found in view.entities(BehindSecondary):
        if found.identity not in kept:
            yield Write(found, None)


def _is_configured(view: View, found: BehindSecondary) -> bool:
    zone = view.zone(found.zone)
    return zone is not None and found.secondary in zone.secondaries


DECISIONS = (
    row(NoteBehind, note_behind),
    row(NoteInStep, note_in_step),
)
"""The commands that this module decides on."""
