"""Commands about health: forced, reported, and learned from probes."""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.model.health import Health, Observed


@dataclass(frozen=True, slots=True)
class ForceHealth:
    """`health force`: force heads or applications up or down; UNKNOWN removes the override.

    `application` and `head` (None: the application itself) may be patterns with `*` and `?`.
    """

    application: str
    head: str | None
    health: Health
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ReportHealth:
    """`health report`: the report of a head or an external monitor; it counts `ttl` seconds.

    Without `head` it is about every head of the application, without `check` for all its checks of
    the type push.
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
    """Internal command: note the observed health of heads (by name) of an application (by id)."""

    application: str
    heads: tuple[tuple[str, Observed], ...]


@dataclass(frozen=True, slots=True)
class ForgetHealth:
    """Internal command, at start: forget observed health until it is probed again."""
