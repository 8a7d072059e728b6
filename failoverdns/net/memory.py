"""Memory that large work took is given back to the system when the work is over.

The C library keeps memory that was freed in case it is needed again: after a megabyte more or less
at random places of its heap, a process may stay three times as large as it was.  What notes its
large work here lets the library look for whole pages that are free, once in a while.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

LARGE: Final = 1 << 20
"""Bytes of work after which memory is given back."""

SOON: Final = 1.0
"""Seconds after that: the work may go on for a while."""

PAUSE: Final = 10.0
"""Seconds from then to the next time, at least."""

SHARE: Final = 0.001
"""The share of the time that giving back may take: if it is slow, the pause is longer."""


def give_back() -> None:
    """Return free memory to the system, where the C library has a function for it (glibc)."""
    if _trim is not None:
        _trim(0)


def _find_trim() -> Callable[[int], Any] | None:
    try:
        found: Callable[[int], Any] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
    return found


_trim: Final = _find_trim()


class Memory:
    """Gives memory back after large work, at most once in a while."""

    def __init__(self, clock: IReactorTime, give_back: Callable[[], None] = give_back) -> None:
        self._clock = clock
        self._give_back = give_back
        self._noted = 0
        self._earliest = 0.0
        self._call: IDelayedCall | None = None

    def note(self, size: int) -> None:
        """Note that about `size` bytes are free, or will be in a moment, that were in use."""
        self._noted += size
        if self._noted >= LARGE and self._call is None:
            delay = max(SOON, self._earliest - self._clock.seconds())
            self._call = self._clock.callLater(delay, self._act)

    def stop(self) -> None:
        """Give nothing back any more."""
        if self._call is not None and self._call.active():
            self._call.cancel()

    def _act(self) -> None:
        self._call = None
        self._noted = 0
        began = self._clock.seconds()
        self._give_back()
        now = self._clock.seconds()
        self._earliest = now + max(PAUSE, (now - began) / SHARE)
