"""The section `delivery`: the HTTPS endpoint that web heads fetch certificates from.

The files that it names are not opened here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from failoverdns.config import scalars as values
from failoverdns.config.document import Node, refuse_repeated
from failoverdns.config.errors import FaultReport, quoted
from failoverdns.config.section import FilePath, Listen, Section, text
from failoverdns.model.errors import Malformed
from failoverdns.model.names import is_address
from failoverdns.model.settings import DeliverySettings, ListenAddress

_HEX = re.compile(r"[0-9a-f]{64}|[0-9a-f]{2}(?::[0-9a-f]{2}){31}", re.ASCII)
_FINGERPRINT = "sha256:"


def client(text: str) -> str:
    """Read what identifies a client: a DNS name, or the SHA-256 fingerprint of a certificate."""
    if text.lower().startswith(_FINGERPRINT):
        return fingerprint(text)
    if is_address(text):
        raise Malformed("an address cannot be a client; write a DNS name or a fingerprint")
    return str(values.host_name(text))


def fingerprint(text: str) -> str:
    """Read the SHA-256 fingerprint of a certificate; `sha256:` may be missing."""
    digits = text.lower().removeprefix(_FINGERPRINT)
    if not _HEX.fullmatch(digits):
        raise Malformed("a fingerprint is sha256: and 64 hex digits, with or without colons")
    return _FINGERPRINT + digits.replace(":", "")


def application_or_all(text: str) -> str:
    """Read the name of an application, or `*` for every one."""
    return text if text == "*" else values.application(text)


class DeliverySection(Section):
    """`delivery`; keys up to `clients` must be given, so that no default of theirs is ever used."""

    listen: list[Listen] = []
    certificate: FilePath = Path("delivery.pem")
    key: FilePath = Path("delivery.key")
    client_ca: FilePath = Path("clients-ca.pem")
    clients: dict[str, list[Annotated[str, text(application_or_all)]]] = {}
    client_crl: FilePath | None = None
    revoked: list[Annotated[str, text(fingerprint)]] = []


def read_delivery(
    section: DeliverySection,
    taken: Sequence[ListenAddress],
    folder: Path,
    usable: Node,
    written: Node,
    faults: FaultReport,
) -> DeliverySettings:
    """Return the settings of `delivery`; report their errors in `faults`.

    `taken` are the addresses of the top-level `listen`, where DNS over TCP is answered.
    `usable` is the document that the section was made of; `written` also has the values that were
    refused.
    """
    refuse_repeated(section.listen, usable.at("delivery", "listen"), "address", faults)
    refuse_taken(section.listen, ("delivery", "listen"), taken, "listen", usable, faults)
    refuse_repeated(section.revoked, usable.at("delivery", "revoked"), "fingerprint", faults)
    clients = _clients(section, usable, written, faults)
    return section.into(DeliverySettings, folder, clients=clients)


def refuse_taken(
    wanted: Sequence[ListenAddress],
    path: tuple[str, ...],
    taken: Sequence[ListenAddress],
    by: str,
    usable: Node,
    faults: FaultReport,
) -> None:
    """Report addresses that another section listens at already, over TCP.

    `wanted` are the addresses at `path` of the document `usable`, `taken` those at the path `by`,
    such as `delivery.listen`.
    """
    for index, address in enumerate(wanted):
        node = usable.at(*path, index)
        for other_index, other in enumerate(taken):
            place = usable.at(*by.split("."), other_index)
            if _collide(address, other) and node is not None and place is not None:
                line = place.place.line
                faults.add(node.place, f"{address} is taken by {by}, as {other} on line {line}")
                break


def _collide(one: ListenAddress, other: ListenAddress) -> bool:
    """Return whether two sockets cannot both listen; with port 0 the kernel chooses a free port."""
    if one.port != other.port or one.port == 0 or one.host.version != other.host.version:
        return False
    return one.host == other.host or one.host.is_unspecified or other.host.is_unspecified


def _clients(
    section: DeliverySection, usable: Node, written: Node, faults: FaultReport
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    clients: dict[str, tuple[str, ...]] = {}
    lines: dict[str, int] = {}
    for client_text, applications in section.clients.items():
        node = usable.get("delivery", "clients", client_text)
        original = written.get("delivery", "clients", client_text)
        refuse_repeated(applications, node, "application", faults)
        if original.value == []:
            faults.add(original.place, 'empty; name at least one application, or "*" for every one')
        try:
            name = client(client_text)
        except Malformed as error:
            faults.add(node.key, f"{quoted(client_text)} cannot be a client: {error}")
            continue
        if name in clients:
            line = lines[name]
            faults.add(node.key, f"the client {name} is given twice; the first time on line {line}")
        lines.setdefault(name, node.key.line)
        clients.setdefault(name, tuple(applications))
    return tuple(clients.items())
