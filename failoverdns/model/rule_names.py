"""The names of the rules that may refuse a command, as users see and override them.

A rule has one name everywhere: in a refusal, in `--override`, in history and in the documentation.
A safety rule of the configuration must not have one of these names.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class PreflightRule(StrEnum):
    """A rule that every switch must pass, unless the command overrides it by this name."""

    NO_APPLICATION = "no-application"
    TARGET_EMPTY = "target-empty"
    TARGET_DOWN = "target-down"
    TARGET_LOOP = "target-loop"
    CERTIFICATE_NAMES = "certificate-names"
    CERTIFICATE_EXPIRED = "certificate-expired"
    BEFORE_SWITCH = "before-switch"


ACTIVE_SIDE: Final = "active-side"
"""The rule that refuses to detach the active application of a group."""

FLAP_GUARD: Final = "flap-guard"
"""The rule that holds back a group after too many automatic switches; it cannot be overridden."""
