"""The entry point to the rules: `decide` takes a command and returns a decision.

`DECISIONS` is the table of the functions that decide, one for each type of command that changes the
state.  All of them take the same four arguments as `decide`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, TypeVar

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
from failoverdns.model.moment import Moment
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


def decide(view: View, command: Mutation, moment: Moment, random: Random) -> Decision:
    """Return the decision on a command that changes the state; raises Rejected if it is refused.

    `view` is the state before the command, `moment` is the time, and `random` draws the label of a
    group that is added without one.
    """
    return DECISIONS[type(command)](view, command, moment, random)


def _switch(view: View, command: Switch, moment: Moment, random: Random) -> Decision:
    """Decide on a switch now, or on a planned one if the command has a time."""
    decides = switch if command.at is None else plan_switch
    return decides(view, command, moment, random)


C = TypeVar("C")
_Row = tuple[type[Any], Callable[[View, Any, Moment, Random], Decision]]


def _row(command: type[C], decides: Callable[[View, C, Moment, Random], Decision]) -> _Row:
    """Return a row of the table; mypy checks that the function takes this type of command."""
    return command, decides


DECISIONS: Mapping[type[Mutation], Callable[[View, Any, Moment, Random], Decision]] = dict(
    (
        _row(AddApplication, applications.add_application),
        _row(SetApplication, applications.set_application),
        _row(RenameApplication, applications.rename_application),
        _row(RemoveApplication, applications.remove_application),
        _row(AddHead, applications.add_head),
        _row(SetHead, applications.set_head),
        _row(RenameHead, applications.rename_head),
        _row(ActivateHead, applications.activate_head),
        _row(RemoveHead, applications.remove_head),
        _row(AddGroup, groups.add_group),
        _row(SetGroup, groups.set_group),
        _row(RenameGroup, groups.rename_group),
        _row(RemoveGroup, groups.remove_group),
        _row(Switch, _switch),
        _row(CancelPlan, cancel_plan),
        _row(AdvancePlan, advance_plan),
        _row(Automate, automate),
        _row(SetMaintenance, set_maintenance),
        _row(SetFlag, set_flag),
        _row(ForceHealth, force_health),
        _row(LearnHealth, learn_health),
        _row(ForgetHealth, forget_health),
        _row(InstallCertificate, certificates.install_certificate),
        _row(RequestCertificate, certificates.request_certificate),
        _row(RemoveCertificate, certificates.remove_certificate),
        _row(OpenAccount, ordering.open_account),
        _row(PlaceOrder, ordering.place_order),
        _row(SetChallenges, ordering.set_challenges),
        _row(FailOrder, ordering.fail_order),
        _row(IssueCertificate, ordering.issue_certificate),
        _row(LearnAnswer, learn_answer),
        _row(ForgetAnswers, forget_answers),
        _row(Configure, configure),
    )
)
"""The function that decides on each type of command, for every type in `Mutation`."""
