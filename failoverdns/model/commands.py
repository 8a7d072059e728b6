"""Commands as values: what a user (or the system itself) asks for, parsed and typed.

Names of applications, heads and labels are already checked to be DNS labels in lower case.
In the commands that set something, None means "leave it", an empty text means "detach".
Those about automation and certificates, and the system's own, stand in `model.automation_commands`,
`model.certificate_commands` and `model.system_commands`.
Refuses to know how a command was written: words and JSON are `wire`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from failoverdns.model.application import HeadRole
from failoverdns.model.automation_commands import (
    CancelPlan,
    Explain,
    ForceHealth,
    ListFlags,
    ListPlans,
    Rehearse,
    ReportHealth,
    SetFlag,
    SetMaintenance,
    ShowHealth,
)
from failoverdns.model.certificate_commands import (
    ChallengeName,
    InstallCertificate,
    ListCertificates,
    RemoveCertificate,
    RequestCertificate,
    RotateKey,
    ShowCertificate,
)
from failoverdns.model.group import Side
from failoverdns.model.health import Quorum
from failoverdns.model.names import DomainName
from failoverdns.model.system_commands import (
    AdvancePlan,
    Automate,
    Configure,
    FailOrder,
    ForgetAnswers,
    ForgetHealth,
    IssueCertificate,
    LearnAnswer,
    LearnHealth,
    OpenAccount,
    PlaceOrder,
    SetChallenges,
)


@dataclass(frozen=True, slots=True)
class AddApplication:
    """`application add`."""

    name: str
    hostname_template: str | None = None


@dataclass(frozen=True, slots=True)
class RenameApplication:
    """`application rename`."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class SetApplication:
    """`application set`: its checks (None leaves them, none at all: it is not checked)."""

    name: str
    check: tuple[str, ...] | None = None
    require_checks: Quorum | None = None
    require_heads: Quorum | None = None


@dataclass(frozen=True, slots=True)
class RemoveApplication:
    """`application remove`."""

    name: str


@dataclass(frozen=True, slots=True)
class ListApplications:
    """`application list`."""


@dataclass(frozen=True, slots=True)
class AddHead:
    """`head add`: a new load balancer becomes the active one unless it is on standby."""

    application: str
    name: str
    role: HeadRole
    address: tuple[IPv4Address | IPv6Address, ...] = ()
    hostname: str | None = None
    standby: bool = False


@dataclass(frozen=True, slots=True)
class SetHead:
    """`head set`: other addresses or another hostname."""

    application: str
    name: str
    address: tuple[IPv4Address | IPv6Address, ...] = ()
    hostname: str | None = None


@dataclass(frozen=True, slots=True)
class RenameHead:
    """`head rename`."""

    application: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class ActivateHead:
    """`head activate`: choose the active load balancer."""

    application: str
    name: str


@dataclass(frozen=True, slots=True)
class RemoveHead:
    """`head remove`."""

    application: str
    name: str


@dataclass(frozen=True, slots=True)
class AddGroup:
    """`group add`; without `zone` the only one, without `label` nine random digits."""

    name: str
    zone: DomainName | None = None
    label: str | None = None
    primary: str | None = None
    backup: str | None = None
    ttl: int | None = None
    flatten: bool = False
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class SetGroup:
    """`group set`."""

    name: str
    primary: str | None = None
    backup: str | None = None
    ttl: int | None = None
    override: tuple[str, ...] = ()
    flatten: bool | None = None
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class RenameGroup:
    """`group rename`: the hostname stays."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class RemoveGroup:
    """`group remove`: its label is retired for ever."""

    name: str


@dataclass(frozen=True, slots=True)
class ListGroups:
    """`group list`."""


@dataclass(frozen=True, slots=True)
class Switch:
    """`switch`: without `to`, each group to its other side; all of them or none.

    With `at` (seconds since 1970) it is planned, with the TTL lowered to `pre_ttl` beforehand.
    """

    groups: tuple[str, ...]
    to: Side | None = None
    if_revision: int | None = None
    override: tuple[str, ...] = ()
    dry_run: bool = False
    reason: str | None = None
    at: float | None = None
    pre_ttl: int | None = None


@dataclass(frozen=True, slots=True)
class Preflight:
    """`preflight`: would a switch of this group go well?"""

    group: str
    to: Side | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """`status`."""

    group: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """`history`, newest first."""

    group: str | None = None
    limit: int = 20


@dataclass(frozen=True, slots=True)
class ExportHistory:
    """`history --export`: the changes after the revision `since`, oldest first, as a chain."""

    since: int = 0


@dataclass(frozen=True, slots=True)
class VerifyHistory:
    """`history --verify`: check the whole chain; some change must have the hash `expect`."""

    expect: str | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """`watch`: events until the client leaves."""


@dataclass(frozen=True, slots=True)
class Records:
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


LogCommand = QueryLogOn | QueryLogOff | QueryLogStatus
Mutation = (
    AddApplication
    | RenameApplication
    | RemoveApplication
    | AddHead
    | SetHead
    | RenameHead
    | ActivateHead
    | RemoveHead
    | AddGroup
    | SetGroup
    | RenameGroup
    | RemoveGroup
    | SetApplication
    | Switch
    | CancelPlan
    | SetMaintenance
    | SetFlag
    | ForceHealth
    | LearnHealth
    | ForgetHealth
    | Automate
    | AdvancePlan
    | InstallCertificate
    | RequestCertificate
    | RemoveCertificate
    | OpenAccount
    | PlaceOrder
    | SetChallenges
    | FailOrder
    | IssueCertificate
    | LearnAnswer
    | ForgetAnswers
    | Configure
)
Query = (
    ListApplications
    | ListGroups
    | Status
    | History
    | ExportHistory
    | VerifyHistory
    | Watch
    | Records
    | ShowCertificate
    | ListCertificates
    | ChallengeName
    | Preflight
    | Explain
    | Rehearse
    | ShowHealth
    | ReportHealth
    | ListFlags
    | ListPlans
    | RotateKey
    | QueryLogOn
    | QueryLogOff
    | QueryLogStatus
)
Command = Mutation | Query
