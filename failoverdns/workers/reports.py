"""What several answering processes report of themselves, as one report."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from failoverdns.model.change import Json
from failoverdns.workers.worker_process import Worker

_OF_EACH: Final = ("rendezvous", "fast_path", "version", "confinement")
"""What `status` has of each answering process, as the process itself reports it."""


def combined(
    workers: Iterable[Worker], found: Mapping[int, Mapping[str, Any]], lost: int
) -> dict[str, Json]:
    """Return the counts of all processes together, and what each one is.

    `found` has the report of each process that answered, by its process id; `lost` is the number of
    packets that the kernel dropped.
    """
    limits = [one["rate_limit"] for one in found.values() if one["rate_limit"] is not None]
    return {
        "udp": {"lost": lost, **added(one["udp"] for one in found.values())},
        "tcp": added(one["tcp"] for one in found.values()),
        "rate_limit": added(limits) if limits else None,
        "workers": [
            {"pid": worker.pid, "answering": worker.is_serving}
            | {name: found.get(worker.pid, {}).get(name) for name in _OF_EACH}
            for worker in workers
        ],
    }


def in_words(found: Collection[Mapping[str, Any]]) -> str:
    """Return what answering processes answer with, and what they are confined by, for the log."""
    fast_paths = ", ".join(sorted({str(one["fast_path"]) for one in found}))
    return f"fast path: {fast_paths}, confined by {_confinement(found)}"


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
