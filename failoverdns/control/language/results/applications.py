"""Schemas of the results of commands about applications and heads."""

from __future__ import annotations

from typing import Final

from failoverdns.control.language.json_schema import TEXT, Schema, extended, list_of, named, record
from failoverdns.control.language.results.shared import APPLICATION_AFTER, DRY_RUN

RESULTS: Final[dict[str, Schema]] = {
    "application add": APPLICATION_AFTER,
    "application set": APPLICATION_AFTER,
    "application rename": APPLICATION_AFTER,
    "application remove": record({"removed": TEXT}),
    "application list": record({"applications": list_of(named("Application"))}),
    "head add": APPLICATION_AFTER,
    "head set": APPLICATION_AFTER,
    "head rename": APPLICATION_AFTER,
    "head activate": APPLICATION_AFTER,
    "head remove": extended(
        APPLICATION_AFTER,
        {"answering_nothing": list_of(TEXT), "overridden": list_of(TEXT)},
        DRY_RUN,
    ),
}
"""The schema of each command's result."""
