"""A switch with `--wait-secondaries`: its reply comes when the secondaries serve the new answer.

The switch is done, durable and served here before the wait begins; nothing undoes it.  Other
clients do not wait.  What the secondaries serve is reported by the transfer process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from failoverdns.changes.batch import Done
from failoverdns.control.effects import AtSecondaries
from failoverdns.model.change import Json
from failoverdns.model.commands.groups import Switch
from failoverdns.model.names import DomainName
from failoverdns.model.timestamps import read_timestamp, timestamp
from failoverdns.rules.derived.view import View


async def wait_for_secondaries(
    view: View, following: AtSecondaries, command: Switch, done: Done, began: float
) -> Done:
    """Wait for the secondaries of the zones of a switch that is done, and return its reply.

    `view` is the state after the switch, which began at `began` (seconds since 1970).  The reply
    has `secondaries`, an object for each of them and each zone, and a warning for each that does
    not serve the new serial in time.
    """
    if command.wait_secondaries is None:
        return done
    found = await following.wait(_serials(view, command), command.wait_secondaries)
    times = [read_timestamp(str(one["served_at"])) for one in found if one["served_at"]]
    delay = max(0.0, max(times, default=began) - _as_shown(began))
    before = done.result.get("warnings")
    warnings = [*(before if isinstance(before, list) else ()), *_warnings(found)]
    result: dict[str, Json] = {
        **done.result,
        "groups": [_drained_later(group, delay) for group in _groups(done.result)],
        "secondaries": [*found],
    }
    return Done(done.revision, {**result, "warnings": warnings} if warnings else result)


def _serials(view: View, command: Switch) -> dict[DomainName, int]:
    """Return the serials that the zones of the groups have now."""
    groups = (view.group_named(name) for name in command.groups)
    zones = {group.zone for group in groups if group is not None}
    serials = {zone: view.serial(zone) for zone in zones}
    return {zone: found.serial for zone, found in serials.items() if found is not None}


def _groups(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(result.get("groups", ()))


def _drained_later(group: dict[str, Any], delay: float) -> dict[str, Json]:
    """Return the report of a group whose clients may ask secondaries that served it later."""
    if not group["changed"] or not group["drained_at"]:
        return group
    drained_at = read_timestamp(group["drained_at"]) + delay
    return {**group, "drained_at": timestamp(round(drained_at, 3))}


def _as_shown(seconds: float) -> float:
    """Return a time without what replies cut off, so that it can be compared with theirs."""
    return read_timestamp(str(timestamp(seconds)))


def _warnings(found: list[dict[str, Json]]) -> list[Json]:
    return [
        f"secondary {one['secondary']} does not serve the new answer in {one['zone']}: "
        f"{one['problem']}"
        for one in found
        if not one["in_step"]
    ]
