"""Commands about automatic and planned switches, flags and maintenance."""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.model.errors import RuleFailure


@dataclass(frozen=True, slots=True)
class CancelPlan:
    """`plan cancel`."""

    group: str


@dataclass(frozen=True, slots=True)
class ListPlans:
    """`plan list`."""


@dataclass(frozen=True, slots=True)
class SetMaintenance:
    """`maintenance`: automation keeps its hands off a group, or no more."""

    group: str
    on: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SetFlag:
    """`flag on` and `flag off`; `automation thaw` and `automation freeze`."""

    name: str
    on: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ListFlags:
    """`flag list`."""


@dataclass(frozen=True, slots=True)
class Automate:
    """The system's own: do for a group (by id) what its policy says.

    `objections` are the rules that programs outside enforce, and that are against it.
    """

    group: str
    objections: tuple[RuleFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class AdvancePlan:
    """The system's own: do for a group (by id) what its planned switch asks for by now.

    `objections` as in `Automate`.
    """

    group: str
    objections: tuple[RuleFailure, ...] = ()
