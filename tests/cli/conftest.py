"""A console with the group `shop`, for tests of printed results."""

from __future__ import annotations

import pytest
from console import Console

from failoverdns.model.health import Check, CheckKind
from failoverdns.model.policy import AutomationSettings, Gate, Mode, Policy

SETTINGS = AutomationSettings(
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
    """Return a console: `eu` is the primary, `us` the backup, each with a load balancer `lb`."""
    made = Console(SETTINGS)
    made.do(
        "application add eu",
        "head add eu lb --role load-balancer --address 192.0.2.1",
        "application add us",
        "head add us lb --role load-balancer --address 198.51.100.1",
        "group add shop --label shop --primary eu --backup us",
    )
    return made
