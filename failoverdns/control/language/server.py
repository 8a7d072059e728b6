"""The command table: the server as a whole, its records, and its query log."""

from __future__ import annotations

from typing import Final

from failoverdns.control.language import values
from failoverdns.control.language.parameters import ONE_GROUP, number
from failoverdns.control.language.rows import CommandRow, Parameter
from failoverdns.model.commands.server import (
    ExportRecords,
    QueryLogOff,
    QueryLogOn,
    QueryLogStatus,
    Status,
    Watch,
)

MAX_SAMPLE = 1_000_000

ROWS: Final = (
    CommandRow("status", "Show everything that is served and why.", (ONE_GROUP,), Status),
    CommandRow("watch", "Show one event a line until interrupted.", (), Watch),
    CommandRow(
        "records",
        "Print all that is served as zone-file text.",
        (Parameter("zone", "only this zone", values.zone, "Z"),),
        ExportRecords,
    ),
    CommandRow(
        "querylog on",
        "Log queries to the file of the configuration, as lines of JSON.",
        (number("sample", "only every N-th query", "N", 1, MAX_SAMPLE),),
        QueryLogOn,
        "querylog on --sample 100",
    ),
    CommandRow("querylog off", "Stop logging queries.", (), QueryLogOff),
    CommandRow("querylog status", "Tell whether queries are logged.", (), QueryLogStatus),
)
"""Every command about the server."""
