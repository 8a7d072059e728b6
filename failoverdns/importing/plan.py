"""The result of an import: zones, checks, policies, applications, groups, and what was not taken.

Values only, in the order in which they are written; `writing` makes text of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from failoverdns.model.names import DomainName
from failoverdns.model.records import OwnedRRset
from failoverdns.model.zone import SOATimers

Setting = bool | int | str | list[str] | list[int]
"""A value of a check or policy in the configuration."""

Settings = Mapping[str, Setting]
"""The keys of a check or policy, and their values."""

APEX_LABEL: Final = "@"
"""The label of the group for the origin of a zone."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that was not taken, or that is different here.

    `place` is where it is in the source, `subject` what it is, `reason` a sentence without its full
    stop, `advice` what to do; it may be empty.
    """

    place: str
    subject: str
    reason: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class PlannedHead:
    """A head: addresses, or a hostname without the trailing dot."""

    name: str
    addresses: tuple[str, ...] = ()
    hostname: str | None = None
    is_web_server: bool = False


@dataclass(frozen=True, slots=True)
class PlannedApplication:
    """An application with its heads, and the names of its checks.

    `require_heads` is how many heads must be up; None stands for the default.
    """

    name: str
    heads: tuple[PlannedHead, ...]
    checks: tuple[str, ...] = ()
    require_heads: int | None = None


@dataclass(frozen=True, slots=True)
class PlannedGroup:
    """A group; `primary` and `backup` are names of applications, `ttl` in seconds."""

    name: str
    zone: DomainName
    label: str
    ttl: int
    primary: str
    backup: str | None = None
    policy: str | None = None
    flatten: bool = False

    @property
    def hostname(self) -> DomainName:
        """The name that the group answers for."""
        return self.zone if self.label == APEX_LABEL else self.zone.child(self.label)


@dataclass(frozen=True, slots=True)
class PlannedZone:
    """A zone: its name servers with their addresses, its settings, and its static records.

    `contact` is a mail address; `negative_ttl` in seconds; `soa` are the timers of the SOA record.
    None stands for the default.  `comments` are written above `nameservers`.
    """

    origin: DomainName
    nameservers: Mapping[str, tuple[str, ...]]
    contact: str | None = None
    negative_ttl: int | None = None
    soa: SOATimers | None = None
    alias: DomainName | None = None
    records: tuple[OwnedRRset, ...] = ()
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import found: `source` names the source, `maker` the importer.

    `checks` and `policies` by name.  `notes` are differences of what was taken.
    """

    maker: str
    source: str
    zones: tuple[PlannedZone, ...]
    checks: Mapping[str, Settings]
    policies: Mapping[str, Settings]
    applications: tuple[PlannedApplication, ...]
    groups: tuple[PlannedGroup, ...]
    listen: tuple[str, ...]
    needs_resolvers: bool
    not_taken: tuple[Remark, ...]
    notes: tuple[Remark, ...]
