"""Commands about health: forced by operators, reported by heads, and found by probes."""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.model.commands.kinds import Action, Mutation, Observation, ReadCommand
from failoverdns.model.health import Health, Observed


@dataclass(frozen=True, slots=True)
class ForceHealth(Mutation):
    """`health force`: force heads or applications up or down; UNKNOWN removes the override.

    `application` and `head` (None: the application itself) may be patterns with `*` and `?`.
    """

    application: str
    head: str | None
    health: Health
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ReportHealth(Action):
    """`health report`: the report of a head or an external monitor; it counts for `ttl` seconds.

    Without `head` it is about every head of the application, without `check` for all its checks of
    type `push`.
    """

    application: str
    head: str | None
    health: Health
    check: str | None = None
    ttl: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ShowHealth(ReadCommand):
    """`health show`."""

    application: str | None = None


@dataclass(frozen=True, slots=True)
class LearnHealth(Observation):
    """Internal command: record the observed health of heads (by name) of an application (by id)."""

    application: str
    heads: tuple[tuple[str, Observed], ...]


@dataclass(frozen=True, slots=True)
class ForgetHealth(Observation):
    """Internal command, at start: set all observed health to unknown until it is probed again."""
