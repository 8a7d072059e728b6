"""The time at which a command is decided on, by both clocks of the server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment, read from two clocks.

    `now` is the wall clock: seconds since 1970.  An operator or NTP may set it.
    `steady` is a clock that is never set, in seconds; it equals the wall clock when the server
    starts.  Intervals such as a hold time or a cooldown are measured with it.
    """

    now: float
    steady: float
