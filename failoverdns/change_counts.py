"""Counts of what changes brought about: switches, events, steps of certificate orders.

Every change is announced once when it is visible, and one that could not be stored at first once
more when it is stored; the second time it does not count.  A change may concern thousands of
groups, so that little is done for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any, Final

from failoverdns.control.language.commands import ROWS
from failoverdns.model.change import Change, Json
from failoverdns.model.commands.secondaries import BEHIND, IN_STEP
from failoverdns.model.event_kinds import HOOK_EVENTS, EventKind
from failoverdns.model.group import Side
from failoverdns.rules.reports.health_reports import OBSERVED
from failoverdns.tallies import Tally

MOST_GROUPS: Final = 10_000
"""Groups whose switches are counted for each: those that switched first."""

MANUAL, AUTOMATIC, PLAN, OTHER = "manual", "automatic", "plan", "other"
"""What switches a group: a command, a policy, a plan, or anything else."""

_BY: Final = {"automatic": AUTOMATIC, "planned switch": PLAN}
_SIDES: Final = tuple(side.value for side in Side)
_STEPS: Final = {
    "acme order": "placed",
    "acme issue": "issued",
    "acme failure": "failed",
    "acme renew": "renewal",
}
"""Steps of certificate orders, by the internal commands that record them."""

_SECONDARY_EVENTS: Final = {
    BEHIND: EventKind.SECONDARY_BEHIND,
    IN_STEP: EventKind.SECONDARY_IN_STEP,
}


class ChangeCounts:
    """Counts of everything that was announced since the start."""

    def __init__(self) -> None:
        self.switches = Tally(2, product(_SIDES, (MANUAL, AUTOMATIC, PLAN)))
        """Switches by the side that is active then, and by what made them."""
        self.events = Tally(1, [(kind,) for kind in HOOK_EVENTS])
        """Events by their kinds; an event that hooks do not want counts too."""
        self.orders = Tally(1, [(step,) for step in _STEPS.values()])
        """Steps of certificate orders."""
        self._of_groups: dict[str, dict[str, dict[str, Json]]] = {}

    def of_group(self, id_: str) -> Mapping[str, Json]:
        """Return how often a group was switched, by side and by what; empty if it never was."""
        return self._of_groups.get(id_, {})

    def announce(self, change: Change) -> None:
        """Count a change that is stored, unless it was counted as a step."""
        if "happened" not in change.command:
            self.announce_unrecorded(change)

    def announce_unrecorded(self, step: Change) -> None:
        """Count a step that is visible and not stored."""
        word = str(step.command.get("command"))
        if word in _STEPS:
            self.orders.add(_STEPS[word])
        if word in _SECONDARY_EVENTS:
            names = {part["name"] for part in step.changed if part["kind"] == "secondary"}
            self.events.add(_SECONDARY_EVENTS[word].value, count=len(names))
        by = _BY.get(word) or (MANUAL if word in ROWS else OTHER)
        refused = "held" in step.command or step.command.get("outcome") in ("missed", "refused")
        for part in step.changed:
            fields: Any = part.get("fields") or {}
            if part["kind"] == "group":
                self._note_group(part, fields, by)
                if refused and ("held" in fields or "plan" in fields):
                    self.events.add(EventKind.REFUSED.value)
            else:
                self._note_other(part, fields)

    def _note_group(self, part: Mapping[str, Json], fields: Mapping[str, Any], by: str) -> None:
        id_ = str(part.get("id"))
        if part["done"] == "removed":
            self._of_groups.pop(id_, None)
        elif part["done"] == "changed" and "active" in fields:
            to = str(fields["active"][1])
            self.switches.add(to, by)
            self.events.add(EventKind.SWITCH.value)
            if id_ in self._of_groups or len(self._of_groups) < MOST_GROUPS:
                counts = self._of_groups.setdefault(id_, {}).setdefault(to, {})
                before = counts.get(by, 0)
                counts[by] = before + 1 if isinstance(before, int) else 1

    def _note_other(self, part: Mapping[str, Json], fields: Iterable[str]) -> None:
        match part["kind"], part["done"]:
            case "certificate", done if done != "removed" and "fingerprint" in fields:
                self.events.add(EventKind.CERTIFICATE.value)
            case "role", _:
                self.events.add(EventKind.ROLE.value)
            case "application", "changed":
                found = sum(name == "health" or name.startswith(OBSERVED) for name in fields)
                if found:
                    self.events.add(EventKind.HEALTH.value, count=found)
