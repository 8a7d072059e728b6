"""The entry point to the rules: `decide` takes a command and returns a decision.

`DECISIONS` is the table of the functions that decide, one for each type of command that changes the
state.  All of them take the same four arguments as `decide`.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from failoverdns.model.commands import Mutation
from failoverdns.model.moment import Moment
from failoverdns.rules.decisions import (
    applications,
    automation,
    certificates,
    configuring,
    groups,
    health_changes,
    operator_controls,
    ordering,
    planning,
    record_commands,
    resolving,
    secondaries,
    tokens,
    trimming,
    updating,
)
from failoverdns.rules.decisions.decision import Decide, Decision
from failoverdns.rules.derived.view import View


def decide(view: View, command: Mutation, moment: Moment, random: Random) -> Decision:
    """Return the decision on a command that changes the state; raises Rejected if it is refused.

    `view` is the state before the command, `moment` is the time, and `random` draws the label of a
    group that is added without one, and the secret of a token.
    """
    return DECISIONS[type(command)](view, command, moment, random)


DECISIONS: Mapping[type[Mutation], Decide] = dict(
    (
        *applications.DECISIONS,
        *automation.DECISIONS,
        *certificates.DECISIONS,
        *configuring.DECISIONS,
        *groups.DECISIONS,
        *health_changes.DECISIONS,
        *operator_controls.DECISIONS,
        *ordering.DECISIONS,
        *planning.DECISIONS,
        *record_commands.DECISIONS,
        *resolving.DECISIONS,
        *secondaries.DECISIONS,
        *tokens.DECISIONS,
        *trimming.DECISIONS,
        *updating.DECISIONS,
    )
)
"""The function that decides on each type of command; every mutation is in it."""
