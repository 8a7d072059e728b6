"""The query logs of several answering processes, as one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from failoverdns.model.change import Json
from failoverdns.model.commands.server import LogCommand, QueryLogOff, QueryLogOn
from failoverdns.model.errors import Rejected
from failoverdns.workers.calling import call_all
from failoverdns.workers.calls import Call
from failoverdns.workers.reports import added
from failoverdns.workers.worker_process import Worker


async def log_queries(workers: Iterable[Worker], command: LogCommand) -> dict[str, Json]:
    """Turn the query log of every process on or off, and return the status of all together.

    Raises Rejected.
    """
    found = await call_all(workers, Call.LOG_QUERIES, _arguments(command))
    reports = [report for report in found if isinstance(report, dict)]
    refusals = [fault for fault in found if isinstance(fault, Rejected)]
    if refusals or not reports:
        raise refusals[0] if refusals else Rejected("unavailable", "no process answers")
    counted = added({k: report[k] for k in ("written", "lost")} for report in reports)
    return {**reports[0], **counted}


def _arguments(command: LogCommand) -> dict[str, Any]:
    if isinstance(command, QueryLogOn):
        return {"sample": command.sample}
    return {"off": True} if isinstance(command, QueryLogOff) else {}
