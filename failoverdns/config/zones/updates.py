"""The key `updates` of a zone: which TSIG key may change what by dynamic update (RFC 2136).

    - {key: acme.failover.test, names: ["_acme-challenge.*"], types: [TXT]}
    - {key: heads.failover.test, heads: [shop-eu]}

Patterns are relative to the zone.  What no key may change, such as the names of groups, is decided
when an update arrives: groups and applications come and go while the server runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Final

from failoverdns.config import scalars as values
from failoverdns.config.document import Node, refuse_repeated
from failoverdns.config.errors import FaultReport, quoted
from failoverdns.config.names_of_keys import name_of_key, unknown_key
from failoverdns.config.section import Section, text
from failoverdns.config.zones.record_types import type_number
from failoverdns.model.errors import Malformed
from failoverdns.model.names import ROOT, DomainName
from failoverdns.model.numbers import RRType
from failoverdns.model.records import BY_SIGNING
from failoverdns.model.zone import UpdateScope

MAX_SCOPES: Final = 1000
"""Entries of `updates` of one zone, at most."""

ANY: Final = RRType.ANY.value

_PATTERN = re.compile(r"[a-z0-9_*/-]+(?:\.[a-z0-9_*/-]+)*\.?", re.ASCII)
_MADE_HERE: Final = {
    RRType.SOA.value: "SOA records are made by the server; leave it out",
    **dict.fromkeys(BY_SIGNING, "RRSIG, NSEC and NSEC3 records are made by signing; leave it out"),
    RRType.DNAME.value: "DNAME records are not supported; leave it out",
}
_MISSING: Final = (
    'name what the key may change, as in names: ["_acme-challenge.*"] with types: [TXT], or heads '
    "of an application, as in heads: [shop-eu]"
)


def name_pattern(text: str) -> str:
    """Read a pattern of names relative to the zone, where `*` matches any characters.

    The zone's own name is `@`, which `*` matches, too.
    """
    pattern = text.lower()
    if pattern == "@":
        return pattern
    form = 'write one such as "_acme-challenge.*", "*" for every name, or "@" for the zone\'s own'
    if "?" in text:
        raise Malformed(f"{quoted(text)} has a ?, which matches nothing; only * is a wildcard")
    if len(text) > 255 or not _PATTERN.fullmatch(pattern):
        raise Malformed(f"{quoted(text)} cannot match a name; {form}")
    return pattern


def updated_type(text: str) -> int:
    """Read the name of a type of records that an update may change; ANY stands for all of them."""
    if text.upper() == "ANY":
        return ANY
    if text == "*":
        raise Malformed('"*" is not a record type; write ANY for every type')
    number = type_number(text)
    if number in _MADE_HERE:
        raise Malformed(_MADE_HERE[number])
    return number


class UpdateSection(Section):
    """The keys of one entry of `updates`; `key` must be given: see `config.schema`."""

    key: Annotated[DomainName, text(name_of_key)] = ROOT
    names: list[Annotated[str, text(name_pattern)]] = []
    types: list[Annotated[int, text(updated_type)]] = []
    heads: list[Annotated[str, text(values.application)]] = []


def read_updates(
    sections: Sequence[UpdateSection],
    origin: DomainName,
    usable: Node | None,
    written: Node | None,
    keys: frozenset[DomainName],
    faults: FaultReport,
) -> Iterator[UpdateScope]:
    """Yield the scopes of a zone's `updates`, in order; report their errors in `faults`.

    `keys` are the names of all keys of the file.  `usable` is the value of `updates` that the
    sections were made of; `written` also has the values that were refused.
    """
    seen: dict[UpdateScope, int] = {}
    for index, section in enumerate(sections):
        node = usable.at(index) if usable is not None else None
        original = written.at(index) if written is not None else None
        scope = UpdateScope(
            section.key,
            tuple(_relative(section.names, origin, node, faults)),
            frozenset(section.types),
            tuple(section.heads),
        )
        if node is not None and original is not None:
            _check(section, node, original, keys, faults)
            if not node.lacks_any_of(original, ("key", "names", "types", "heads")):
                line = seen.setdefault(scope, node.place.line)
                if line != node.place.line:
                    faults.add(node.place, f"is given twice; the first time on line {line}")
        yield scope
    if len(sections) > MAX_SCOPES and usable is not None:
        faults.add(usable.place, f"has {len(sections)} entries; at most {MAX_SCOPES} are allowed")


def _relative(
    patterns: Iterable[str], origin: DomainName, node: Node | None, faults: FaultReport
) -> Iterator[str]:
    """Yield patterns; report those that have the origin of the zone in them."""
    end = str(origin)
    for index, pattern in enumerate(patterns):
        bare = pattern.removesuffix(".")
        item = node.at("names", index) if node is not None else None
        if item is not None and (bare == end or bare.endswith(f".{end}")):
            relative = bare.removesuffix(end).removesuffix(".") or "@"
            faults.add(
                item.place, f"patterns are relative to the zone {origin}; write {quoted(relative)}"
            )
        elif item is not None and bare != pattern:
            faults.add(
                item.place,
                f"{quoted(pattern)} ends with a dot, so it is not in the zone {origin}; patterns "
                "are relative to the zone",
            )
        yield bare


def _check(
    section: UpdateSection,
    node: Node,
    written: Node,
    keys: frozenset[DomainName],
    faults: FaultReport,
) -> None:
    """Report a key that is not there, and parts of a scope that are missing or repeated."""
    key = node.at("key")
    if key is not None and section.key not in keys:
        faults.add(key.place, unknown_key(section.key, keys))
    for name, given in (("names", section.names), ("heads", section.heads)):
        refuse_repeated(given, node.at(name), name.removesuffix("s"), faults)
    _refuse_repeated_types(section.types, node.at("types"), faults)
    for name in ("names", "types", "heads"):
        part = written.at(name)
        if part is not None and part.value in (None, []):
            faults.add(part.place, "empty; leave it out, or name at least one")
            return
    has_names, has_types = written.at("names") is not None, written.at("types") is not None
    if has_names and not has_types:
        faults.add(
            written.place.of_key("types"),
            "missing; name the types, as in [A, AAAA], or write [ANY] for every type",
        )
    elif has_types and not has_names:
        faults.add(
            written.place.of_key("names"),
            'missing; name patterns, as in ["_acme-challenge.*"], or write ["*"] for every name',
        )
    elif not has_names and written.at("heads") is None:
        faults.add(written.place.of_key("names"), f"missing; {_MISSING}")


def _refuse_repeated_types(types: Sequence[int], node: Node | None, faults: FaultReport) -> None:
    for index, number in enumerate(types):
        item = node.at(index) if node is not None else None
        if item is None:
            continue
        if number in types[:index]:
            faults.add(item.place, f"the type {item.value} is given twice")
        elif number == ANY and len(types) > 1:
            faults.add(item.place, "ANY stands for every type; leave the others out")
