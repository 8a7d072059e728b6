"""Commands about health: forced, reported, and learned from probes."""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.model.health import Health, Observed


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
class LearnHealth:
    """The system's own: what probing says by now of heads (by name) of an application (by id)."""

    application: str
    heads: tuple[tuple[str, Observed], ...]


@dataclass(frozen=True, slots=True)
class ForgetHealth:
    """The system's own, at a start: nothing is known until it is probed again."""
