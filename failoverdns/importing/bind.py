"""Map zone files of BIND, one by one or as `named.conf` names them: settings and static records.

A zone file has no failover, so that there are no commands; groups are made afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from failoverdns.config.errors import ConfigErrors, FaultReport, Place
from failoverdns.config.zones.master_file import MasterFile
from failoverdns.config.zones.record_text import parse_record
from failoverdns.config.zones.zone_records import static_records
from failoverdns.importing.builder import PlanBuilder
from failoverdns.importing.named_conf import Statement
from failoverdns.importing.plan import Plan
from failoverdns.importing.zone_contents import ZoneDraft
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName

_BUILT_IN: Final = frozenset(
    ("localhost", "127.in-addr.arpa", "0.in-addr.arpa", "255.in-addr.arpa")
)
_TRANSFER: Final = "Get its records from its primary, and import them: dig AXFR ZONE @PRIMARY"
_SIGNING: Final = {48: "DNSKEY", 51: "NSEC3PARAM", 59: "CDS", 60: "CDNSKEY"}
"""Types of records that are of use in a signed zone only, by number (RFC 4034, 5155, 7344)."""

_ACCESS: Final = {
    **dict.fromkeys(
        ("allow-transfer", "also-notify"),
        (
            "who transfers the zones, and is notified, is not taken",
            "Name these servers in `secondaries`, and their key in `tsig_keys`: a file of BIND "
            "with the key can be its secret_file",
        ),
    ),
    **dict.fromkeys(
        ("allow-update", "update-policy"),
        (
            "who may update a zone is not taken",
            "Name the key in `tsig_keys`, and what it may change in `updates` of the zone",
        ),
    ),
}
"""Statements on zone transfers and updates, with what is not taken, and what to write."""

_SHOWN: Final = 3
"""Errors that are shown of a file that is not a zone file."""


@dataclass(frozen=True, slots=True)
class ZoneSource:
    """A zone file as it was read; `place` is where it is, or is named."""

    place: str
    content: MasterFile


def import_bind(source: str, zones: Sequence[ZoneSource], builder: PlanBuilder) -> Plan:
    """Return the plan for zone files; `builder` may have remarks on others already."""
    for zone in zones:
        content = zone.content
        try:
            draft = builder.zone(content.origin)
        except Malformed as fault:
            builder.refuse(zone.place, f"the zone {content.origin}", str(fault))
            continue
        draft.comments.append("Write the names and addresses of your own servers here.")
        _fill(draft, zone, builder)
    return builder.finish()


def zone_statements(
    statements: Sequence[Statement], builder: PlanBuilder
) -> Iterator[tuple[Statement, DomainName, str]]:
    """Yield the statement, the name and the file of each zone whose records BIND has.

    All other zones, and views, are listed in the builder.
    """
    for statement in statements:
        word = statement.words[0].lower() if statement.words else ""
        if word == "view":
            name = " ".join(statement.words[1:2])
            reason = "clients get different answers in views, and one answer here"
            advice = "Import the zone files that all clients shall see, one by one"
            builder.refuse(statement.place, f"the view {name}", reason, advice)
        if word == "options":
            _list_access(statement, "options", builder)
        if word != "zone" or len(statement.words) < 2 or statement.block is None:
            continue
        text = statement.words[1]
        kind, file = (statement.value("type") or "").lower(), statement.value("file")
        if kind == "hint" or text.lower() in _BUILT_IN:
            builder.note(statement.place, f"the zone {text}", "every BIND has it: it is left out")
        elif kind not in ("master", "primary") or file is None:
            reason = f"its type is {kind or 'not given'}" if file else "no file has its records"
            builder.refuse(statement.place, f"the zone {text}", reason, _TRANSFER)
        else:
            _list_access(statement, text, builder)
            try:
                yield statement, DomainName.from_text(text), file
            except Malformed as fault:
                builder.refuse(statement.place, f"the zone {text}", str(fault))


def _list_access(statement: Statement, name: str, builder: PlanBuilder) -> None:
    """List who may transfer and update zones; nothing is lost where nobody may."""
    for inner in statement.block or ():
        word = inner.words[0].lower() if inner.words else ""
        allowed = [one.words for one in inner.block or ()]
        if word in _ACCESS and allowed not in ([], [("none",)]):
            reason, advice = _ACCESS[word]
            builder.refuse(inner.place, f"{word} of {name}", reason, advice)


def require_zone(zone: ZoneSource) -> ZoneSource:
    """Return a zone file that has something; raises Malformed with its first errors otherwise."""
    content = zone.content
    if content.records or content.soa is not None or content.nameservers:
        return zone
    errors = [str(error).replace(": error:", ":", 1) for error in content.errors]
    if any("give its origin" in text for text in errors):
        raise Malformed(f"{zone.place}: the name of the zone is not in the file; add --zone NAME")
    raise Malformed("\n".join(errors[:_SHOWN]) or f"{zone.place}: empty; name a zone file")


def _fill(draft: ZoneDraft, zone: ZoneSource, builder: PlanBuilder) -> None:
    """Give a zone what its file has."""
    content = zone.content
    if content.soa is not None and content.negative_ttl is not None:
        draft.take_soa(content.soa, content.negative_ttl)
    for server in content.nameservers:
        if server.name.is_at_or_below(draft.origin) and not server.addresses:
            continue  # the file's errors have it
        draft.servers.append(server.name)
        for address in server.addresses:
            rtype = "A" if address.version == 4 else "AAAA"
            text = f"{server.name.absolute_text()} 3600 IN {rtype} {address}"
            draft.add(zone.place, parse_record(text, draft.origin, 0))
    for place, record in content.records:
        draft.add(f"{place.file}:{place.line}", record)
    _note_signing(content, builder)
    lines: dict[tuple[str, str, bool], list[int]] = {}
    for error in content.errors:
        key = (error.file, error.message, error.is_warning)
        lines.setdefault(key, []).append(error.line)
    for file, message in _judged_again(content):
        lines.pop((file, message, False), None)
    for (file, message, is_warning), found in lines.items():
        add = builder.note if is_warning else builder.refuse
        several = f"{len(found)} lines, the last one {found[-1]}"
        add(f"{file}:{found[0]}", "this line" if len(found) == 1 else several, message)


def _note_signing(content: MasterFile, builder: PlanBuilder) -> None:
    """List the records that are kept and are of use in a signed zone only, each type once."""
    found: dict[str, list[Place]] = {}
    for place, record in content.records:
        if record.rtype in _SIGNING:
            found.setdefault(_SIGNING[record.rtype], []).append(place)
    for name, places in found.items():
        builder.note(
            f"{places[0].file}:{places[0].line}",
            f"{name} of {content.origin}" if len(places) == 1 else f"{len(places)} {name} records",
            "kept, but this server does not sign: with DS records at the parent zone, validating "
            "resolvers refuse its answers",
            "Leave these out, or remove the DS records at the parent zone first",
        )


def _judged_again(content: MasterFile) -> Iterator[tuple[str, str]]:
    """Yield file and message of errors about records that exclude each other.

    The plan judges these itself, after it has left repeated records out.
    """
    faults = FaultReport("")
    servers = content.nameservers
    static_records((), content.origin, 0, servers, faults, content.records)
    try:
        faults.raise_if_any()
    except ConfigErrors as errors:
        yield from ((error.file, error.message) for error in errors.errors)
