"""A limit for lines of the log that many probes or groups would cause at the same time."""

from __future__ import annotations

from typing import Final

LOG_INTERVAL: Final = 60.0
"""Seconds before the same text is logged again."""


def is_due(logged: dict[str, float], text: str, now: float) -> bool:
    """Return whether to log a text, and note that it is logged at `now`.

    `logged` has when each text was logged; older ones are removed.
    """
    for old in [old for old, at in logged.items() if now - at >= LOG_INTERVAL]:
        del logged[old]
    if text in logged:
        return False
    logged[text] = now
    return True
