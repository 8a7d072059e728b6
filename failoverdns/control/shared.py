"""What all clients of the control socket share, as one of them sees it.

`control.server` implements it.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime

from failoverdns.control.places import Places
from failoverdns.control.shares import Shares
from failoverdns.control.slots import RequestExecutor
from failoverdns.control.turns import Turns
from failoverdns.net.memory import Memory
from failoverdns.net.peer import AccountRoles


class Shared(Protocol):
    """What the clients share."""

    roles: AccountRoles
    clock: IReactorTime
    commands: RequestExecutor
    places: Places[Any]
    turns: Turns
    long_requests: Shares
    reads: Shares
    memory: Memory
    is_suspended: bool
    """Whether no further request is taken."""

    def name_of(self, uid: int) -> str | None:
        """Return the name of a user, if it is known."""
