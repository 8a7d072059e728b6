"""What each command returns: a JSON schema of the `result` of its reply, a table per subject.

Clients are generated from these schemas, and the tests check replies of a real server with them, so
that a field that is added to a reply has to be described here.  Nothing at run time checks them.
"""

from __future__ import annotations

from typing import Final

from failoverdns.control.language.json_schema import Schema
from failoverdns.control.language.results import (
    applications,
    automation,
    certificates,
    groups,
    history,
    records,
    server,
    shared,
    stats,
    tokens,
)

SCHEMAS: Final[dict[str, Schema]] = {
    **shared.SCHEMAS,
    **groups.SCHEMAS,
    **automation.SCHEMAS,
    **certificates.SCHEMAS,
    **history.SCHEMAS,
    **server.SCHEMAS,
    **tokens.SCHEMAS,
}
"""The schemas that others refer to, by the name of the component."""

RESULTS: Final[dict[str, Schema]] = {
    **groups.RESULTS,
    **applications.RESULTS,
    **automation.RESULTS,
    **certificates.RESULTS,
    **history.RESULTS,
    **records.RESULTS,
    **server.RESULTS,
    **stats.RESULTS,
    **tokens.RESULTS,
}
"""The schema of the result of each command, by its words.

`watch` is not here: over HTTP its events are those of `/api/v1/events`.
"""
