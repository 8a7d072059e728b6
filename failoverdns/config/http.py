"""The section `http`: the HTTP API, the dashboard and the metrics.

Without a certificate tokens travel in plain text, so only loopback addresses may be listened at
then, unless `plaintext` says that a proxy in front of the server ends TLS.  The files that the
section names are not opened here: they are read at the start and on a reload.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from failoverdns.config import scalars as values
from failoverdns.config.delivery import refuse_taken
from failoverdns.config.document import Node, refuse_repeated
from failoverdns.config.errors import FaultReport, quoted
from failoverdns.config.section import Boolean, FilePath, Listen, Section, one_of, or_empty, text
from failoverdns.model.errors import Malformed
from failoverdns.model.names import is_address
from failoverdns.model.settings import HTTPSettings, ListenAddress

OF_APPLICATION: Final = "application:"
"""How a `certificate` begins that is that of an application, from the vault."""


@dataclass(frozen=True, slots=True)
class OfApplication:
    """The name of the application whose certificate is used."""

    name: str


def certificate(text: str) -> Path | OfApplication:
    """Read the path of a certificate, or `application:` and the name of an application."""
    if text.startswith(OF_APPLICATION):
        return OfApplication(values.application(text.removeprefix(OF_APPLICATION).strip()))
    return Path(values.file_path(text))


def host(text: str) -> str:
    """Read a name of this server, as requests have it in `Host`."""
    if is_address(text.strip("[]")):
        raise Malformed(f"{quoted(text)} is an address, which is always allowed; leave it out")
    if ":" in text:
        raise Malformed(f"{quoted(text)} must be a name without a port")
    return str(values.host_name(text)).lower().removesuffix(".")


class HTTPSection(Section):
    """`http`; `listen` must be given, so that its default is never used."""

    listen: list[Listen] = []
    certificate_of: Annotated[Path | OfApplication, text(certificate)] | None = Field(
        default=None, alias="certificate"
    )
    key: FilePath | None = None
    plaintext: Boolean = False
    metrics: Annotated[str, one_of("who may read metrics", "public", "token")] | None = None
    trusted_proxies: Annotated[
        list[Annotated[IPv4Network | IPv6Network, text(values.network)]], or_empty(list)
    ] = []
    hosts: Annotated[list[Annotated[str, text(host)]], or_empty(list)] = []


def read_http(
    section: HTTPSection,
    taken: Mapping[str, Sequence[ListenAddress]],
    folder: Path,
    usable: Node,
    written: Node,
    faults: FaultReport,
) -> HTTPSettings:
    """Return the settings of `http`; report their errors in `faults`.

    `taken` are the addresses that other sections listen at over TCP, by the path of their key, as
    in `tls.listen`.  `folder` completes relative paths.  `usable` is the document that the section
    was made of; `written` also has the values that were refused.
    """
    refuse_repeated(section.listen, usable.at("http", "listen"), "address", faults)
    for key, addresses in taken.items():
        refuse_taken(section.listen, ("http", "listen"), addresses, key, usable, faults)
    refuse_repeated(section.trusted_proxies, usable.at("http", "trusted_proxies"), "proxy", faults)
    refuse_repeated(section.hosts, usable.at("http", "hosts"), "name", faults)
    _check_certificate(section, written.get("http"), faults)
    _refuse_plaintext(section, usable.get("http"), written.get("http"), faults)
    source = section.certificate_of
    is_local = all(address.host.is_loopback for address in section.listen)
    return section.into(
        HTTPSettings,
        folder,
        certificate=values.absolute(source, folder) if isinstance(source, Path) else None,
        application=source.name if isinstance(source, OfApplication) else None,
        metrics_public=section.metrics == "public" if section.metrics is not None else is_local,
    )


def _check_certificate(section: HTTPSection, written: Node, faults: FaultReport) -> None:
    """Report a certificate without its key, a key without its certificate, and the like."""
    source, key = written.at("certificate"), written.at("key")
    if source is not None and source.value is None:
        source = None
    if key is not None and key.value is None:
        key = None
    match section.certificate_of:
        case OfApplication() if key is not None:
            text = "must be left out: the key of the application's certificate is in the vault"
            faults.add(key.place, text)
        case Path() if key is None:
            form = "give the path of the private key of `certificate`, PEM"
            faults.add(written.place.of_key("key"), f"missing; {form}")
    if source is None and key is not None:
        form = "give the path of the server's own chain, PEM"
        faults.add(written.place.of_key("certificate"), f"missing; {form}")
    plaintext = written.at("plaintext")
    if section.plaintext and source is not None and plaintext is not None:
        text = "with a certificate only HTTPS is spoken; leave this out, or the certificate"
        faults.add(plaintext.place, text)


def _refuse_plaintext(
    section: HTTPSection, usable: Node, written: Node, faults: FaultReport
) -> None:
    """Report addresses that others could reach without TLS."""
    source, key = written.at("certificate"), written.at("key")
    is_tls = any(node is not None and node.value is not None for node in (source, key))
    if is_tls or section.plaintext or usable.lacks_any_of(written, ("plaintext",)):
        return
    for index, address in enumerate(section.listen):
        node = usable.at("listen", index)
        if not address.host.is_loopback and node is not None:
            text = f"others can reach {address}, and tokens would travel in plain text"
            faults.add(
                node.place,
                f"{text}; give certificate and key, or write plaintext: true if a proxy in front "
                "of this address speaks HTTPS",
            )
