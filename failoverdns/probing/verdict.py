"""The verdict of a probe, and the cause that an error of a socket stands for.

What this machine lacks is not the head's fault, and gets the cause `LOCAL`: such a probe found
nothing out.  That is narrow, so that no dead head is taken for healthy: `LacksHere` is raised only
where the kernel refuses to connect at once, or a file that the probe needs cannot be used.  An
error that comes later, such as a neighbour that does not answer, is the head's.

Does not know sockets, nor time.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from failoverdns.model.health import Cause


@dataclass(frozen=True, slots=True)
class ProbeVerdict:
    """The result of a probe: the head passed if there is no `cause`; `detail` explains in words."""

    cause: Cause | None
    detail: str = ""


PASSED: Final = ProbeVerdict(None)

Ended = Callable[[ProbeVerdict], None]
"""Takes the verdict of a probe, once, in a later turn than the one in which the probe began."""


class NoRoom(Exception):
    """This process cannot open or start anything more; the message says why."""


class LacksHere(Exception):
    """This machine lacks what the probe needs; the message says what."""


_CAUSES: Final = {
    errno.ECONNREFUSED: Cause.REFUSED,
    errno.ECONNRESET: Cause.RESET,
    errno.ECONNABORTED: Cause.RESET,
    errno.EPIPE: Cause.RESET,
    errno.ETIMEDOUT: Cause.TIMEOUT,
}


_NO_ROOM: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN))


def check_room(fault: OSError) -> None:
    """Raise NoRoom if an error comes from a limit of this process, not from the head."""
    if fault.errno in _NO_ROOM:
        raise NoRoom(os.strerror(fault.errno)) from None


def verdict_of(fault: OSError, stage: str) -> ProbeVerdict:
    """Return the verdict for an error of a socket; `stage` is what the probe was doing.

    Every error that is not an answer of the head (a neighbour that does not answer, a router that
    knows no way, a local firewall) means that it cannot be reached from here.
    """
    number = fault.errno or 0
    text = fault.strerror or os.strerror(number)
    return ProbeVerdict(_CAUSES.get(number, Cause.UNREACHABLE), f"{stage}: {text}")
