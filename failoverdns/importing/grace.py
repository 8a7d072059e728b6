"""The grace of imported policies: long enough for the checks that were imported.

Other servers have no grace, and this one has a default that suits its default checks.  A check that
probes more rarely needs a longer one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from failoverdns.importing.plan import Settings
from failoverdns.model.health import Check, CheckKind
from failoverdns.model.policy import Policy

_DEFAULT: Final = Policy("").grace


def with_grace(
    policies: Mapping[str, Settings], checks: Mapping[str, Settings]
) -> dict[str, Settings]:
    """Return automatic policies with a `grace` where the default is too short for the checks.

    The server must have had the time to see a side up again; otherwise it would leave a primary
    that is up, only because it was itself cut off for a while.
    """
    needed = max((_settling_time(check) for check in checks.values()), default=0)
    grace: Settings = {"grace": needed} if needed > _DEFAULT else {}
    return {
        name: {**policy, **grace} if policy.get("mode") == "automatic" else policy
        for name, policy in policies.items()
    }


def _settling_time(settings: Settings) -> int:
    """Return the seconds after which a check has surely said that a head is up again."""
    interval, times = settings.get("interval"), settings.get("up_after")
    check = Check("", CheckKind.TCP)
    if isinstance(interval, int) and isinstance(times, int):
        check = replace(check, interval=float(interval), up_after=times)
    return math.ceil(max(check.longest_gap, check.recovery_time))
