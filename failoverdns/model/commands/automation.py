"""Commands about automatic and planned switches, flags and maintenance."""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.model.commands.kinds import AutomaticSwitch, Mutation, ReadCommand
from failoverdns.model.errors import RuleFailure


@dataclass(frozen=True, slots=True)
class CancelPlan(Mutation):
    """`plan cancel`."""

    group: str


@dataclass(frozen=True, slots=True)
class ListPlans(ReadCommand):
    """`plan list`."""


@dataclass(frozen=True, slots=True)
class SetMaintenance(Mutation):
    """`maintenance`: turn the maintenance mode of a group on or off."""

    group: str
    on: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SetFlag(Mutation):
    """`flag on` and `flag off`; `automation thaw` and `automation freeze`."""

    name: str
    on: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ListFlags(ReadCommand):
    """`flag list`."""


@dataclass(frozen=True, slots=True)
class Automate(AutomaticSwitch):
    """Internal command: switch a group (by id) if its policy calls for it.

    `objections` are the failed rules of external programs.
    """

    group: str
    objections: tuple[RuleFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class AdvancePlan(AutomaticSwitch):
    """Internal command: take the next step of the planned switch of a group (by id).

    `objections` as in `Automate`.
    """

    group: str
    objections: tuple[RuleFailure, ...] = ()
