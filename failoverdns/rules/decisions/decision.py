"""What deciding on a command yields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from failoverdns.model.certificate import Bundle
from failoverdns.model.change import Json, Write
from failoverdns.model.policy import AutomationSettings
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.view import View


@dataclass(frozen=True, slots=True)
class Decision:
    """A command that may be carried out: its writes, and its reply.

    `report` is called with the state after the writes.
    `bundles` go into the vault with the writes.
    `about` is added to what history tells of the command: what came of one of the system's own.
    `zones` and `settings`, if given, take the place of what is configured.
    A decision without writes changes nothing that is stored and takes no revision.
    """

    writes: tuple[Write, ...]
    report: Callable[[View], dict[str, Json]]
    zones: tuple[Zone, ...] | None = None
    settings: AutomationSettings | None = None
    bundles: tuple[Bundle, ...] = ()
    about: Mapping[str, Json] | None = None

    def changes(self, view: View) -> bool:
        """Tell whether anything is to be done: zones that differ in more than order have writes."""
        return bool(self.writes) or self.settings not in (None, view.settings)
