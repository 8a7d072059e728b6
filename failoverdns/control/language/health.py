"""The command table: health of applications and heads."""

from __future__ import annotations

from typing import Any, Final

from failoverdns.control.language import values
from failoverdns.control.language.parameters import REASON, named, number, state
from failoverdns.control.language.rows import CommandRow, Parameter
from failoverdns.model.commands import Command
from failoverdns.model.commands.health import ForceHealth, ReportHealth, ShowHealth
from failoverdns.model.health import Health
from failoverdns.model.roles import Role

MAX_REPORT_TTL = 86400
"""Seconds for which a health report may count, at most."""


def _force(target: tuple[str, str | None], state: Health, reason: str | None = None) -> Command:
    return ForceHealth(*target, state, reason)


def _report(target: tuple[str, str | None], state: Health, **given: Any) -> Command:
    return ReportHealth(*target, state, **given)


ROWS: Final = (
    CommandRow(
        "health show",
        "Show observed and forced health, and what probes last saw.",
        (
            Parameter(
                "application", "only this application", values.application, "APP", position=True
            ),
        ),
        ShowHealth,
        role=Role.VIEWER,
        reads=True,
    ),
    CommandRow(
        "health force",
        "Force a head or application up or down. `none` removes the override.",
        (
            named(
                "APPLICATION[/HEAD]; * and ? match several",
                values.health_target,
                "target",
                "TARGET",
            ),
            state("up, down or none", values.forced_health, values.UP_DOWN_OR_NONE),
            REASON,
        ),
        _force,
        'health force "shop-*/web1" down --reason "disk errors"',
        role=Role.OPERATOR,
    ),
    CommandRow(
        "health report",
        "Report a head up or down, for checks of the type push.",
        (
            named("APPLICATION[/HEAD]", values.exact_target, "target", "TARGET"),
            state("up or down", values.reported_health, values.UP_OR_DOWN),
            Parameter("check", "only for this check", values.configured_name, "CHECK"),
            number(
                "ttl",
                "how long the report counts, in seconds; default: the check's",
                "S",
                1,
                MAX_REPORT_TTL,
                " seconds",
            ),
            Parameter("detail", "what was found", values.text, "TEXT"),
        ),
        _report,
        "health report shop-eu/web1 up --ttl 60",
        role=Role.REPORTER,
    ),
)
"""Every command about health."""
