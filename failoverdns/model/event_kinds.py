"""The kinds of events that hooks are run for, as the configuration and hooks name them."""

from __future__ import annotations

from enum import Enum
from typing import Final


class EventKind(Enum):
    """The kinds of events; the events of one change are reported in this order."""

    CERTIFICATE = "certificate"
    SWITCH = "switch"
    ROLE = "role"
    HEALTH = "health"
    REFUSED = "refused"
    SECONDARY_BEHIND = "secondary-behind"
    SECONDARY_IN_STEP = "secondary-in-step"
    BEFORE_SWITCH = "before_switch"


HOOK_EVENTS: Final = tuple(kind.value for kind in EventKind if kind is not EventKind.BEFORE_SWITCH)
"""The kinds that a hook may list under `events`; `before_switch` is a separate key."""
