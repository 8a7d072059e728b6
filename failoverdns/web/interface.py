"""What the control process's side of HTTP needs of the rest of the server, while that runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from failoverdns.model.token import TokenCheck
from failoverdns.web.calls import ServerState
from failoverdns.web.certificate import Vault


class Lanes(Protocol):
    """The control process's ends of all lanes (`control.web_lane`)."""

    def open(self, reactor: Any, descriptor: int, closed: Callable[[str], None]) -> None:
        """Serve a lane at a connected socket; `closed` is called when it has ended.

        It gets in words how the web process broke the protocol, or an empty text.
        """

    def close(self) -> None:
        """Close every lane."""


@dataclass(frozen=True, slots=True)
class WebEffects:
    """What the web process needs of the server, while that runs."""

    lanes: Lanes
    checks: Callable[[], list[TokenCheck]]
    """Returns the check values of all tokens."""
    vault: Vault
    state: Callable[[], ServerState]
    """Returns whether queries are answered, and the revision."""
