"""A console with the group `shop`, for what people read."""

from __future__ import annotations

import pytest
from console import Console

from failoverdns.model.health import Check, CheckKind
from failoverdns.model.policy import AutomationSettings, Gate, Mode, Policy

TERMS = AutomationSettings(
    (Check("web", CheckKind.TCP, port=80, up_after=2, down_after=3), Check("beat", CheckKind.PUSH)),
    (Policy("auto", Mode.AUTOMATIC, grace=30.0), Policy("quiet", Mode.MANUAL)),
    (
        Gate("office", ("*",), flag="office-hours"),
        Gate("late", ("*",), flag="office-hours"),
        Gate("home", ("*",), group="shop"),
    ),
)


@pytest.fixture
def console() -> Console:
    """`eu`, the primary, with the load balancer `lb`; `us`, the backup, with one as well."""
    made = Console(TERMS)
    made.do(
        "application add eu",
        "head add eu lb --role load-balancer --address 192.0.2.1",
        "application add us",
        "head add us lb --role load-balancer --address 198.51.100.1",
        "group add shop --label shop --primary eu --backup us",
    )
    return made
