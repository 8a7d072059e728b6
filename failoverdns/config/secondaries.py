"""The section `secondaries`: the name servers that transfer zones from this one.

    name: {address: "198.51.100.53:53", key: xfr.failover.test}

A secondary is notified of every change of its zones, and whoever has its key may transfer them.
The catalog zone (RFC 9432) and the choice of each zone are checked here, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Final

from failoverdns.config import scalars as values
from failoverdns.config.document import Node
from failoverdns.config.errors import FaultReport, quoted
from failoverdns.config.names_of_keys import known_keys, name_of_key, unknown_key
from failoverdns.config.section import AddressText, Section, text
from failoverdns.model.errors import Malformed
from failoverdns.model.names import (
    CONFIGURED_NAME_FORM,
    ROOT,
    DomainName,
    is_configured_name,
)
from failoverdns.model.settings import DNS_PORT, ListenAddress, SecondarySettings
from failoverdns.model.zone import MAX_ORIGIN, Zone

MAX_SECONDARIES: Final = 100
"""Name servers that are notified of each change, at most."""

_FOREIGN_PORT = re.compile(r"\[?([0-9a-f.:]+?)\]?\s*(?:@|#|\s+port\s+)\s*(\d{1,5})", re.IGNORECASE)
"""An address with a port as NSD, Knot DNS, dig and BIND write it."""


def server_address(text: str) -> ListenAddress:
    """Read the address of a name server, with or without a port; an IPv6 one has brackets."""
    if (foreign := _FOREIGN_PORT.fullmatch(text)) is not None:
        host = f"[{foreign[1]}]" if ":" in foreign[1] else foreign[1]
        raise Malformed(
            f'{quoted(text)} is not an address with a port; write "{host}:{foreign[2]}"'
        )
    has_brackets = text[:1] == "[" and text[-1:] == "]"
    try:
        alone = values.address(text[1:-1] if has_brackets else text)
    except Malformed:
        found = values.listen_address(text)
    else:
        found = ListenAddress(alone, DNS_PORT)
        if has_brackets != isinstance(alone, IPv6Address):
            raise Malformed(f'{quoted(text)} is not an address with a port; write "{found}"')
    if found.port == 0 or found.host.is_unspecified or found.host.is_multicast:
        form = 'write one such as "198.51.100.53:53"'
        raise Malformed(f"{quoted(text)} cannot be the address of a name server; {form}")
    return found


class SecondarySection(Section):
    """The keys of one secondary; `address` and `key` must be given: see `config.schema`."""

    address: Annotated[ListenAddress, text(server_address)] = ListenAddress(
        IPv4Address("0.0.0.0"), 0
    )
    key: Annotated[DomainName, text(name_of_key)] = ROOT
    source: AddressText | None = None


def read_secondaries(
    sections: Mapping[str, SecondarySection],
    listening: Sequence[ListenAddress],
    usable: Node,
    written: Node,
    faults: FaultReport,
) -> tuple[SecondarySettings, ...]:
    """Return the secondaries in the order of the file; report their errors in `faults`.

    `listening` are the addresses of `listen`.  `usable` is the document that the sections were made
    of; `written` also has the values that were refused.
    """
    keys = known_keys(written)
    found: list[SecondarySettings] = []
    first: dict[tuple[ListenAddress, DomainName], tuple[str, int]] = {}
    for name, section in sections.items():
        node = usable.get("secondaries", name)
        if not is_configured_name(name):
            faults.add(
                node.key,
                f"{quoted(name)} cannot be the name of a secondary: use {CONFIGURED_NAME_FORM}",
            )
        key, address = node.at("key"), node.at("address")
        if key is not None and section.key not in keys:
            faults.add(key.place, unknown_key(section.key, keys))
        if address is not None:
            if (own := _own(section.address, listening)) is not None:
                faults.add(
                    address.place,
                    f"{section.address} is this server's own address, {own} in listen; write that "
                    "of the secondary",
                )
            if key is not None:
                entry = (name, node.key.line)
                same = first.setdefault((section.address, section.key), entry)
                if same is not entry:
                    faults.add(
                        address.place,
                        f"{section.address} with this key is {same[0]} already, on line {same[1]}",
                    )
            _check_source(section, node, faults)
        found.append(section.into(SecondarySettings, name=name))
    if len(found) > MAX_SECONDARIES:
        place = usable.get("secondaries").place
        faults.add(place, f"has {len(found)} name servers; at most {MAX_SECONDARIES} are allowed")
    return tuple(found)


def _own(address: ListenAddress, listening: Iterable[ListenAddress]) -> ListenAddress | None:
    """Return the address of `listen` at which this server itself answers for `address`."""
    for own in listening:
        if own.port != address.port or own.host.version != address.host.version:
            continue
        if own.host == address.host or (own.host.is_unspecified and address.host.is_loopback):
            return own
    return None


def _check_source(section: SecondarySection, node: Node, faults: FaultReport) -> None:
    source = node.at("source")
    if section.source is None or source is None:
        return
    if section.source.version != section.address.host.version:
        faults.add(
            source.place,
            f"{section.source} is of another family than the address, {section.address.host}",
        )
    elif section.source.is_unspecified or section.source.is_multicast:
        faults.add(source.place, f"{section.source} cannot be a source; leave it out for any")


def warn_of_idle(
    secondaries: Iterable[SecondarySettings],
    zones: Iterable[Zone],
    usable: Node,
    faults: FaultReport,
) -> None:
    """Warn of secondaries that no zone has."""
    used = {name for zone in zones for name in zone.secondaries}
    for secondary in secondaries:
        if secondary.name not in used:
            place = usable.get("secondaries", secondary.name).key
            faults.warn(place, f"no zone has the secondary {secondary.name}, so it gets nothing")


def catalog_name(text: str) -> DomainName:
    """Read the name of the catalog zone."""
    try:
        name = values.host_name(text)
    except Malformed as error:
        raise Malformed(f"{quoted(text)} cannot be a catalog zone: {error}") from None
    if len(name.wire) > MAX_ORIGIN:
        raise Malformed(
            f"is {len(name.wire)} bytes long; at most {MAX_ORIGIN} leave room for its members"
        )
    return name


def check_catalog(
    name: DomainName | None,
    secondaries: Sequence[SecondarySettings],
    zones: Iterable[Zone],
    usable: Node,
    faults: FaultReport,
) -> None:
    """Report what keeps `name` from being a catalog zone beside the zones of the file."""
    node = usable.at("catalog")
    if name is None or node is None:
        return
    if not secondaries:
        faults.add(
            node.place,
            "needs name servers that read it; name them in `secondaries`, or leave the catalog out",
        )
    for zone in zones:
        origin = zone.origin
        if name == origin:
            example = f"catalog.{origin}"
            text = (
                f"{name} is a zone of this file; give the catalog another name, such as {example}"
            )
            faults.add(node.place, text)
        elif origin.is_at_or_below(name):
            faults.add(
                node.place,
                f"{name} is above the zone {origin}; give the catalog a name of its own, such as "
                f"catalog.{origin}",
            )
        elif name.is_at_or_below(origin) and zone.has_configured(name):
            faults.add(
                node.place,
                f"{name} has records in the zone {origin}, which secondaries would not answer; "
                "give the catalog a name of its own",
            )
