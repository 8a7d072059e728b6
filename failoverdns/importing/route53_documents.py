r"""Read the JSON of `aws route53 list-resource-record-sets` and `list-health-checks`.

Route 53 escapes bytes in names and values as `\` and three octal digits (`\052` is `*`); zone files
have decimal ones.  Values become zone-file text here, and nothing else is interpreted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName

MAX_SIZE: Final = 64 * 1024 * 1024
"""Bytes of a document, at most."""

_ESCAPE: Final = re.compile(r"\\(?:([0-3][0-7]{2})|(.))", re.DOTALL)

_LISTS: Final = {
    "ResourceRecordSets": "aws route53 list-resource-record-sets --hosted-zone-id ID",
    "HealthChecks": "aws route53 list-health-checks",
}
"""The key of each list, and the command that prints it."""

_ROUTINGS: Final = {
    "Failover": "failover",
    "Weight": "weighted",
    "Region": "latency",
    "GeoLocation": "geolocation",
    "GeoProximityLocation": "geoproximity",
    "CidrRoutingConfig": "IP-based",
    "MultiValueAnswer": "multivalue",
}
"""The keys that tell the routing policy of a record set, and its name."""


@dataclass(frozen=True, slots=True)
class RecordSet:
    """A record set: records of one name and type, or an alias to another name.

    `place` is its position in the document; `values` is zone-file text.  `routing` is the name of
    the routing policy; `failover` is PRIMARY or SECONDARY, or empty.
    `weight` is what the document has, None without one.
    `evaluates` is true if the health of the alias' target counts.
    """

    place: str
    owner: DomainName
    rtype: str
    ttl: int
    values: tuple[str, ...]
    alias: DomainName | None
    evaluates: bool
    routing: str
    failover: str
    identifier: str
    health_check: str | None
    weight: object = None


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A health check: its id, and its configuration as AWS has it."""

    place: str
    id: str
    config: Mapping[str, Any]


def parse_document(data: bytes, name: str) -> Mapping[str, Any]:
    """Return the JSON object in a file called `name`; raises Malformed, which says where."""
    if len(data) > MAX_SIZE:
        raise Malformed(f"{name}: larger than {MAX_SIZE // 1024**2} MiB")
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        raise Malformed(f"{name}:{line}: not text: byte {fault.start} is not UTF-8") from None
    if not text.strip():
        raise Malformed(
            f"{name}: empty; write the output of `{_LISTS['ResourceRecordSets']}` to it"
        )
    try:
        document = json.loads(text)
    except json.JSONDecodeError as fault:
        where = f"{name}:{fault.lineno}:{fault.colno}"
        advice = "add --output json to the aws command"
        if text.lstrip()[:1] in "{[":
            advice = "write the file again, it is cut off or was changed"
        raise Malformed(f"{where}: not JSON: {fault.msg}; {advice}") from None
    except (RecursionError, ValueError) as fault:
        reason = "nested too deeply" if isinstance(fault, RecursionError) else str(fault)
        raise Malformed(f"{name}: not JSON that AWS prints: {reason}") from None
    if not isinstance(document, dict):
        raise Malformed(f"{name}:1:1: expected an object with the list ResourceRecordSets")
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Malformed(f"{name}: an escape in it (\\uD800 to \\uDFFF) is no character") from None
    return document


def record_sets(document: Mapping[str, Any], name: str) -> list[RecordSet]:
    """Return the record sets of a document; raises Malformed for another document."""
    found = []
    for index, entry in enumerate(_entries(document, "ResourceRecordSets", name)):
        place = f"{name}: ResourceRecordSets[{index}]"
        found.append(_record_set(entry, place))
    return found


def health_checks(document: Mapping[str, Any], name: str) -> list[HealthCheck]:
    """Return the health checks of a document; raises Malformed for another document."""
    found = []
    for index, entry in enumerate(_entries(document, "HealthChecks", name)):
        place = f"{name}: HealthChecks[{index}]"
        config = _object(entry, place).get("HealthCheckConfig")
        found.append(
            HealthCheck(
                place, _text(entry, "Id", place), _object(config, f"{place}.HealthCheckConfig")
            )
        )
    return found


