"""Commands as values: parsed and typed requests of a user, or of the server itself.

A command is a Mutation (it changes the state), an Action (it does something else) or a ReadCommand.
Names of applications, heads and labels are already checked to be DNS labels in lower case.
In commands that set something, None leaves the value as it is and an empty text detaches it.
How a command is written, as words or as JSON, is known in `control.language` only.
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
"""Changes the state: goes through the ledger, and is recorded in the history."""


Action = ReportHealth | RotateKey | QueryLogOn | QueryLogOff
"""Has an effect outside the state, and leaves the state as it is."""


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
"""Only reads: it can be repeated at will."""


Command = Mutation | Action | ReadCommand

LogCommand = QueryLogOn | QueryLogOff | QueryLogStatus
"""A command on the query log, whatever its kind."""
