"""The decision on a command: what it writes, and what it replies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any, TypeVar

from failoverdns.model.certificate import Bundle
from failoverdns.model.change import Json, StaticDifference, Write
from failoverdns.model.commands import Mutation
from failoverdns.model.moment import Moment
from failoverdns.model.names import DomainName
from failoverdns.model.policy import AutomationSettings
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.view import View


@dataclass(frozen=True, slots=True)
class Decision:
    """The writes and the reply of a command that may be carried out.

    `report` makes the reply, from the state after the writes.
    `bundles` are stored in the vault together with the writes.
    `about` is added to an internal command in the history, and describes its result.
    `zones` and `settings`, if given, replace the configured ones; `static` is the difference of the
    static records of these zones, if it was computed beforehand.
    `first_report` makes the reply in its place if that has a secret: what `report` makes is kept
    for a retry with the same `op_id`.
    A decision without writes changes nothing that is stored, and gets no revision.
    """

    writes: tuple[Write, ...]
    report: Callable[[View], dict[str, Json]]
    zones: tuple[Zone, ...] | None = None
    settings: AutomationSettings | None = None
    bundles: tuple[Bundle, ...] = ()
    about: Mapping[str, Json] | None = None
    static: StaticDifference | None = None
    first_report: Callable[[View], dict[str, Json]] | None = None

    @property
    def is_lasting(self) -> bool:
        """True if the decision changes anything that is stored."""
        return not all(write.is_fleeting for write in self.writes)

    def changes(self, view: View) -> bool:
        """Return whether the decision changes anything.

        Zones that answer something else have writes; those that others may transfer or update
        otherwise have none.
        """
        return (
            bool(self.writes)
            or self.settings not in (None, view.settings)
            or (self.zones is not None and _access(self.zones) != _access(view.zones))
        )


def _access(zones: Iterable[Zone]) -> dict[DomainName, tuple[object, ...]]:
    """Return who may transfer and update each zone, by origin."""
    return {zone.origin: (zone.secondaries, zone.updates) for zone in zones}


def warned_after(decision: Decision, warnings: Callable[[View], Iterable[str]]) -> Decision:
    """Return a decision whose reply has the warnings, if any, that the state after it calls for.

    They follow the warnings that the reply has already.
    """

    def report(view: View) -> dict[str, Json]:
        reply = decision.report(view)
        before = reply.get("warnings")
        found = [*(before if isinstance(before, list) else ()), *warnings(view)]
        return {**reply, "warnings": found} if found else reply

    return replace(decision, report=report)


def warned(decision: Decision, warnings: Iterable[str]) -> Decision:
    """Return a decision whose reply has more `warnings`, texts for the operator.

    A reply without any does not have the key.
    """
    texts = tuple(warnings)
    return warned_after(decision, lambda _after: texts) if texts else decision


def tried(decision: Decision, *, dry_run: bool) -> Decision:
    """Return a decision that changes nothing and says so in its reply, if it is a dry run."""
    if not dry_run:
        return decision
    return Decision((), lambda view: {**decision.report(view), "dry_run": True})


C = TypeVar("C", bound=Mutation)
Decide = Callable[[View, Any, Moment, Random], Decision]
"""Decides on a command: takes the state, the command, the moment, and randomness."""


def row(
    command: type[C], decide: Callable[[View, C, Moment, Random], Decision]
) -> tuple[type[Mutation], Decide]:
    """Return a row of a table of decisions: a type of command, and the function that decides on it.

    mypy checks that the function takes this type of command.
    """
    return command, decide
