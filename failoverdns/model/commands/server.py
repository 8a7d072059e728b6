"""Commands about the server as a whole: configuration, status, query log, resolved hostnames."""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.model.catalog import Catalog
from failoverdns.model.change import StaticDifference
from failoverdns.model.commands.kinds import (
    Action,
    Mutation,
    Observation,
    ReadCommand,
    Unrecorded,
)
from failoverdns.model.names import DomainName
from failoverdns.model.policy import NO_AUTOMATION_SETTINGS, AutomationSettings
from failoverdns.model.resolution import Answer
from failoverdns.model.zone import Zone


@dataclass(frozen=True, slots=True)
class Configure(Mutation):
    """Internal command, at start and reload: serve exactly these zones, with these settings.

    `is_start` is true at the start, which must succeed even if the state cannot be written.  With
    `may_have_lost` the server before may have served steps that were not recorded.  `static` is the
    difference of the static records from those in use, if it was computed beforehand.  `catalog`
    is the catalog zone of these zones, None without one.
    """

    zones: tuple[Zone, ...]
    settings: AutomationSettings = NO_AUTOMATION_SETTINGS
    is_start: bool = False
    may_have_lost: bool = False
    static: StaticDifference | None = None
    catalog: Catalog | None = None

    @property
    def unrecorded(self) -> Unrecorded:
        """Carried out at the start; a reload is a command by hand."""
        return Unrecorded.ALWAYS if self.is_start else Unrecorded.REFUSED


@dataclass(frozen=True, slots=True)
class Status(ReadCommand):
    """`status`."""

    group: str | None = None


@dataclass(frozen=True, slots=True)
class Stats(ReadCommand):
    """`stats`: all counts and gauges, with those of the groups that match one of `groups`.

    Without patterns every group is shown, if there are not too many.
    """

    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Watch(ReadCommand):
    """`watch`: send an event for each change until the client disconnects."""


@dataclass(frozen=True, slots=True)
class WhoAmI(ReadCommand):
    """`whoami`: the principal that asks, and its role."""


@dataclass(frozen=True, slots=True)
class Backup(Action):
    """`backup`: copy the state to the open file that comes with the request."""


@dataclass(frozen=True, slots=True)
class ExportRecords(ReadCommand):
    """`records`: export all records served as zone-file text."""

    zone: DomainName | None = None


@dataclass(frozen=True, slots=True)
class Restart(Action):
    """`restart`: replace the running server by the version on disk, without losing an answer."""


@dataclass(frozen=True, slots=True)
class QueryLogOn(Action):
    """`querylog on`: log every N-th query, `sample` being N."""

    sample: int = 1


@dataclass(frozen=True, slots=True)
class QueryLogOff(Action):
    """`querylog off`."""


@dataclass(frozen=True, slots=True)
class QueryLogStatus(ReadCommand):
    """`querylog status`."""


@dataclass(frozen=True, slots=True)
class LearnAnswer(Observation):
    """Internal command: record the answer for a hostname, to be served with TTL `ttl`."""

    hostname: DomainName
    answer: Answer
    ttl: int


@dataclass(frozen=True, slots=True)
class ForgetAnswers(Observation):
    """Internal command: delete the answers for these hostnames, which nothing needs any more."""

    hostnames: tuple[DomainName, ...]


LogCommand = QueryLogOn | QueryLogOff | QueryLogStatus
"""A command on the query log, whatever its kind."""
