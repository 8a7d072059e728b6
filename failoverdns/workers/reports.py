"""What several answering processes report of themselves, as one report."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from twisted.python.failure import Failure

from failoverdns.answering.counting import NAMES
from failoverdns.model.change import Json
from failoverdns.model.errors import Malformed
from failoverdns.workers.worker_process import Worker

_OF_EACH: Final = ("rendezvous", "fast_path", "version", "confinement")
"""What `status` has of each answering process, as the process itself reports it."""

_OPTIONAL: Final = ("rate_limit", "signed", "tls")
"""What a process may leave out of its report."""

MOST_COUNTED: Final = 1 << 63
"""What no count reaches: a process that reports more is not believed."""

MAX_TEXT: Final = 100
"""Characters of a text in a report."""


def combined(
    workers: Iterable[Worker], found: Mapping[int, Mapping[str, Any]], lost: int
) -> dict[str, Json]:
    """Return the counts of all processes together, and what each one is.

    `found` has the report of each process that answered, by its process id; `lost` is the number of
    packets that the kernel dropped.
    """
    limits = [one["rate_limit"] for one in found.values() if one["rate_limit"] is not None]
    tls = [one["tls"] for one in found.values() if one.get("tls") is not None]
    signed = [one["signed"] for one in found.values() if one.get("signed") is not None]
    return {
        "udp": {"lost": lost, **added(one["udp"] for one in found.values())},
        "tcp": added(one["tcp"] for one in found.values()),
        "rate_limit": added(limits) if limits else None,
        "signed": added(signed) if signed else None,
        "tls": added(tls) if tls else None,
        "workers": [
            {"pid": worker.pid, "place": worker.place, "answering": worker.is_serving}
            | {name: found.get(worker.pid, {}).get(name) for name in _OF_EACH}
            for worker in workers
        ],
    }


def in_words(found: Collection[Mapping[str, Any]]) -> str:
    """Return what answering processes answer with, and what they are confined by, for the log."""
    fast_paths = ", ".join(sorted({str(one["fast_path"]) for one in found}))
    return f"fast path: {fast_paths}, confined by {_confinement(found)}"


def collected(asked: Iterable[Worker], found: Iterable[Any]) -> dict[int, dict[str, Any]]:
    """Return the reports of processes by their ids, without failures.

    A process whose report is malformed is killed.
    """
    by_pid: dict[int, dict[str, Any]] = {}
    for worker, report in zip(asked, found, strict=True):
        if isinstance(report, Exception | Failure):
            continue
        try:
            check_report(report)
            by_pid[worker.pid] = report
        except Malformed as fault:
            worker.distrust(str(fault))
    return by_pid


def check_report(report: Any) -> None:
    """Raise Malformed if what an answering process reports of itself cannot be shown."""
    if not isinstance(report, dict):
        raise Malformed("a report that is not an object")
    for name in ("udp", "tcp", *_OPTIONAL):
        counts = report.get(name)
        if name in _OPTIONAL and counts is None:
            continue
        if not isinstance(counts, dict) or not all(type(one) is int for one in counts.values()):
            raise Malformed(f"a report whose {name} are not counts")
    _check_counts(report.get("counts"))
    for name in ("fast_path", "version"):
        text = report.get(name)
        if not isinstance(text, str) or not is_short(text):
            raise Malformed(f"a report whose {name} is not a short text")
    held = report.get("confinement")
    if held is not None and not (isinstance(held, dict) and all(map(is_short, held.values()))):
        raise Malformed("a report whose confinement is not short texts and numbers")


def _check_counts(counts: Any) -> None:
    """Raise Malformed unless counts are numbers with known names; another version has none."""
    if counts is None:
        return
    if not isinstance(counts, dict) or not counts.keys() <= NAMES:
        raise Malformed("a report of counts that nobody knows")
    if not all(type(one) is int and 0 <= one < MOST_COUNTED for one in counts.values()):
        raise Malformed("a report whose counts are not numbers that can be counted to")


def is_short(value: Any) -> bool:
    """Return whether a value in a report is a whole number, or a text that can be shown."""
    if isinstance(value, str):
        return len(value) <= MAX_TEXT and value.isprintable()
    return isinstance(value, int)


def _confinement(found: Iterable[Mapping[str, Any]]) -> str:
    """Return what holds the answering processes, and what this system does not have for it."""
    confinements = [one.get("confinement") or {} for one in found]
    version = min((one.get("landlock", 0) for one in confinements), default=0)
    filtered = all(one.get("seccomp", False) for one in confinements)
    parts = ["loss of capabilities"]
    missing: list[str] = []
    for there, name, absent in (
        (version > 0, f"Landlock version {version}", "Landlock"),
        (filtered, "seccomp", "seccomp filter"),
    ):
        (parts if there else missing).append(name if there else f"no {absent}")
    last = f" and {parts.pop()}" if len(parts) > 1 else ""
    text = ", ".join(parts) + last
    return f"{text}; this system has {' and '.join(missing)}" if missing else text


def added(reports: Iterable[Mapping[str, int]]) -> dict[str, Any]:
    """Return the sum of counts, by name."""
    total: dict[str, Any] = {}
    for report in reports:
        for name, value in report.items():
            total[name] = total.get(name, 0) + value
    return total
