"""What a probe finds in the end, and which cause an error of a socket is.

Refuses to know sockets and time.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from failoverdns.model.health import Cause

MAX_DETAIL: Final = 300
"""Characters of what is told of a peer's own words."""


@dataclass(frozen=True, slots=True)
class ProbeVerdict:
    """A head passed if there is no `cause`; `detail` says more in words."""

    cause: Cause | None
    detail: str = ""


PASSED: Final = ProbeVerdict(None)

Ended = Callable[[ProbeVerdict], None]
"""Takes the verdict of a probe, once, in a later turn than the one in which the probe began."""


class NoRoom(Exception):
    """This process can have nothing more open, or start nothing more: says why."""


_CAUSES: Final = {
    errno.ECONNREFUSED: Cause.REFUSED,
    errno.ECONNRESET: Cause.RESET,
    errno.ECONNABORTED: Cause.RESET,
    errno.EPIPE: Cause.RESET,
    errno.ETIMEDOUT: Cause.TIMEOUT,
}


_NO_ROOM: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN))


def check_room(fault: OSError) -> None:
    """Raise NoRoom if an error is no fault but of our own limits: it says nothing of the head."""
    if fault.errno in _NO_ROOM:
        raise NoRoom(os.strerror(fault.errno)) from None


def verdict_of(fault: OSError, stage: str) -> ProbeVerdict:
    """Return what an error of a socket says of the head; `stage` is what was being done.

    All that is no answer of the head's (no route, no such network, no such address of ours, a
    firewall of ours) means that it cannot be reached from here.
    """
    number = fault.errno or 0
    text = fault.strerror or os.strerror(number)
    return ProbeVerdict(_CAUSES.get(number, Cause.UNREACHABLE), f"{stage}: {text}")


def printable(text: str) -> str:
    """Return the beginning of a text from a peer, as it may be shown."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:MAX_DETAIL])
