"""The command table: the server as a whole, its records, and its query log."""

from __future__ import annotations

from typing import Final

from failoverdns.control.language import values
from failoverdns.control.language.parameters import ONE_GROUP, number
from failoverdns.control.language.rows import CommandRow, Parameter
from failoverdns.model.commands.server import (
    Backup,
    ExportRecords,
    QueryLogOff,
    QueryLogOn,
    QueryLogStatus,
    Restart,
    Stats,
    Status,
    Watch,
    WhoAmI,
)
from failoverdns.model.errors import Rejected
from failoverdns.model.roles import Role

MAX_SAMPLE = 1_000_000
"""Largest N for which every N-th query is logged."""

MAX_PATTERNS: Final = 20
"""Patterns in one command: each is compared with the name of every group."""


def _stats(groups: tuple[str, ...] = ()) -> Stats:
    """Return the command `stats`; raises Rejected if there are too many patterns."""
    if len(groups) > MAX_PATTERNS:
        raise Rejected("invalid", f"--groups: at most {MAX_PATTERNS} patterns, not {len(groups)}")
    return Stats(groups)


ROWS: Final = (
    CommandRow(
        "status",
        "Show what is served, and why.",
        (ONE_GROUP,),
        Status,
        role=Role.VIEWER,
        reads=True,
    ),
    CommandRow(
        "stats",
        "Show counters since the start, and the present load.",
        (
            Parameter(
                "groups",
                "show the groups whose names match; without it all, if there are at most 1,000",
                values.group_pattern,
                "PATTERN",
                repeated=True,
            ),
        ),
        _stats,
        "stats --groups 'shop-*'",
        role=Role.VIEWER,
        reads=True,
    ),
    CommandRow(
        "watch",
        "Print one line for each change, until interrupted.",
        (),
        Watch,
        role=Role.VIEWER,
    ),
    CommandRow(
        "whoami",
        "Show who you are to the server, and your role.",
        (),
        WhoAmI,
        role=Role.VIEWER,
        reads=True,
    ),
    CommandRow(
        "records",
        "Print all records served, as zone-file text.",
        (Parameter("zone", "only this zone", values.zone, "Z"),),
        ExportRecords,
        role=Role.VIEWER,
        reads=True,
    ),
    CommandRow(
        "backup",
        "Copy the state to FILE, a new file, while the server runs.",
        (
            Parameter(
                "file",
                "a file that does not exist yet",
                values.text,
                "FILE",
                position=True,
                required=True,
                local=True,
            ),
        ),
        Backup,
        "backup /backup/failoverdns.db",
    ),
    CommandRow(
        "querylog on",
        "Log queries as JSON lines, to the file of the configuration.",
        (number("sample", "log only every N-th query", "N", 1, MAX_SAMPLE),),
        QueryLogOn,
        "querylog on --sample 100",
    ),
    CommandRow("querylog off", "Stop logging queries.", (), QueryLogOff),
    CommandRow(
        "querylog status",
        "Show whether queries are logged.",
        (),
        QueryLogStatus,
        role=Role.VIEWER,
        reads=True,
    ),
    CommandRow(
        "restart",
        "Run the installed version instead, without losing an answer.",
        (),
        Restart,
    ),
)
"""Every command about the server."""
