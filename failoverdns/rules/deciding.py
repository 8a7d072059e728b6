"""The entrance to the rules: one command in, one decision out."""

from __future__ import annotations

from random import Random
from typing import assert_never

from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import (
    ActivateHead,
    AddApplication,
    AddHead,
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
    SetFlag,
    SetMaintenance,
)
from failoverdns.model.commands.certificates import (
    FailOrder,
    InstallCertificate,
    IssueCertificate,
    OpenAccount,
    PlaceOrder,
    RemoveCertificate,
    RequestCertificate,
    SetChallenges,
)
from failoverdns.model.commands.groups import AddGroup, RemoveGroup, RenameGroup, SetGroup, Switch
from failoverdns.model.commands.health import ForceHealth, ForgetHealth, LearnHealth
from failoverdns.model.commands.server import Configure, ForgetAnswers, LearnAnswer
from failoverdns.rules.decisions import applications, certificates, groups, ordering
from failoverdns.rules.decisions.automation import automate
from failoverdns.rules.decisions.configuring import configure
from failoverdns.rules.decisions.decision import Decision
from failoverdns.rules.decisions.health_changes import force_health, forget_health, learn_health
from failoverdns.rules.decisions.operator_controls import set_flag, set_maintenance
from failoverdns.rules.decisions.planning import advance_plan, cancel_plan, plan_switch
from failoverdns.rules.decisions.resolving import forget_answers, learn_answer
from failoverdns.rules.decisions.switching import switch
from failoverdns.rules.derived.view import View


def decide(
    view: View, command: Mutation, now: float, random: Random, steady: float | None = None
) -> Decision:
    """Decide on a command that changes something.

    `now` is in seconds since 1970, `steady` those of the clock that nobody sets (None: `now`).
    Raises Rejected; then nothing is to change.
    """
    steady = now if steady is None else steady
    match command:
        case Switch(at=None):
            return switch(view, command, now, steady)
        case Switch():
            return plan_switch(view, command, now, steady)
        case CancelPlan():
            return cancel_plan(view, command)
        case SetMaintenance():
            return set_maintenance(view, command, steady)
        case SetFlag():
            return set_flag(view, command, steady)
        case ForceHealth():
            return force_health(view, command, steady)
        case LearnHealth():
            return learn_health(view, command)
        case ForgetHealth():
            return forget_health(view)
        case Automate():
            return automate(view, command, now, steady)
        case AdvancePlan():
            return advance_plan(view, command, now, steady)
        case SetApplication():
            return applications.set_application(view, command)
        case AddHead():
            return applications.add_head(view, command)
        case SetHead():
            return applications.set_head(view, command)
        case RenameHead():
            return applications.rename_head(view, command)
        case ActivateHead():
            return applications.activate_head(view, command)
        case RemoveHead():
            return applications.remove_head(view, command)
        case AddApplication():
            return applications.add_application(view, command)
        case RenameApplication():
            return applications.rename_application(view, command)
        case RemoveApplication():
            return applications.remove_application(view, command)
        case AddGroup():
            return groups.add_group(view, command, random)
        case SetGroup():
            return groups.set_group(view, command, now)
        case RenameGroup():
            return groups.rename_group(view, command)
        case RemoveGroup():
            return groups.remove_group(view, command)
        case InstallCertificate():
            return certificates.install_certificate(view, command, now)
        case RequestCertificate():
            return certificates.request_certificate(view, command, now)
        case RemoveCertificate():
            return certificates.remove_certificate(view, command)
        case OpenAccount():
            return ordering.open_account(view, command)
        case PlaceOrder():
            return ordering.place_order(view, command)
        case SetChallenges():
            return ordering.set_challenges(view, command)
        case FailOrder():
            return ordering.fail_order(view, command, now)
        case IssueCertificate():
            return ordering.issue_certificate(view, command, now)
        case LearnAnswer():
            return learn_answer(view, command, now)
        case ForgetAnswers():
            return forget_answers(view, command)
        case Configure():
            return configure(view, command, now)
        case _:
            assert_never(command)
