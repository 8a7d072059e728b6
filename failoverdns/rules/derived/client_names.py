"""The names under which clients reach an application, for the Host and SNI of its probes.

| the application's certificate is for | the names                                              |
|--------------------------------------|--------------------------------------------------------|
| host names, perhaps with others      | these                                                  |
| wildcards only                       | hostnames of its groups that a wildcard covers, or     |
|                                      | static CNAME records to them that one covers           |
| addresses only                       | the address that is probed, or else all of these       |
| nothing: it has none here            | the hostnames of its groups                            |

The first name is sent as Host and SNI, and is never a wildcard or an address.  A wildcard stands
for many names, and nobody knows which of them exist: where it covers none that is known, none is
guessed, and `advice` says which setting is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from itertools import islice
from typing import Final

from failoverdns.model.application import Application
from failoverdns.model.certificate import covers
from failoverdns.model.errors import Malformed, Rejected
from failoverdns.model.group import Group
from failoverdns.model.health import CHECK_KINDS, Check, CheckPart
from failoverdns.model.names import DomainName, is_address
from failoverdns.model.records import CNAME, Opaque
from failoverdns.model.static_records import StaticRecords
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.apex import apexes_of, is_answered_here
from failoverdns.rules.derived.entity_lookup import zone_of
from failoverdns.rules.derived.static_names import MAX_TRAIL
from failoverdns.rules.derived.view import View

_MOST_NAMES: Final = 100
"""The largest number of hostnames of groups, because thousands may follow an application."""

_CNAME_HEAD: Final = CNAME.to_bytes(2, "big")


@dataclass(frozen=True, slots=True)
class ClientNames:
    """The names and addresses under which clients reach an application.

    `advice` says what to do where the certificate is for wildcards only, and no name that clients
    use and that it covers is known; `names` are then those of the groups, as without a certificate.
    """

    names: tuple[str, ...]
    addresses: tuple[str, ...] = ()
    advice: str = ""

    def at(self, address: IPv4Address | IPv6Address) -> tuple[str, ...]:
        """Return the names for a probe of an address: all, or only the address if it is one."""
        if not self.names and str(address) in self.addresses:
            return (str(address),)
        return self.names + self.addresses

    def advice_for(self, check: Check) -> str:
        """Return the advice for a check that does not say by itself what to ask for, or nothing."""
        parts = CHECK_KINDS[check.kind].parts
        if check.tls.server_name is not None:
            return ""
        if CheckPart.TLS in parts and self.advice:
            return self.advice
        if self.names or self.addresses:
            return ""
        attach = "no name that clients use is known: attach the application to a group, or set"
        if CheckPart.TLS in parts and check.tls.verify:
            return (
                f"{attach} `server_name` in the check; until then the certificate is judged for "
                "no name"
            )
        if CheckPart.TLS in parts and check.http.host is None:
            return f"{attach} `server_name` in the check; until then no SNI is sent"
        if CheckPart.HTTP in parts and check.http.host is None:
            return f"{attach} `host` in the check; until then `Host` is the address"
        return ""


def client_names(view: View, application: Application) -> ClientNames:
    """Return the names under which clients reach an application, those of groups at most 100."""
    groups = view.following(application.id)
    certificate = view.certificate(application.id)
    if certificate is None:
        return ClientNames(_hostnames(islice(groups, _MOST_NAMES)))
    names = certificate.facts.names
    addresses = tuple(name for name in names if is_address(name))
    wildcards = tuple(name for name in names if name.startswith("*."))
    own = tuple(name for name in names if name not in (*addresses, *wildcards))
    if own or not wildcards:
        return ClientNames(own, addresses)
    groups = tuple(groups)
    covered = (name for name in _known(view, groups) if covers(wildcards, name))
    if found := tuple(islice(dict.fromkeys(covered), _MOST_NAMES)):
        return ClientNames(found, addresses)
    if found := tuple(islice(_static_names(view, groups, wildcards), _MOST_NAMES)):
        return ClientNames(found, addresses)
    advice = (
        f"the certificate is for {', '.join(wildcards[:3])} only, which covers no hostname of a "
        "group and no CNAME record to one: set `server_name` in the check to a name that clients "
        "use"
    )
    return ClientNames(_hostnames(groups[:_MOST_NAMES]), addresses, advice)


def require_name(view: View, application: Application, checks: Iterable[Check]) -> None:
    """Raise Rejected `invalid` if one of these checks would not know which name to ask for."""
    names: ClientNames | None = None
    for check in checks:
        if CheckPart.TLS not in CHECK_KINDS[check.kind].parts:
            continue
        names = names or client_names(view, application)
        if names.advice and (advice := names.advice_for(check)):
            raise Rejected(
                "invalid",
                f"check {check.name!r} does not know which name to ask {application.name} for: "
                f"{advice}, or first add a group whose hostname the certificate covers",
            )


def _hostnames(groups: Iterable[Group]) -> tuple[str, ...]:
    return tuple(group.hostname.to_text() for group in groups)


def _known(view: View, groups: Iterable[Group]) -> Iterator[str]:
    """Yield the names that lead to groups: their hostnames, and the origins of zones."""
    for group in groups:
        yield group.hostname.to_text()
        for origin in apexes_of(view, group):
            yield origin.to_text()


def _static_names(view: View, groups: Iterable[Group], wildcards: Iterable[str]) -> Iterator[str]:
    """Yield the static CNAME records that lead to one of the groups and that a wildcard covers."""
    hostnames = {group.hostname.wire for group in groups}
    for wildcard in wildcards:
        try:
            parent = DomainName.from_text(wildcard.removeprefix("*."))
        except Malformed:
            continue
        zone = zone_of(view, parent)
        if zone is None or not hostnames:
            continue
        links = _links_of(zone)
        for owner in links:
            name = DomainName(owner)
            is_below = name.parent() == parent and is_answered_here(view, name)
            if is_below and _end_of(links, owner) in hostnames:
                yield name.to_text()


def _end_of(links: Mapping[bytes, bytes], name: bytes) -> bytes:
    """Return the name where a chain of CNAME records ends."""
    for _ in range(MAX_TRAIL):
        if name not in links:
            break
        name = links[name]
    return name


def _links_of(zone: Zone) -> Mapping[bytes, bytes]:
    """Return the targets of a zone's CNAME records by owner, those in the state too."""
    links = _links_below(zone.static.configured, zone.origin.wire)
    if not zone.static.laid:
        return links
    laid = StaticRecords(dict(zone.static.laid), frozenset())
    return {**links, **_found_links(laid, zone.origin.wire)}


@lru_cache(maxsize=2)
def _links_below(static: StaticRecords, origin: bytes) -> Mapping[bytes, bytes]:
    """Return the targets of a zone's CNAME records by owner, wildcards left out; all in wire form.

    They change with the configuration only, and a zone may have a million records.
    """
    return _found_links(static, origin)


def _found_links(static: StaticRecords, origin: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for owner, written in static.by_owner.items():
        if written[:2] == _CNAME_HEAD and owner != origin and owner[:2] != b"\1*":
            for rrset in static.at(DomainName(owner)):
                for data in rrset.data:
                    if rrset.rtype == CNAME and isinstance(data, Opaque):
                        found[owner] = data.data.lower()
    return found
