"""The number of times that tests kill a server; each kill takes most of a second for a start."""

from __future__ import annotations

import os

ALL_KILLS = "FAILOVERDNS_ALL_KILLS"
"""An environment variable; if it is 1, tests kill as often as they can."""


def kills(number: int) -> int:
    """Return how often to kill: `number` times if the environment asks for it, or a twelfth.

    Other slow steps are repeated as often.
    """
    return number if os.environ.get(ALL_KILLS) == "1" else number // 12
