"""The command table: the records that are stored in the state.

Records are read as in the configuration, by the same reader, which is loaded in the server only: a
command line client sends their text as it is.
"""

from __future__ import annotations

from typing import Any, Final

from failoverdns.control.language import values
from failoverdns.control.language.parameters import DRY_RUN, REASON, named, number
from failoverdns.control.language.rows import CommandRow, Parameter
from failoverdns.model.change import Json
from failoverdns.model.commands import Command
from failoverdns.model.commands.records import (
    ListRecords,
    NewRecord,
    RemoveRecords,
    StoreRecords,
)
from failoverdns.model.errors import Malformed, Rejected
from failoverdns.model.names import DomainName, is_address
from failoverdns.model.roles import Role

MAX_RECORDS: Final = 500
"""Records in a command."""

MAX_RECORD: Final = 1 << 16
"""Characters in a record, or in its data."""

MAX_FAULTS: Final = 10
"""Records that the refusal of one command explains."""

_BEFORE_TARGET: Final = {2: 0, 5: 0, 15: 2, 33: 6}
"""Bytes of the data before the name of a host: of NS, CNAME, MX and SRV records."""


def record_text(value: Json) -> str:
    """Return zone-file text of a record as it is; raises Malformed."""
    if not isinstance(value, str):
        raise Malformed(f"must be a string, not {values.kind(value)}")
    if len(value) > MAX_RECORD:
        raise Malformed(f"is {len(value)} characters long; at most {MAX_RECORD} are allowed")
    if not value.replace("\t", " ").isprintable():
        raise Malformed("has characters that cannot be printed: write them as \\DDD")
    return value


def _store(zone: DomainName, records: tuple[str, ...], **given: Any) -> Command:
    if len(records) > MAX_RECORDS:
        text = f"{len(records)} records: a command has at most {MAX_RECORDS}; give several commands"
        raise Rejected("invalid", text)
    found, faults = list[NewRecord](), list[str]()
    for text in records:
        try:
            found.append(_record(text, zone))
        except Malformed as fault:
            faults.append(f"{_shown(text)}: {fault}")
    if faults:
        more = [f"and {len(faults) - MAX_FAULTS} more"] if len(faults) > MAX_FAULTS else []
        if not any(character.isspace() for text in records for character in text.strip()):
            more.append("put each record in quotes, as in 'www 300 IN A 192.0.2.1'")
        raise Rejected("invalid", "; ".join([*faults[:MAX_FAULTS], *more]))
    return StoreRecords(zone, tuple(found), **given)


def _remove(
    zone: DomainName, name: str, type: str | None = None, data: str | None = None, **given: Any
) -> Command:
    from failoverdns.config.zones.record_types import type_number

    try:
        owner = DomainName.from_text(name, zone)
        rtype = type_number(type) if type is not None else None
        record = _record(f"{name} {type} {data}", zone) if data is not None else None
    except Malformed as fault:
        raise Rejected("invalid", f"{_shown(name)}: {fault}") from None
    return RemoveRecords(zone, owner, rtype, record.data if record is not None else None, **given)


def _record(text: str, zone: DomainName) -> NewRecord:
    from failoverdns.config.zones.record_text import NO_TTL, parse_record

    record = parse_record(text, zone, NO_TTL)
    before = _BEFORE_TARGET.get(record.rtype)
    target = DomainName(record.data[before:]) if before is not None else None
    word = target.to_text().removesuffix(f".{zone}") if target is not None else ""
    return NewRecord(
        record.owner,
        record.rtype,
        None if record.ttl == NO_TTL else record.ttl,
        record.canonical,
        record.is_cut,
        target if record.lacks_dot else None,
        word if is_address(word) else None,
    )


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "...")


_ZONE: Final = named("the zone", values.zone, "zone", "ZONE")
_IF_REVISION: Final = number(
    "if_revision",
    "refuse if anything changed after this revision",
    "N",
    0,
    values.MAX_REVISION,
)

ROWS: Final = (
    CommandRow(
        "record add",
        "Store records in a zone, all of them or none.",
        (
            _ZONE,
            Parameter(
                "records",
                "a record as in a zone file, in quotes: OWNER [TTL] [IN] TYPE DATA",
                record_text,
                "RECORD",
                position=True,
                required=True,
                repeated=True,
            ),
            _IF_REVISION,
            DRY_RUN,
            REASON,
        ),
        _store,
        "record add failover.test 'www 300 IN A 192.0.2.1' 'www 300 IN AAAA 2001:db8::1'",
    ),
    CommandRow(
        "record remove",
        "Remove stored records of a name: all, of a type, or one.",
        (
            _ZONE,
            named("the name, relative to the zone; @ for the zone itself", values.text),
            Parameter("type", "only records of this type", values.text, "TYPE", position=True),
            Parameter("data", "only the record with this data", record_text, "DATA", position=True),
            _IF_REVISION,
            DRY_RUN,
            REASON,
        ),
        _remove,
        "record remove failover.test www AAAA",
    ),
    CommandRow(
        "record list",
        "List stored records, and whether they are served.",
        (Parameter("zone", "only this zone", values.zone, "ZONE", position=True),),
        ListRecords,
        role=Role.VIEWER,
        reads=True,
    ),
)
"""Every command about stored records."""
