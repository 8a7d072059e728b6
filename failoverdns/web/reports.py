"""What the web process reports of itself, as far as it can be believed.

The process reads what any HTTP client sends, so its word is bounded: a report has members that are
known, with counts and short texts, and nothing in it takes the place of what the control process
knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from failoverdns.model.change import Json
from failoverdns.model.errors import Malformed
from failoverdns.workers.reports import MOST_COUNTED, is_short

STATUSES: Final = ("2xx", "3xx", "4xx", "5xx")
"""Classes of statuses that responses are counted by."""


def read_report(written: Any) -> dict[str, Json]:
    """Return a report; raises Malformed for one that cannot be shown or counted."""
    if not isinstance(written, dict):
        raise Malformed("a report that is not an object")
    for name, value in written.items():
        is_right = _RIGHT.get(name)
        if is_right is None:
            raise Malformed("a report with a member that nobody knows")
        if not is_right(value):
            raise Malformed(f"a report whose {name} cannot be shown")
    return {**written}


def counted_in(report: Mapping[str, Any]) -> dict[str, int]:
    """Return the counts in a report, by their names in sums of all processes."""
    found = {name: report[name] for name in _SUMMED if name in report}
    requests = report.get("requests", {})
    return found | {f"requests.{name}": count for name, count in requests.items()}


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < MOST_COUNTED


def _are_requests(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() <= set(STATUSES)
        and all(map(_is_count, value.values()))
    )


def _is_confinement(value: Any) -> bool:
    if value is None:
        return True
    return isinstance(value, dict) and len(value) < _MOST and all(map(is_short, value.values()))


_MOST: Final = 20
"""Members of what holds a process."""

_SUMMED: Final = ("refused_tokens", "limited", "dropped")
"""Counts that are summed, also of processes that have ended."""

_RIGHT: Final[Mapping[str, Callable[[Any], bool]]] = {
    "pid": _is_count,
    "version": is_short,
    "confinement": _is_confinement,
    "requests": _are_requests,
    **dict.fromkeys(("connections", "streams", *_SUMMED), _is_count),
}
"""What each member has to be."""
