"""What deciding on a command yields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from failoverdns.model.certificate import Bundle
from failoverdns.model.change import Json, Write
from failoverdns.model.zone import Zone
from failoverdns.rules.view import View


@dataclass(frozen=True, slots=True)
class Decision:
    """A command that may be carried out: its writes, and its reply.

    `report` is called with the state after the writes.
    `bundles` go into the vault with the writes.
    `zones`, if given, take the place of the zones that are served.
    A decision without writes changes nothing that is stored and takes no revision.
    """

    writes: tuple[Write, ...]
    report: Callable[[View], dict[str, Json]]
    zones: tuple[Zone, ...] | None = None
    bundles: tuple[Bundle, ...] = ()
