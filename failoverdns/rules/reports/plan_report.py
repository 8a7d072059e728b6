"""The report of a group's planned switch, for `status`, `plan list` and replies."""

from __future__ import annotations

from failoverdns.model.change import Json
from failoverdns.model.group import Group
from failoverdns.model.timestamps import timestamp


def plan_report(group: Group) -> dict[str, Json] | None:
    """Return the report of a group's planned switch, None without one."""
    planned = group.automation.plan
    if planned is None:
        return None
    return {
        "group": group.name,
        "to": planned.to,
        "at": timestamp(planned.at),
        "pre_ttl": planned.pre_ttl,
        "ttl_lowered_at": timestamp(planned.lowered_at),
        "override": list(planned.override),
        "reason": planned.reason,
    }
