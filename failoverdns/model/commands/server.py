"""Commands about the server as a whole: configuration, status, query log, resolved hostnames."""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.model.names import DomainName
from failoverdns.model.policy import NO_AUTOMATION_SETTINGS, AutomationSettings
from failoverdns.model.resolution import Answer
from failoverdns.model.zone import Zone


@dataclass(frozen=True, slots=True)
class Configure:
    """The system's own: serve exactly these zones, on these terms (at start and on reload)."""

    zones: tuple[Zone, ...]
    settings: AutomationSettings = NO_AUTOMATION_SETTINGS


@dataclass(frozen=True, slots=True)
class Status:
    """`status`."""

    group: str | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """`watch`: events until the client leaves."""


@dataclass(frozen=True, slots=True)
class ExportRecords:
    """`records`: zone-file text of all that is served."""

    zone: DomainName | None = None


@dataclass(frozen=True, slots=True)
class QueryLogOn:
    """`querylog on`: log every N-th query, `sample` being N."""

    sample: int = 1


@dataclass(frozen=True, slots=True)
class QueryLogOff:
    """`querylog off`."""


@dataclass(frozen=True, slots=True)
class QueryLogStatus:
    """`querylog status`."""


@dataclass(frozen=True, slots=True)
class LearnAnswer:
    """The system's own: what resolvers told of a hostname; `ttl` (seconds) is what to serve."""

    hostname: DomainName
    answer: Answer
    ttl: int


@dataclass(frozen=True, slots=True)
class ForgetAnswers:
    """The system's own: let go of what is known of these hostnames, if no group needs it."""

    hostnames: tuple[DomainName, ...]
