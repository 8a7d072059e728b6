"""Schemas of the results of commands about certificates."""

from __future__ import annotations

from typing import Final

from failoverdns.control.language.json_schema import (
    BOOLEAN,
    COUNT,
    TEXT,
    TIME,
    Schema,
    extended,
    list_of,
    named,
    nullable,
    one_of,
    record,
)
from failoverdns.control.language.results.shared import ROLE, WARNINGS
from failoverdns.model.certificate import CertificateKind

_ORDER: Final = record(
    {
        "id": TEXT,
        "names": list_of(TEXT),
        "state": TEXT,
        "failures": COUNT,
        "problem": nullable(TEXT),
        "retry_at": nullable(TIME),
    }
)
_FACTS: Final = {
    "kind": one_of(kind.value for kind in CertificateKind),
    "names": list_of(TEXT),
    "issuer": TEXT,
    "key_type": TEXT,
    "not_before": nullable(TIME),
    "not_after": nullable(TIME),
    "fingerprint": TEXT,
    "chain_length": COUNT,
    "installed_at": nullable(TIME),
    "transferred_from": nullable(TEXT),
}
_CERTIFICATE: Final = record(
    {
        "application": TEXT,
        "role": ROLE,
        "renewal": record({"allowed": BOOLEAN, "by": TEXT, "due_at": nullable(TIME)}),
        **WARNINGS,
    },
    {**_FACTS, "order": _ORDER},
)
_FETCH: Final = record(
    {
        "time": nullable(TIME),
        "client": TEXT,
        "address": TEXT,
        "fingerprint": TEXT,
        "format": TEXT,
    }
)

SCHEMAS: Final[dict[str, Schema]] = {"Certificate": _CERTIFICATE}
"""The schemas that others refer to by name."""

RESULTS: Final[dict[str, Schema]] = {
    "certificate install": extended(_CERTIFICATE, {**_FACTS, "replaced": nullable(TEXT)}),
    "certificate request": named("Certificate"),
    "certificate show": extended(_CERTIFICATE, {"fetches": list_of(_FETCH)}),
    "certificate list": record({"certificates": list_of(named("Certificate"))}),
    "certificate remove": record({"removed": TEXT, "fingerprint": nullable(TEXT)}),
    "certificate challenge-name": record({"name": TEXT, "target": TEXT, "record": TEXT}),
    "certificate rotate-key": record({"rotated": COUNT}),
}
"""The schema of each command's result."""
