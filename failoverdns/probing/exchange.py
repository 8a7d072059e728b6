"""The interface of a protocol that a probe speaks over a connection.

Each protocol is one implementation of `Exchange` (`probing.http` is one), which gives the bytes
their meaning; `probing.connections` moves them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from failoverdns.model.health import ProbeTarget
from failoverdns.probing.verdict import ProbeVerdict


@dataclass(frozen=True, slots=True)
class Redirect:
    """The head redirects to another request, on another connection."""

    exchange: Exchange


class Exchange(Protocol):
    """One request of a probe, and its response as the bytes arrive."""

    request: bytes
    """The bytes to send first."""

    server_name: str | None
    """The host name that is asked for, for SNI; None without one."""

    @property
    def stage(self) -> str:
        """What the probe waits for, in words, for the error of a probe whose time is up."""

    def receive(self, data: bytes) -> ProbeVerdict | Redirect | None:
        """Take the next bytes of the response, empty at its end.

        Return the verdict or the redirect, or None while more of the response is needed.
        """


Ask = Callable[[ProbeTarget], Exchange]
"""Returns the exchange with which a probe of a target begins."""
