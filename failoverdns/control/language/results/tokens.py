"""Schemas of the results of commands about tokens."""

from __future__ import annotations

from typing import Final

from failoverdns.control.language.json_schema import (
    BOOLEAN,
    TEXT,
    TIME,
    Schema,
    described,
    extended,
    list_of,
    nullable,
    one_of,
    record,
)
from failoverdns.control.language.results.shared import WARNINGS
from failoverdns.model.roles import ROLE_WORDS

_TOKEN: Final = record(
    {
        "name": TEXT,
        "id": TEXT,
        "role": nullable(one_of(ROLE_WORDS)),
        "groups": nullable(list_of(TEXT)),
        "head": nullable(record({"application": nullable(TEXT), "head": TEXT})),
        "created": nullable(TIME),
        "expires": nullable(TIME),
        "expired": BOOLEAN,
        "problem": nullable(TEXT),
    }
)
_SECRET: Final = described(
    TEXT, "the token itself, which is shown once; a repeated `op_id` gets a warning in its place"
)
_USE: Final = nullable(record({"time": nullable(TIME), "address": TEXT}))

SCHEMAS: Final[dict[str, Schema]] = {"Token": _TOKEN}
"""The schemas that others refer to by name."""

RESULTS: Final[dict[str, Schema]] = {
    "token add": extended(_TOKEN, {}, {"token": _SECRET, **WARNINGS}),
    "token list": record({"tokens": list_of(extended(_TOKEN, {"last_used": _USE}))}),
    "token remove": record({"removed": TEXT, "id": TEXT}),
}
"""The schema of each command's result."""
