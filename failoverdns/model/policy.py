"""Automation of groups: policies, safety rules, flags, maintenance and planned switches.

Times are *steady* seconds, as in `model.health`, except those of a plan, which are seconds since
1970, because an operator plans by the wall clock.
What these values mean for a switch is decided in `failoverdns.rules`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase

from failoverdns.model.entity import Entity
from failoverdns.model.health import Check
from failoverdns.model.rule_names import ACTIVE_SIDE, FLAP_GUARD, PreflightRule


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


class Unchecked(Enum):
    """Whether a backup with web heads and without any check counts as up when it is needed."""

    UP = "up"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Policy:
    """When the groups with this policy switch automatically; times in seconds.

    `grace` is how long the active side must be down before its group fails over; with the defaults
    of checks a burst of loss of 20 s is over before that.  `hold` is how
    long the primary must be up again before the group fails back, if `fail_back` is automatic.
    `cooldown` is the least time between two automatic switches, `max_switches` the largest number
    of them within `window`.  `pre_ttl` is the TTL before a planned switch.  `unchecked` is what a
    backup counts as that nothing checks.
    """

    name: str
    mode: Mode = Mode.MANUAL
    grace: float = 12.0
    fail_back: Mode = Mode.MANUAL
    hold: float = 300.0
    cooldown: float = 300.0
    max_switches: int = 3
    window: float = 3600.0
    all_down: AllDown = AllDown.STAY
    answer: AnswerOf = AnswerOf.ALL
    pre_ttl: int = 10
    unchecked: Unchecked = Unchecked.UP


HASTY = (
    "after an outage of the server's own network, one side may be seen up before the other, and "
    "a primary is left that was never down"
)
"""What happens if a policy is hasty, in words."""


def is_hasty(policy: Policy, check: Check) -> bool:
    """Return whether an automatic policy has a grace that is not above the interval of a check."""
    is_automatic = policy.mode is Mode.AUTOMATIC and check.kind.is_probed
    return is_automatic and policy.grace <= check.interval


@dataclass(frozen=True, slots=True)
class Assertion:
    """A safety rule: after a switch at least `at_least` of the groups must be on their primary.

    `groups` are names, or patterns of names with `*` and `?`.
    """

    name: str
    groups: tuple[str, ...]
    at_least: int = 1


@dataclass(frozen=True, slots=True)
class Gate:
    """A safety rule: groups switch automatically only while a group is on its primary or a flag on.

    Exactly one of `group` and `flag` is given; the rule applies to `groups`.
    """

    name: str
    groups: tuple[str, ...]
    group: str | None = None
    flag: str | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """A safety rule: a group may not switch again within `seconds` after its last switch."""

    name: str
    groups: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Following:
    """A safety rule: no group may be switched while a secondary of its zone is behind.

    Only operators are held up by it: an automatic switch helps more clients than it leaves behind.
    """

    name: str
    groups: tuple[str, ...]


SafetyRule = Assertion | Gate | Wait | Following


def is_about(rule: SafetyRule, group: str) -> bool:
    """Return whether a safety rule applies to the group of this name."""
    return any(fnmatchcase(group, pattern) for pattern in rule.groups)


@dataclass(frozen=True, slots=True)
class AutomationSettings:
    """The checks, policies and safety rules of the configuration, in the order of the file."""

    checks: tuple[Check, ...] = ()
    policies: tuple[Policy, ...] = ()
    safety_rules: tuple[SafetyRule, ...] = ()

    def check(self, name: str) -> Check | None:
        """Return the check with this name, or None."""
        return next((check for check in self.checks if check.name == name), None)

    def policy(self, name: str) -> Policy | None:
        """Return the policy with this name, or None."""
        return next((policy for policy in self.policies if policy.name == name), None)


NO_AUTOMATION_SETTINGS = AutomationSettings()
"""Settings without any checks, policies or safety rules."""

AUTOMATION_FLAG = "automation"
"""The flag that must be on for automatic switches; `failoverdns automation freeze` turns it off."""


RULES_OF_OUR_OWN = frozenset((*PreflightRule, ACTIVE_SIDE, FLAP_GUARD, AUTOMATION_FLAG))
"""Names that no safety rule of the configuration may have."""


@dataclass(frozen=True, slots=True)
class Flag(Entity):
    """A flag that operators turn on and off, for gates; a flag that does not exist is off.

    Only the flag `automation` is on until it is turned off.  `since` in steady seconds.
    """

    name: str
    on: bool
    since: float
    reason: str | None = None

    @property
    def identity(self) -> str:
        """The name."""
        return self.name


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Automation does not switch a group in maintenance; `since` in steady seconds."""

    since: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """An automatic switch that the policy calls for and that rules refuse.

    `to` is the side's name; `reasons` are the names of the rules that refuse the switch.
    """

    to: str
    reasons: tuple[str, ...]
    since: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A switch planned for the time `at`; all times in seconds since 1970.

    From `lowered_at` (None before) until the switch the TTL is `pre_ttl`.  `override` names the
    rules that the switch need not pass, `reason` is for the history.
    """

    at: float
    to: str
    pre_ttl: int
    lowered_at: float | None = None
    override: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Automation:
    """The part of a group's state that concerns automation; `policy` is a name.

    `switched_at` is the time of its last switch, `automatic` are the times of its last automatic
    ones, oldest first.
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
