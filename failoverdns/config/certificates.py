"""What certificates need: the vault's key, the delivery to web heads, the CA that issues.

Knows what these sections must be to each other, to `listen` and to `state`.
Refuses to know single values (checked in `values`), and to look into the files that are named.
"""

from __future__ import annotations

from pathlib import Path

from failoverdns.config.document import Node, refuse_repeated
from failoverdns.config.errors import FaultReport, quoted
from failoverdns.config.scalars import absolute, client
from failoverdns.config.sections import (
    AcmeSection,
    CertificatesSection,
    ConfigFile,
    DeliverySection,
)
from failoverdns.model.errors import Malformed
from failoverdns.model.settings import (
    AcmeSettings,
    CertificateSettings,
    DeliverySettings,
    ExternalAccount,
    ListenAddress,
    StateSettings,
)

_OF_THE_STATE = ("", "-wal", "-shm", ".acknowledged")
"""Endings of the files that the state is in."""


def read_certificates(
    section: CertificatesSection,
    state: StateSettings,
    folder: Path,
    usable: Node,
    report: FaultReport,
) -> CertificateSettings:
    """Make settings of `certificates`; note in `report` a key that would overwrite the state.

    `folder` completes relative paths; `usable` is the document that the section is of.
    """
    if section.key_file is None:
        return CertificateSettings(Path(f"{state.sqlite}.key"))
    path = absolute(section.key_file, folder)
    node = usable.at("certificates", "key_file")
    if node is not None and str(path) in {f"{state.sqlite}{ending}" for ending in _OF_THE_STATE}:
        report.add(node.place, f"{path} is a file of the state; the key needs one of its own")
    return CertificateSettings(path)


def read_delivery(
    sections: ConfigFile, folder: Path, usable: Node, written: Node, report: FaultReport
) -> DeliverySettings | None:
    """Make settings of `delivery`, None where it is left out; note what is wrong in `report`.

    `usable` is the document that the sections are of, `written` the one with the refused values.
    """
    section = sections.delivery
    if section is None:
        return None
    refuse_repeated(section.listen, usable.at("delivery", "listen"), "address", report)
    _refuse_taken(section.listen, sections.listen, usable, report)
    return DeliverySettings(
        listen=tuple(section.listen),
        certificate=absolute(section.certificate, folder),
        key=absolute(section.key, folder),
        client_ca=absolute(section.client_ca, folder),
        clients=_clients(section, usable, written, report),
    )


def _refuse_taken(
    wanted: list[ListenAddress], taken: list[ListenAddress], usable: Node, report: FaultReport
) -> None:
    """Note addresses that `listen` has taken already, for DNS over TCP."""
    for index, address in enumerate(wanted):
        node = usable.at("delivery", "listen", index)
        for other_index, other in enumerate(taken):
            place = usable.at("listen", other_index)
            if _collide(address, other) and node is not None and place is not None:
                line = place.place.line
                report.add(node.place, f"{address} is taken by listen, as {other} on line {line}")
                break


def _collide(one: ListenAddress, other: ListenAddress) -> bool:
    """Tell whether two sockets cannot listen at these; with port 0 there is always a free one."""
    if one.port != other.port or one.port == 0 or one.host.version != other.host.version:
        return False
    return one.host == other.host or one.host.is_unspecified or other.host.is_unspecified


def _clients(
    section: DeliverySection, usable: Node, written: Node, report: FaultReport
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    clients: dict[str, tuple[str, ...]] = {}
    lines: dict[str, int] = {}
    for text, applications in section.clients.items():
        node = usable.at("delivery", "clients", text)
        original = written.at("delivery", "clients", text)
        assert node is not None
        assert original is not None
        refuse_repeated(applications, node, "application", report)
        if original.value == []:
            report.add(original.place, 'empty; name at least one application, or "*" for every one')
        try:
            name = client(text)
        except Malformed as error:
            report.add(node.key, f"{quoted(text)} cannot be a client: {error}")
            continue
        if name in clients:
            line = lines[name]
            report.add(node.key, f"the client {name} is given twice; the first time on line {line}")
        lines.setdefault(name, node.key.line)
        clients.setdefault(name, tuple(applications))
    return tuple(clients.items())


def read_acme(
    section: AcmeSection | None, folder: Path, usable: Node, report: FaultReport
) -> AcmeSettings | None:
    """Make settings of `acme`, None where it is left out; note repeated contacts in `report`."""
    if section is None:
        return None
    refuse_repeated(section.contact, usable.at("acme", "contact"), "mail address", report)
    account = section.external_account
    return AcmeSettings(
        directory=section.directory,
        contact=tuple(section.contact),
        key_type=section.key_type,
        profile=section.profile,
        ca_file=absolute(section.ca_file, folder) if section.ca_file is not None else None,
        external_account=ExternalAccount(account.key_id, absolute(account.hmac_key_file, folder))
        if account is not None
        else None,
    )
