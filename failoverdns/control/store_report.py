"""Reports about the store: whether it can be written, its room, and what is not recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from failoverdns.changes.overlay import Overlay
from failoverdns.model.change import Json
from failoverdns.model.store_condition import Outage, StoreCondition
from failoverdns.model.timestamps import timestamp


def store_report(
    condition: StoreCondition, outage: Outage | None, overlay: Overlay
) -> dict[str, Json]:
    """Return the report of the store for `status`, `explain` and `health show`."""
    return {
        "writable": condition.is_writable and outage is None,
        "fault": outage.reason if outage is not None else condition.fault,
        "since": timestamp(outage.since if outage is not None else None),
        "read_only": condition.read_only,
        "reserve": condition.reserve.value,
        "free": condition.free,
        "unrecorded": len(overlay),
    }


@dataclass(frozen=True, slots=True)
class UnrecordedNotes:
    """What is not recorded about each application and group, and why.

    `since` has the time (seconds since 1970) of the first unrecorded step, by the ids it is about.
    """

    outage: Outage | None
    since: Mapping[str, float]

    def about(self, id_: str) -> dict[str, Json] | None:
        """Return since when steps about an application or group are not recorded, and why."""
        since = self.since.get(id_)
        if since is None:
            return None
        why = self.outage.reason if self.outage is not None else "it is being recorded"
        return {"since": timestamp(since), "why": why}
