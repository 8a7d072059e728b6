"""What `stats` has of the running server: its processes, and what each part has counted.

The parts report numbers; this module puts them into one document, whose shape `docs/control.md`
describes.  What the state has is added by `control.statistics`.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from failoverdns import __version__
from failoverdns.change_counts import ChangeCounts
from failoverdns.model.change import Json
from failoverdns.net.process_usage import usage

Report = Callable[[], Awaitable[Mapping[str, Json] | None]]
"""Returns what a process reports of itself, None if there is none."""

_USUAL: Final = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")
"""RCODEs that are shown from the beginning: Prometheus sees no rise of what was not there."""

_NO_RUNS: Final = {"ok": 0, "failed": 0}

_TLS: Final = -1
"""The place of the answering process for TLS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the numbers come from.

    `answering` and `transfers` report what these processes have counted, `http` the process that
    serves HTTP.  The others return what parts of this process have.
    """

    answering: Callable[[], Awaitable[Mapping[str, Json]]]
    transfers: Report
    http: Report
    automation: Callable[[], Mapping[str, Json]]
    probes: Callable[[], Mapping[str, Json]]
    hooks: Callable[[], list[Json]]
    hook_runs: Callable[[], Mapping[str, Json]]
    deliveries: Callable[[], Mapping[str, Json]]
    clients: Callable[[], Mapping[str, Json]]
    open_files: Callable[[], Mapping[str, Json]]


class Statistics:
    """The numbers of the running server."""

    def __init__(self, sources: Sources, changes: ChangeCounts) -> None:
        """Read from `sources` when asked."""
        self._sources = sources
        self._changes = changes
        self._started = time.time()

    def switches_of(self, group: str) -> Mapping[str, Json]:
        """Return how often a group (by id) was switched, by side and by what."""
        return self._changes.of_group(group)

    async def report(self) -> dict[str, Json]:
        """Return the numbers of all parts."""
        sources, changes = self._sources, self._changes
        answering = await sources.answering()
        transfers, http = await sources.transfers(), await sources.http()
        automation, clients = sources.automation(), sources.clients()
        hooks = [_hook(one) for one in sources.hooks()]
        runs: dict[str, Json] = {str(hook["name"]): {**_NO_RUNS} for hook in hooks}
        return {
            "started": round(self._started, 3),
            "build": {
                "version": __version__,
                "python": platform.python_version(),
                "fast_path": _fast_path(answering),
            },
            "processes": _processes(answering, transfers, http),
            "open_files": {**sources.open_files()},
            **_answering(answering),
            "clients": {"open": clients.get("clients"), "watching": clients.get("watching")},
            "switches": changes.switches.nested(),
            "events": changes.events.nested(),
            "acme": changes.orders.nested(),
            "automation": {
                "frozen": int(automation.get("frozen") is not None),
                "groups": automation.get("groups"),
            },
            "automatic_refusals": automation.get("refused"),
            "probes": {**sources.probes()},
            "hooks": [*hooks],
            "hook_runs": {**runs, **sources.hook_runs()},
            "deliveries": {**sources.deliveries()},
            **_transfers(transfers),
            **_http(http),
        }


def _answering(report: Mapping[str, Json]) -> dict[str, Json]:
    """Return what answering processes have counted, by transport, and what is open now."""
    counts: Any = report["counts"]
    found: dict[str, Any] = {
        "queries": {transport: dict.fromkeys(_USUAL, 0) for transport in ("udp", "tcp")},
        "limited": {"dropped": 0, "slipped": 0},
        **{
            name: {} for name in ("truncated", "ignored", "accepted", "evicted", "unsent", "signed")
        },
    }
    for name, count in sorted(counts.items()):
        *path, last = name.split(".")
        level = found
        for part in path:
            level = level.setdefault(part, {})
        level[last] = count
    workers: Any = report.get("workers") or ()
    return {
        **found,
        "lost": report["lost"],
        "rate_limit": report.get("rate_limit"),
        "tcp": report.get("tcp"),
        "tls": report.get("tls"),
        "workers": {
            "running": len(workers),
            "answering": sum(bool(one["answering"]) for one in workers),
            "ended": report["ended"],
        },
    }


def _transfers(report: Mapping[str, Json] | None) -> dict[str, Json]:
    if report is None:
        return {"transfers": None, "transfer_requests": {}, "notifies": {}}
    return {
        "transfers": {
            "serving": int(bool(report["serving"])),
            "connections": report.get("connections"),
        },
        "transfer_requests": report.get("counted") or {},
        "notifies": report.get("notifies") or {},
    }


def _http(report: Mapping[str, Json] | None) -> dict[str, Json]:
    if report is None:
        return {"http": None, "http_requests": {}, "http_counts": {}}
    counted: Any = report.get("counted") or {}
    requests = {name[9:]: n for name, n in counted.items() if name.startswith("requests.")}
    return {
        "http": {
            "serving": int(bool(report["serving"])),
            "connections": report.get("connections"),
            "streams": report.get("streams"),
        },
        "http_requests": requests,
        "http_counts": {name: n for name, n in counted.items() if "." not in name},
    }


def _hook(report: Any) -> dict[str, Any]:
    """Return the numbers in the report of a hook."""
    return {"name": report["name"], "waiting": report["waiting"]}


def _fast_path(answering: Mapping[str, Json]) -> Json:
    """Return what queries are answered with: that of this process, or of the first other one."""
    workers: Any = answering.get("workers") or ()
    found = [answering.get("fast_path"), *(one.get("fast_path") for one in workers)]
    return next((name for name in found if name is not None), "unknown")


def _processes(*reports: Mapping[str, Json] | None) -> dict[str, Json]:
    """Return what each process uses, by its name."""
    answering, transfers, http = reports
    pids: dict[str, Any] = {"control": os.getpid()}
    for worker in _workers(answering):
        place = worker["place"]
        pids["tls" if place == _TLS else f"worker-{place + 1}"] = worker["pid"]
    for name, report in (("transfer", transfers), ("http", http)):
        if report is not None and report.get("pid"):
            pids[name] = report["pid"]
    return {name: found for name, pid in pids.items() if (found := _used(pid)) is not None}


def _workers(report: Mapping[str, Json] | None) -> Iterable[Mapping[str, Any]]:
    found: Any = (report or {}).get("workers") or ()
    return found  # type: ignore[no-any-return]


def _used(pid: int) -> dict[str, Json] | None:
    found = usage(pid)
    if found is None:
        return None
    return {
        "pid": pid,
        "cpu": round(found.cpu, 2),
        "memory": found.memory,
        "started": round(found.started, 2),
        "open_files": found.open_files,
    }
