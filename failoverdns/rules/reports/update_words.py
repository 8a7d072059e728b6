"""Dynamic updates in words, for the history and the log: in the language of `nsupdate`.

nxrrset www.failover.test CNAME     a prerequisite
add www.failover.test 300 A 192.0.2.1     an instruction
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from failoverdns.model.change import Json
from failoverdns.model.record_text import rdata_text, type_name
from failoverdns.model.records import Opaque
from failoverdns.model.zone_update import Action, Condition, Instruction, Prerequisite, ZoneUpdate

MOST: Final = 100
"""Prerequisites, and instructions, that are listed, at most."""

LONGEST: Final = 300
"""Characters of one of them, at most."""

_CONDITIONS: Final[Mapping[Condition, str]] = {
    Condition.NAME_IN_USE: "yxdomain",
    Condition.NAME_NOT_IN_USE: "nxdomain",
    Condition.RRSET_EXISTS: "yxrrset",
    Condition.RRSET_ABSENT: "nxrrset",
    Condition.RRSET_IS: "yxrrset",
}


def update_in_words(update: ZoneUpdate) -> dict[str, Json]:
    """Return an update as the command that the history records; long ones are shortened."""
    words: dict[str, Json] = {"command": "update", "zone": update.zone.to_text()}
    if update.prerequisites:
        words["prerequisites"] = _shortened([_prerequisite(one) for one in update.prerequisites])
    return {**words, "updates": _shortened([_instruction(one) for one in update.instructions])}


def _prerequisite(one: Prerequisite) -> str:
    words = f"{_CONDITIONS[one.condition]} {one.owner}"
    if not one.rtype:
        return words
    data = f" {_data(one.rtype, one.data)}" if one.condition is Condition.RRSET_IS else ""
    return f"{words} {type_name(one.rtype)}{data}"


def _instruction(one: Instruction) -> str:
    match one.action:
        case Action.ADD:
            data = _data(one.rtype, one.data)
            return f"add {one.owner} {one.ttl} {type_name(one.rtype)} {data}".rstrip()
        case Action.DELETE_RECORD:
            data = _data(one.rtype, one.data)
            return f"delete {one.owner} {type_name(one.rtype)} {data}".rstrip()
        case Action.DELETE_RRSET:
            return f"delete {one.owner} {type_name(one.rtype)}"
        case Action.DELETE_NAME:
            return f"delete {one.owner}"


def _data(rtype: int, data: bytes) -> str:
    return rdata_text(rtype, Opaque(data))


def _shortened(texts: list[str]) -> list[Json]:
    more = [f"and {len(texts) - MOST} more"] if len(texts) > MOST else []
    return [text if len(text) <= LONGEST else f"{text[:LONGEST]}..." for text in texts[:MOST]] + (
        list[Json](more)
    )
