"""Commands as values: parsed and checked requests of a user, or of the server itself.

A command is a Mutation (it changes the state), an Action (it does something else) or a ReadCommand.
Names of applications and heads, and labels, are valid DNS labels in lower case.
In a command that sets values, None leaves a value unchanged and an empty text detaches it.
How a command is written, as words or as JSON, is defined in `control.language` only.
"""

from __future__ import annotations

from failoverdns.model.commands.applications import (
    ActivateHead,
    AddApplication,
    AddHead,
    ListApplications,
    RemoveApplication,
    RemoveHead,
    RenameApplication,
    RenameHead,
    SetApplication,
    SetHead,
)
from failoverdns.model.commands.automation import (
    AdvancePlan,
    Automate,
    CancelPlan,
    ListFlags,
    ListPlans,
    SetFlag,
    SetMaintenance,
)
from failoverdns.model.commands.certificates import (
    ChallengeName,
    FailOrder,
    InstallCertificate,
    IssueCertificate,
    ListCertificates,
    OpenAccount,
    PlaceOrder,
    RemoveCertificate,
    RequestCertificate,
    RotateKey,
    SetChallenges,
    ShowCertificate,
)
from failoverdns.model.commands.groups import (
    AddGroup,
    Explain,
    ListGroups,
    Preflight,
    Rehearse,
    RemoveGroup,
    RenameGroup,
    SetGroup,
    Switch,
)
from failoverdns.model.commands.health import (
    ForceHealth,
    ForgetHealth,
    LearnHealth,
    ReportHealth,
    ShowHealth,
)
from failoverdns.model.commands.history import ExportHistory, History, VerifyHistory
from failoverdns.model.commands.server import (
    Configure,
    ExportRecords,
    ForgetAnswers,
    LearnAnswer,
    QueryLogOff,
    QueryLogOn,
    QueryLogStatus,
    Status,
    Watch,
)

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
"""A command that changes the state; it is decided by the rules and recorded in the history."""


Action = ReportHealth | RotateKey | QueryLogOn | QueryLogOff
"""A command that has an effect outside the state, and does not change the state."""


ReadCommand = (
    ListApplications
    | ListGroups
    | Status
    | History
    | ExportHistory
    | VerifyHistory
    | Watch
    | ExportRecords
    | ShowCertificate
    | ListCertificates
    | ChallengeName
    | Preflight
    | Explain
    | Rehearse
    | ShowHealth
    | ListFlags
    | ListPlans
    | QueryLogStatus
)
"""A command that only reads, and can be repeated safely."""


Command = Mutation | Action | ReadCommand

LogCommand = QueryLogOn | QueryLogOff | QueryLogStatus
"""A command about the query log, of any of the three kinds."""
