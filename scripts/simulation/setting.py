"""The simulated setting: a check, a policy, a TTL, and the number of heads that have to be up."""

from __future__ import annotations

from dataclasses import dataclass, replace

from failoverdns.model.group import DEFAULT_TTL
from failoverdns.model.health import Check, CheckKind, Quorum
from failoverdns.model.policy import Mode, Policy

CHECK = Check("check", CheckKind.TCP, 80)
"""A check with the defaults of the server."""

POLICY = Policy("policy", Mode.AUTOMATIC)
"""A policy with the defaults of the server, except that it switches automatically."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The settings of a group; `ttl` is in seconds, `require_heads` as for an application."""

    check: Check = CHECK
    policy: Policy = POLICY
    ttl: int = DEFAULT_TTL
    require_heads: Quorum = "any"

    def with_fail_back(self) -> Setting:
        """Return the same setting with automatic fail-back."""
        return replace(self, policy=replace(self.policy, fail_back=Mode.AUTOMATIC))

    def without_guards(self) -> Setting:
        """Return the same setting without hold, cooldown and flap guard."""
        policy = replace(self.policy, hold=0.0, cooldown=0.0, max_switches=NO_LIMIT)
        return replace(self, policy=policy)


NO_LIMIT = 10**9
"""A number of switches that the flap guard never reaches."""


def setting_of(
    interval: float,
    down_after: int,
    up_after: int,
    grace: float,
    *,
    timeout: float = 3.0,
    fast: float | None = None,
) -> Setting:
    """Return the server's defaults with these values changed; times are in seconds.

    Without `fast` there are no fast probes.
    """
    check = replace(
        CHECK,
        interval=interval,
        fast_interval=fast if fast is not None else interval,
        timeout=timeout,
        up_after=up_after,
        down_after=down_after,
    )
    return Setting(check, replace(POLICY, grace=grace))


def label(setting: Setting) -> str:
    """Return the values that decide how fast a setting is, in one line."""
    check, grace = setting.check, setting.policy.grace
    is_fast = check.fast_interval < check.interval
    times = f"{check.interval:g} s" + (f", fast {check.fast_interval:g} s" if is_fast else "")
    return f"{times}, {check.down_after} down, {check.up_after} up, grace {grace:g} s"


FORMER = setting_of(10, 4, 2, 25)
"""The defaults of the server before it had fast probes."""

COMPARED = (
    setting_of(2, 4, 2, 6, timeout=1.0, fast=0.5),
    setting_of(5, 5, 2, 8, fast=1),
    Setting(),
    setting_of(10, 4, 2, 20, fast=1),
    setting_of(20, 4, 2, 25, fast=1),
    FORMER,
)
"""Settings for comparison, the fastest first: the server's defaults, its former defaults (the last
one, without fast probes), and faster, safer and cheaper ones."""
