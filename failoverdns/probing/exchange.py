"""What a probe says over a connection: the interface between bytes and what they mean.

A protocol that is asked over a connection is one implementation of `Exchange` (`probing.http` is
one); `probing.connections` moves its bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from failoverdns.model.health import ProbeTarget
from failoverdns.probing.verdict import ProbeVerdict


@dataclass(frozen=True, slots=True)
class Redirect:
    """The head asks to come again, with another request, on another connection."""

    exchange: Exchange


class Exchange(Protocol):
    """One request of a probe, and the response as it comes."""

    request: bytes
    """The bytes to send first."""

    @property
    def stage(self) -> str:
        """What is being waited for, in words, for a probe whose time is up."""

    def receive(self, data: bytes) -> ProbeVerdict | Redirect | None:
        """Take a piece of the response, empty at its end.

        Return what follows from the response, or None while more of it is needed.
        """


Ask = Callable[[ProbeTarget], Exchange]
"""Returns the exchange with which a probe of a target begins."""
