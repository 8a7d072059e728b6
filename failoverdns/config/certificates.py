"""The sections `certificates` and `acme`: the key of the vault, and the CA that issues.

The files that they name are not opened here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import PlainValidator

from failoverdns.config import scalars as values
from failoverdns.config.document import Node, refuse_repeated
from failoverdns.config.errors import FaultReport, quoted
from failoverdns.config.section import FilePath, Line, Section, or_empty, text
from failoverdns.model.errors import Malformed
from failoverdns.model.settings import (
    KEY_TYPES,
    AcmeSettings,
    CertificateSettings,
    ExternalAccount,
    StateSettings,
)

DIRECTORIES: Mapping[str, str] = {
    "letsencrypt": "https://acme-v02.api.letsencrypt.org/directory",
    "letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
}
TERMS = "by this you accept the CA's terms of service, without which it issues nothing"

_NOT_IN_MAILTO = frozenset("#%&/=?^`{|}")
_FILES_OF_THE_STATE = ("", "-wal", "-shm", ".acknowledged")
"""Endings of the names of the files that hold the state."""


def acme_directory(text: str) -> str:
    """Read the URL of an ACME directory, or the name of a well-known one."""
    if text in DIRECTORIES:
        return DIRECTORIES[text]
    form = f"write {', '.join(DIRECTORIES)} or an https:// URL"
    try:
        url = urlsplit(text)
        has_host = bool(url.hostname) and url.port != 0
    except ValueError:
        raise Malformed(f"{quoted(text)} is not a URL; {form}") from None
    if url.scheme == "http":
        raise Malformed(f"{quoted(text)} can be forged on the way, as all http:// can; {form}")
    odd = not text.isascii() or not text.isprintable() or " " in text or "\\" in text
    if url.scheme != "https" or not has_host or odd or url.fragment or "@" in url.netloc:
        raise Malformed(f"{quoted(text)} is not a directory; {form}")
    return text


def accepted_terms(value: object) -> bool:
    """Read `true`, which accepts the terms of service of a CA."""
    if value is not True:
        raise Malformed(f"must be true, not {values.named(value)}: {TERMS}")
    return True


def checked_key_type(text: str) -> str:
    """Check that `text` is a type of private keys that certificates are issued for."""
    return values.one_of(text, KEY_TYPES, "a type of keys")


def mail_address(text: str) -> str:
    """Read a mail address that needs no quoting in a `mailto:` URL (RFC 6068); fold its domain."""
    values.mailbox(text)
    local, _, domain = text.rpartition("@")
    if odd := sorted(_NOT_IN_MAILTO & set(local)):
        raise Malformed(f"{quoted(text)} has a {quoted(odd[0])}, which a CA does not take")
    return f"{local}@{values.host_name(domain)}"


_ACME = AcmeSettings("https://localhost/")


class CertificatesSection(Section):
    """`certificates`; the default of `key_file` depends on `state`."""

    key_file: FilePath | None = None


class ExternalAccountSection(Section):
    """`acme.external_account`; its keys must be given, so that no default is ever used."""

    key_id: Line = "key"
    hmac_key_file: FilePath = Path("eab.key")


class AcmeSection(Section):
    """`acme`; `directory` and `accept_terms` must be given."""

    directory: Annotated[str, text(acme_directory)] = _ACME.directory
    accept_terms: Annotated[bool, PlainValidator(accepted_terms)] = True
    contact: Annotated[list[Annotated[str, text(mail_address)]], or_empty(list)] = []
    key_type: Annotated[str, text(checked_key_type)] = _ACME.key_type
    profile: Line | None = _ACME.profile
    ca_file: FilePath | None = _ACME.ca_file
    external_account: ExternalAccountSection | None = None


def read_certificates(
    section: CertificatesSection,
    state: StateSettings,
    folder: Path,
    usable: Node,
    faults: FaultReport,
) -> CertificateSettings:
    """Return the settings of `certificates`; report a key file that would overwrite the state.

    `folder` completes relative paths; `usable` is the document that the section was made of.
    """
    if section.key_file is None:
        return CertificateSettings(Path(f"{state.sqlite}.key"))
    settings = section.into(CertificateSettings, folder)
    path, node = settings.key_file, usable.at("certificates", "key_file")
    if node is not None and str(path) in {
        f"{state.sqlite}{ending}" for ending in _FILES_OF_THE_STATE
    }:
        faults.add(node.place, f"{path} is a file of the state; the key needs one of its own")
    return settings


def read_acme(
    section: AcmeSection, folder: Path, usable: Node, faults: FaultReport
) -> AcmeSettings:
    """Return the settings of `acme`; report contacts that are given twice.

    `folder` completes relative paths; `usable` is the document that the section was made of.
    """
    refuse_repeated(section.contact, usable.at("acme", "contact"), "mail address", faults)
    account = section.external_account
    return section.into(
        AcmeSettings,
        folder,
        external_account=account.into(ExternalAccount, folder) if account is not None else None,
    )
