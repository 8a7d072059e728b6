"""The names of the rules that may refuse a command, as users see and override them.

A rule has one name everywhere: in a refusal, in `--override`, in history and in the documentation.
The safety rules of the configuration have names too, none of which may be one of these.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class PreflightRule(StrEnum):
    """A rule that every switch must pass, unless the command overrides it by this name."""

    NO_APPLICATION = "no-application"
    TARGET_EMPTY = "target-empty"
    TARGET_DOWN = "target-down"
    CERTIFICATE_NAMES = "certificate-names"
    CERTIFICATE_EXPIRED = "certificate-expired"
    BEFORE_SWITCH = "before-switch"


ACTIVE_SIDE: Final = "active-side"
"""The rule that refuses to detach the active application of a group."""

FLAP_GUARD: Final = "flap-guard"
"""What holds back a group that switched by itself too often: named like a rule, not overridden."""
