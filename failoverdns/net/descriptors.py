"""Open files: how many this process may have, and how these are divided.

Every connection takes one.  If the limit of the process cannot be raised to what all of them want,
each gets an equal part, and what one does not need goes to the others: so clients that are idle are
disconnected to make room, and no connection fails because no file is left.

    wanted   -> the soft limit is raised, up to the hard limit
    too few  -> what each may have is lowered, and the log and `status` say so
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from twisted.logger import Logger

OTHER: Final = 350
"""Open files beside those that are divided: sockets to listen on, programs, calls of a CA."""

LEAST_OTHER: Final = 16
"""What is left of these, beside those that are open, if the limit is low."""

log = Logger()


@dataclass(slots=True)
class _Want:
    count: int
    used: Callable[[], int]
    changed: Callable[[int], None]
    allowed: int


class Allowances:
    """What every part of a process that takes open files may have."""

    def __init__(self) -> None:
        self.limit = 0
        """The limit of open files; 0 before it is known."""
        self._wants: dict[str, _Want] = {}
        self._noted = ""

    def want(
        self, what: str, count: int, *, used: Callable[[], int], changed: Callable[[int], None]
    ) -> None:
        """Have up to `count` open files for `what`, in words; a later call replaces an earlier one.

        `used` returns how many it has now; `changed` is called at once, and whenever it may have
        more or fewer.
        """
        self._wants[what] = _Want(count, used, changed, -1)
        self._divide()

    def forget(self, what: str) -> None:
        """Have no open files for something any more."""
        if self._wants.pop(what, None) is not None:
            self._divide()

    def clear(self) -> None:
        """Begin again, with nothing that wants open files."""
        self._wants.clear()
        self._noted = ""

    def report(self) -> dict[str, int]:
        """Return the limit, and how many open files would be enough."""
        return {"allowed": self.limit, "wanted": self.wanted}

    @property
    def wanted(self) -> int:
        """How many open files would be enough."""
        return OTHER + sum(want.count for want in self._wants.values())

    def note(self) -> None:
        """Log what had to be lowered, if that has changed."""
        lowered = [
            f"at most {want.allowed} {what}"
            for what, want in self._wants.items()
            if want.allowed < want.count
        ]
        text = ", ".join(lowered)
        if text and text != self._noted:
            log.warn(
                "{limit} open files are allowed, and {wanted} are wanted, so limits are lowered: "
                "{lowered} (raise the hard limit: LimitNOFILE= of systemd, `ulimit -Hn`)",
                limit=self.limit,
                wanted=self.wanted,
                lowered=text,
            )
        self._noted = text

    def _divide(self) -> None:
        """Raise the limit to what is wanted, and divide what there is."""
        self.limit = allow_descriptors(self.wanted)
        available = self.limit - OTHER
        if self.limit < self.wanted:
            taken = in_use() - sum(want.used() for want in self._wants.values())
            spare = max(LEAST_OTHER, min(OTHER, self.limit // 8))
            available = self.limit - taken - spare
        counts = {what: want.count for what, want in self._wants.items()}
        for what, allowed in divided(available, counts).items():
            want = self._wants[what]
            if want.allowed != allowed:
                want.allowed = allowed
                want.changed(allowed)


def divided(available: int, wanted: Mapping[str, int]) -> dict[str, int]:
    """Divide a number between those that want some: equally, and no more than each wants.

    Each gets 1 at least.
    """
    parts: dict[str, int] = {}
    left = available
    for index, what in enumerate(sorted(wanted, key=lambda one: wanted[one])):
        equal = left // (len(wanted) - index)
        parts[what] = max(1, min(wanted[what], equal))
        left -= parts[what]
    return parts


def allow_descriptors(wanted: int) -> int:
    """Raise the limit of open files to `wanted`, as far as the hard limit allows.

    Returns the new limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted if soft == resource.RLIM_INFINITY else soft
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (OSError, ValueError):  # a sandbox forbids it
        return soft
    return allowed


def in_use() -> int:
    """Return the number of open files of this process."""
    return len(os.listdir("/proc/self/fd")) - 1


def keep_to_ourselves() -> None:
    """Let no program that this process starts inherit what is open now, except for 0 to 2.

    Descriptors that whoever started the server left open would else be passed on; and one above
    the limit of open files, which cannot even be closed in a child, would prevent every start.
    """
    for name in os.listdir("/proc/self/fd"):
        try:
            if int(name) > 2:
                os.set_inheritable(int(name), False)
        except OSError:
            pass  # it was the folder that is listed


OURS: Final = Allowances()
"""The allowances of this process."""
