"""Automation of groups: policies, safety rules, flags, maintenance and planned switches.

Times are *steady* seconds, as in `model.health`, except those of a plan: these are seconds since
1970, because people plan by the clock on the wall.
What these values mean for a switch is decided in `failoverdns.rules`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from failoverdns.model.health import Check


class Mode(Enum):
    """Whether operators switch a group, or the server does."""

    MANUAL = "manual"
    AUTOMATIC = "automatic"


class AllDown(Enum):
    """Which addresses a group answers with while both sides are down; it is not switched."""

    STAY = "stay"
    PRIMARY = "primary"
    BACKUP = "backup"
    EMPTY = "empty"


class AnswerOf(Enum):
    """Which of several web servers a group answers with."""

    ALL = "all"
    HEALTHY = "healthy"


@dataclass(frozen=True, slots=True)
class Policy:
    """When groups switch by themselves; times in seconds.

    `grace` is how long the active side has to be down before its group leaves it.  `hold` is how
    long the primary has to be up again before the group goes back, if `fail_back` is automatic.
    `cooldown` is the least time between two automatic switches, `max_switches` the most of them
    within `window`.  `pre_ttl` is the TTL before a planned switch.
    """

    name: str
    mode: Mode = Mode.MANUAL
    grace: float = 25.0
    fail_back: Mode = Mode.MANUAL
    hold: float = 300.0
    cooldown: float = 300.0
    max_switches: int = 3
    window: float = 3600.0
    all_down: AllDown = AllDown.STAY
    answer: AnswerOf = AnswerOf.ALL
    pre_ttl: int = 10


@dataclass(frozen=True, slots=True)
class Assertion:
    """A safety rule: after a switch at least `at_least` of the groups are on their primary.

    `groups` are names, or patterns of names with `*` and `?`.
    """

    name: str
    groups: tuple[str, ...]
    at_least: int = 1


@dataclass(frozen=True, slots=True)
class Gate:
    """A safety rule: automatic switches need a group on its primary, or a flag that is on.

    Exactly one of `group` and `flag` is given; the rule is for `groups`.
    """

    name: str
    groups: tuple[str, ...]
    group: str | None = None
    flag: str | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """A safety rule: a group may switch again `seconds` after its last switch."""

    name: str
    groups: tuple[str, ...]
    seconds: float


SafetyRule = Assertion | Gate | Wait


@dataclass(frozen=True, slots=True)
class AutomationSettings:
    """The checks, policies and safety rules of the configuration, in the order of the file."""

    checks: tuple[Check, ...] = ()
    policies: tuple[Policy, ...] = ()
    safety_rules: tuple[SafetyRule, ...] = ()

    def check(self, name: str) -> Check | None:
        """Return the check of that name."""
        return next((check for check in self.checks if check.name == name), None)

    def policy(self, name: str) -> Policy | None:
        """Return the policy of that name."""
        return next((policy for policy in self.policies if policy.name == name), None)


NO_AUTOMATION_SETTINGS = AutomationSettings()
"""No checks, policies and safety rules."""

AUTOMATION_FLAG = "automation"
"""The flag that must be on for automatic switches; `automation freeze` turns it off."""


RULES_OF_OUR_OWN = frozenset(
    (
        "no-application",
        "target-empty",
        "target-down",
        "certificate-names",
        "certificate-expired",
        "before-switch",
        "active-side",
        "flap-guard",
        AUTOMATION_FLAG,
    )
)
"""Names that no safety rule of the configuration may have."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A switch for gates that operators turn on and off; a flag that does not exist is off.

    Only `automation` is on until it is turned off.  `since` in steady seconds.
    """

    name: str
    on: bool
    since: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Automation does not switch a group in maintenance; `since` in steady seconds."""

    since: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """An automatic switch that health calls for and that rules refuse.

    `to` is the side's name; `reasons` are the names of the rules that refuse it.
    """

    to: str
    reasons: tuple[str, ...]
    since: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A switch at a time; all times in seconds since 1970.

    From `lowered_at` (None before) until the switch the TTL is `pre_ttl`.  `override` are the rules
    that may fail, `reason` is for history.
    """

    at: float
    to: str
    pre_ttl: int
    lowered_at: float | None = None
    override: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Automation:
    """The state of a group that concerns automation; `policy` is a name.

    `switched_at` is its last switch, `automatic` its last automatic ones, oldest first.
    `by_hand` is true if an operator made the last switch and the side that it left was not down.
    """

    policy: str | None = None
    maintenance: Maintenance | None = None
    switched_at: float | None = None
    automatic: tuple[float, ...] = ()
    held: Held | None = None
    plan: Plan | None = None
    by_hand: bool = False


NO_AUTOMATION = Automation()
"""The value of groups without automation."""