def is_cut_off(document: Mapping[str, Any]) -> bool:
    """Return whether a document is only one page of a list."""
    return document.get("IsTruncated") is True or bool(document.get("NextToken"))


def zone_of(sets: Sequence[RecordSet], source: str, given: DomainName | None) -> DomainName:
    """Return the origin of the zone that record sets are of, or `given` if they do not name it.

    Raises Malformed if neither names it, or if the two differ.
    """
    found = list(dict.fromkeys(entry.owner for entry in sets if entry.rtype == "SOA"))
    if given is not None:
        if any(name != given for name in found):
            raise Malformed(f"{source}: this is the zone {found[0]}, not {given}; leave --zone out")
        outside = next((e for e in sets if not e.owner.is_at_or_below(given)), None)
        if outside is not None:
            raise Malformed(f"{outside.place}: {outside.owner} is not in the zone {given}")
        return given
    if len(found) > 1:
        raise Malformed(f"{source}: has more than one zone: {', '.join(map(str, found[:5]))}")
    if not found:
        raise Malformed(f"{source}: has no SOA record, so the zone is not known; add --zone NAME")
    return found[0]


def decimal_escapes(text: str) -> str:
    r"""Return text with octal escapes as zone files write them: `\052` becomes `\042`."""
    return _ESCAPE.sub(lambda m: f"\\{int(m[1], 8):03d}" if m[1] else m[0], text)


def _entries(document: Mapping[str, Any], key: str, name: str) -> Sequence[Any]:
    entries = document.get(key)
    if isinstance(entries, list):
        return entries
    other = next((known for known in _LISTS if known != key and known in document), None)
    if other is not None:
        what = f"this is the output of `{_LISTS[other]}`"
    else:
        keys = ", ".join(sorted(map(str, document))[:5]) or "none"
        what = f"its keys are: {keys[:200]}"
    raise Malformed(f"{name}: has no list {key}: {what}; write the output of `{_LISTS[key]}` to it")


def _record_set(entry: object, place: str) -> RecordSet:
    fields = _object(entry, place)
    owner = _name(_text(fields, "Name", place), place)
    rtype = _text(fields, "Type", place).upper()
    routing = [
        word
        for key, word in _ROUTINGS.items()
        if fields.get(key) is not None and fields[key] is not False
    ]
    if fields.get("TrafficPolicyInstanceId"):
        routing = ["traffic policy"]
    records = fields.get("ResourceRecords") or []
    if not isinstance(records, list):
        raise Malformed(f"{place}: ResourceRecords is not a list")
    values = tuple(
        decimal_escapes(_text(_object(record, place), "Value", place)) for record in records
    )
    alias = fields.get("AliasTarget")
    target = _object(alias, f"{place}.AliasTarget") if alias is not None else None
    if target is None and not values:
        raise Malformed(f"{place}: has neither ResourceRecords nor AliasTarget")
    ttl = fields.get("TTL", 60 if target is not None else None)
    if isinstance(ttl, bool) or not isinstance(ttl, int) or not 0 <= ttl < 2**31:
        raise Malformed(f"{place}: TTL is not a number of seconds")
    return RecordSet(
        place=f"{place}",
        owner=owner,
        rtype=rtype,
        ttl=ttl,
        values=values,
        alias=_name(_text(target, "DNSName", place), place) if target is not None else None,
        evaluates=target is not None and target.get("EvaluateTargetHealth") is True,
        routing=routing[0] if routing else "simple",
        failover=str(fields.get("Failover") or "").upper(),
        identifier=str(fields.get("SetIdentifier") or ""),
        health_check=str(fields["HealthCheckId"]) if fields.get("HealthCheckId") else None,
        weight=fields.get("Weight"),
    )


def _object(value: object, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Malformed(f"{place}: is not an object")
    return value


def _text(fields: Mapping[str, Any], key: str, place: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not value:
        raise Malformed(f"{place}: {key} is missing, or is not text")
    return value


def _name(text: str, place: str) -> DomainName:
    try:
        return DomainName.from_text(decimal_escapes(text))
    except Malformed as fault:
        raise Malformed(f"{place}: {text[:80]!r} is not a domain name: {fault}") from None
