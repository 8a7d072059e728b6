"""Health and automation as JSON, within the documents of applications, heads and groups.

Fields with default values are left out, so that an application or group that does not use health
checks or automation has the same document as in versions without them.  Reading is strict about
fields and their types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any, TypeVar

from failoverdns.model.application import Application, Head
from failoverdns.model.group import Side
from failoverdns.model.health import Cause, Forced, Health, Observed, Quorum
from failoverdns.model.policy import NO_AUTOMATION, Automation, Flag, Held, Maintenance, Plan

Document = dict[str, Any]
Read = Callable[[Any], Any]
"""Returns the value that a field holds; raises TypeError or ValueError."""

_T = TypeVar("_T")

APPLICATION_FIELDS = (
    "checks",
    "require_checks",
    "require_heads",
    "forced",
    "emptied_at",
    "unchecked_at",
)
"""Fields of an application that may be left out."""


def write_head_health(head: Head) -> Document:
    """Return the fields of a head's document that are about health."""
    found: Document = {}
    if (observed := head.observed) is not None:
        found["observed"] = {
            "health": observed.health.value,
            "since": observed.since,
            "cause": observed.cause.value if observed.cause is not None else None,
            "detail": observed.detail,
        }
    return found | _write_forced(head.forced)


def read_observed(document: Document | None) -> Observed | None:
    """Return observed health; raises TypeError or ValueError."""
    return None if document is None else Observed(**_fields(document, _OBSERVED))


def read_forced(document: Document | None) -> Forced | None:
    """Return forced health; raises TypeError or ValueError."""
    return None if document is None else Forced(**_fields(document, _FORCED))


def write_application_health(application: Application) -> Document:
    """Return the fields of an application's document that are about health."""
    found: Document = {}
    if application.checks:
        found["checks"] = list(application.checks)
    if application.require_checks != "all":
        found["require_checks"] = application.require_checks
    if application.require_heads != "any":
        found["require_heads"] = application.require_heads
    for field in ("emptied_at", "unchecked_at"):
        if (at := getattr(application, field)) is not None:
            found[field] = at
    return found | _write_forced(application.forced)


def read_application_health(
    document: Document,
) -> tuple[tuple[str, ...], Quorum, Quorum, Forced | None, float | None, float | None]:
    """Return checks, both quorums, forced health, and when heads or checks went.

    Raises TypeError or ValueError.
    """
    return (
        _texts(document.get("checks", [])),
        _quorum(document.get("require_checks", "all")),
        _quorum(document.get("require_heads", "any")),
        read_forced(document.get("forced")),
        _optional_seconds(document.get("emptied_at")),
        _optional_seconds(document.get("unchecked_at")),
    )


def write_automation(automation: Automation) -> Document:
    """Return the fields of a group's document that are about automation."""
    if automation == NO_AUTOMATION:
        return {}
    usual = asdict(NO_AUTOMATION)
    fields = asdict(automation).items()
    return {"automation": {key: _plain(value) for key, value in fields if value != usual[key]}}


def read_automation(document: Document) -> Automation:
    """Return a group's automation; raises TypeError or ValueError."""
    if document.keys() == {"policy"}:
        return _with_policy(document["policy"])
    if unknown := document.keys() - _AUTOMATION.keys():
        raise TypeError(f"unknown fields: {unknown}")
    return Automation(**{key: _AUTOMATION[key](value) for key, value in document.items()})


@lru_cache(maxsize=1024)
def _with_policy(name: str) -> Automation:
    """Return an automation with a policy only, the same object for all groups with that policy."""
    return Automation(_text(name))


def read_flag(document: Document) -> Flag:
    """Return the flag that a document holds; raises TypeError."""
    return Flag(**_fields({key: value for key, value in document.items() if key != "kind"}, _FLAG))


def _write_forced(forced: Forced | None) -> Document:
    if forced is None:
        return {}
    return {
        "forced": {
            "health": forced.health.value,
            "since": forced.since,
            "reason": forced.reason,
        }
    }


def _fields(document: Document, readers: Mapping[str, Read]) -> dict[str, Any]:
    """Return the values of a document that has exactly these fields."""
    if document.keys() != readers.keys():
        raise TypeError(f"the fields are not {', '.join(readers)}")
    return {key: read(document[key]) for key, read in readers.items()}


def _plain(value: object) -> object:
    """Return a value of JSON types: tuples become lists."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a string")
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number of seconds")
    return value


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is not a whole number")
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _side(value: object) -> str:
    return str(Side(value).value)


def _quorum(value: object) -> Quorum:
    if value == "any":
        return "any"
    if value == "all":
        return "all"
    if (number := _whole(value)) < 1:
        raise ValueError(f"{number} is not a quorum")
    return number


def _list_of(read: Callable[[Any], _T]) -> Callable[[object], tuple[_T, ...]]:
    def read_list(value: object) -> tuple[_T, ...]:
        if not isinstance(value, list | tuple):
            raise TypeError(f"{value!r} is not a list")
        return tuple(map(read, value))

    return read_list


def _optional(read: Read) -> Read:
    return lambda value: None if value is None else read(value)


def _of(kind: type, readers: Mapping[str, Read]) -> Read:
    return lambda value: kind(**_fields(value, readers))


_texts = _list_of(_text)
_reason = _optional(_text)
_optional_seconds = _optional(_seconds)
_OBSERVED: Mapping[str, Read] = {
    "health": Health,
    "since": _seconds,
    "cause": _optional(Cause),
    "detail": _text,
}
_FORCED: Mapping[str, Read] = {"health": Health, "since": _seconds, "reason": _reason}
_FLAG: Mapping[str, Read] = {"name": _text, "on": _truth, "since": _seconds, "reason": _reason}
_MAINTENANCE: Mapping[str, Read] = {"since": _seconds, "reason": _reason}
_HELD: Mapping[str, Read] = {"to": _side, "reasons": _texts, "since": _seconds}
_PLAN: Mapping[str, Read] = {
    "at": _seconds,
    "to": _side,
    "pre_ttl": _whole,
    "lowered_at": _optional(_seconds),
    "override": _texts,
    "reason": _reason,
}
_AUTOMATION: Mapping[str, Read] = {
    "policy": _text,
    "maintenance": _of(Maintenance, _MAINTENANCE),
    "switched_at": _seconds,
    "automatic": _list_of(_seconds),
    "held": _of(Held, _HELD),
    "plan": _of(Plan, _PLAN),
    "by_hand": _truth,
}
