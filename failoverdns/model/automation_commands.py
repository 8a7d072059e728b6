"""Commands about health, automation and plans, but for the switch.

As in `model.commands`, which these are part of.
"""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.model.group import Side
from failoverdns.model.health import Health


@dataclass(frozen=True, slots=True)
class CancelPlan:
    """`plan cancel`."""

    group: str


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
class ForceHealth:
    """`health force`: say what is so, whatever is observed; UNKNOWN lets go of that.

    `application` and `head` (None: the application itself) may be patterns with `*` and `?`.
    """

    application: str
    head: str | None
    health: Health
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ReportHealth:
    """`health report`: what a head, or a monitor of its own, says; it counts `ttl` seconds.

    Without `head` it is said of every head of the application, without `check` for all of its
    checks that are reported.
    """

    application: str
    head: str | None
    health: Health
    check: str | None = None
    ttl: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ShowHealth:
    """`health show`."""

    application: str | None = None


@dataclass(frozen=True, slots=True)
class ListFlags:
    """`flag list`."""


@dataclass(frozen=True, slots=True)
class ListPlans:
    """`plan list`."""


@dataclass(frozen=True, slots=True)
class Explain:
    """`explain`: why a group answers what it does, and what would change that."""

    group: str


@dataclass(frozen=True, slots=True)
class Rehearse:
    """`rehearse`: what a switch would change."""

    group: str
    to: Side | None = None
    override: tuple[str, ...] = ()
