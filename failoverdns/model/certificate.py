"""Certificates of applications, orders for new ones at a CA, and private keys on their way.

Facts about a certificate hold no private key: they name the *bundle*, chain and key, that is stored
in the vault, so that no decision, history or report can give a key away.  `Bundle` and `Secret` are
only for putting a key into the vault and getting it out.  X.509 and PEM are read elsewhere, in
`failoverdns.pki`.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address

from failoverdns.model.entity import Entity
from failoverdns.model.names import DomainName


class CertificateKind(Enum):
    """Where a certificate came from: installed by an operator, or issued over ACME."""

    CUSTOM = "custom"
    ACME = "acme"


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts about a certificate chain; times in seconds since 1970.

    `bundle` names chain and key in the vault: the SHA-256 of the whole chain, in hex.
    `fingerprint` is the SHA-256 of the leaf, in hex.
    `names` are the leaf's DNS and IP SANs, sorted and without duplicates: DNS names in lower case
    and A-labels, `*.` before a wildcard; addresses as they are usually written.
    `issuer` is a text as in RFC 4514; `key_type` is a text such as `ECDSA P-256`.
    `length` counts the certificates of the chain; `self_signed` is true for a leaf that is its
    own issuer.
    `not_before` and `not_after` are when the whole chain is valid, as far as clients use it.
    `renewal_id` identifies the certificate in a CA's renewal information (RFC 9773 section 4.1);
    None without an authority key identifier.
    `warnings` are what was unusual about the chain when it came, and why some clients may refuse
    it.
    """

    bundle: str
    fingerprint: str
    names: tuple[str, ...]
    issuer: str
    key_type: str
    not_before: float
    not_after: float
    length: int
    self_signed: bool
    renewal_id: str | None = None
    warnings: tuple[str, ...] = ()


def covers(names: Container[str], wanted: str) -> bool:
    """Return whether a certificate for `names` is valid for a name or an address.

    `names` as in `Facts`; `wanted` in any case, with a final dot or without one.
    A wildcard is the whole leftmost label and stands for exactly one label (RFC 9525 section 6.3);
    at least two labels have to follow it, so `*.com` is not valid for `shop.com`.  An address is
    compared as an address, and no wildcard covers it (section 6.4).  A wanted wildcard is covered
    by the same wildcard only.
    """
    name = wanted.lower().removesuffix(".")
    try:
        return str(ip_address(name)) in names
    except ValueError:
        if name in names:
            return True
    label, _, parent = name.partition(".")
    return label != "" and "*" not in label and "." in parent and f"*.{parent}" in names


@dataclass(frozen=True, slots=True)
class Certificate(Entity):
    """The certificate of an application (by id), which has at most one.

    `installed_at` (seconds since 1970) is when this application got it.
    `source` is the id of the application that it was transferred from; None if it was installed
    or issued here.
    """

    application: str
    kind: CertificateKind
    facts: Facts
    installed_at: float
    source: str | None = None

    @property
    def identity(self) -> str:
        """The id of the application."""
        return self.application


@dataclass(frozen=True, slots=True)
class Challenge:
    """A DNS-01 challenge: the TXT value that a CA expects at a name (RFC 8555 section 8.4)."""

    owner: DomainName
    value: str


@dataclass(frozen=True, slots=True)
class Order(Entity):
    """An order for a certificate of an application (by id), which has at most one order.

    `names` as in `Facts`; `key` names its private key in the vault, once there is one.
    `url` is the order's URL at the CA, once it is placed there.  `account` is the URI of the
    account that placed it; no other account can continue it.  `challenges` are served in DNS.
    `failures` counts failed attempts in a row, and `problem` says why the last one failed.  The
    next attempt is at `retry_at` (seconds since 1970), and even on request not before `not_before`,
    because the CA asked to wait until then.
    """

    id: str
    application: str
    names: tuple[str, ...]
    key: str | None = None
    url: str | None = None
    challenges: tuple[Challenge, ...] = ()
    failures: int = 0
    retry_at: float = 0.0
    problem: str | None = None
    account: str | None = None
    not_before: float = 0.0

    @property
    def identity(self) -> str:
        """The id."""
        return self.id


@dataclass(frozen=True, slots=True)
class Account(Entity):
    """The server's account at an ACME directory (by URL); `key` names its key in the vault."""

    directory: str
    uri: str
    key: str

    @property
    def identity(self) -> str:
        """The URL of the directory."""
        return self.directory


class Secret:
    """A private key as PEM, which `repr` hides; only `reveal` returns it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the key."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(...)"

    def __reduce__(self) -> str:
        raise TypeError("a private key is not to be copied about")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A chain (PEM, leaf first; empty for a key that waits for its certificate) and its key."""

    id: str
    chain: str
    key: Secret
