"""How often tests kill a server: each kill takes a start, and so most of a second."""

from __future__ import annotations

import os

ALL_KILLS = "FAILOVERDNS_ALL_KILLS"
"""The variable of the environment that has tests kill as often as they can: set it to 1."""


def kills(number: int) -> int:
    """Return how many of so many kills to do: a quarter, or all if the environment asks for it."""
    return number if os.environ.get(ALL_KILLS) == "1" else number // 4
