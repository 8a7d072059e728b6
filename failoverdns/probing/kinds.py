"""The kinds of probes: for each kind of check, the code that carries it out.

A new kind is a row here, a row in `model.health.CHECK_KINDS`, and one file that has an `Exchange`
(if it talks over a connection) or a `Probe` of its own.  A kind of check without a row is not
probed: it is reported from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Final, Protocol

from failoverdns.model.health import CheckKind, ProbeTarget
from failoverdns.probing.connections import ConnectionProbe
from failoverdns.probing.http import HttpExchange
from failoverdns.probing.polling import Poller
from failoverdns.probing.program_probe import ProgramProbe
from failoverdns.probing.tls import Trust
from failoverdns.probing.verdict import Ended, ProbeVerdict


class Probe(Protocol):
    """One probe: it calls `ended` (given when it is made), or `begin` returns the verdict."""

    def begin(self) -> ProbeVerdict | None:
        """Begin; return the verdict if it is known at once. Raises NoRoom."""

    def give_up(self) -> ProbeVerdict:
        """End the probe, whose time is up, and return the verdict."""

    def close(self) -> None:
        """Release what the probe holds; `ended` is not called any more."""


class Lane(Enum):
    """The pool of places that a probe takes one of: connections do not wait for programs."""

    CONNECTIONS = auto()
    PROGRAMS = auto()


@dataclass(frozen=True, slots=True)
class ProbeKind:
    """How a kind of check is carried out: the function that makes a probe, and its lane."""

    make: Callable[[ProbeTarget, Poller, Trust, Ended], Probe]
    lane: Lane = Lane.CONNECTIONS


def _program(target: ProbeTarget, poller: Poller, trust: Trust, ended: Ended) -> Probe:
    return ProgramProbe(target, poller, ended)


_tls = partial(ConnectionProbe, uses_tls=True)
_https = partial(ConnectionProbe, uses_tls=True, ask=HttpExchange, alpn="http/1.1")

PROBE_KINDS: Final[Mapping[CheckKind, ProbeKind]] = {
    CheckKind.TCP: ProbeKind(ConnectionProbe),
    CheckKind.HTTP: ProbeKind(partial(ConnectionProbe, ask=HttpExchange)),
    CheckKind.HTTPS: ProbeKind(_https),
    CheckKind.TLS: ProbeKind(_tls),
    CheckKind.EXEC: ProbeKind(_program, Lane.PROGRAMS),
}
"""The implementation of each kind of check that is probed."""
