"""What goes to a CA and comes from it, as far as `acme` has no messages for it.

Knows keys as JWK; identifiers, orders and signing requests as ACME carries them.
Refuses to know when which of them is sent.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from acme import challenges, messages
from josepy import b64, errors, jwa, jwk
from josepy import json_util as json

from failoverdns.issuing.problems import AcmeProblem, printable
from failoverdns.model.certificate import Secret

_CURVES = {"secp256r1": jwa.ES256, "secp384r1": jwa.ES384, "secp521r1": jwa.ES512}
_EXPIRED = messages.Status("expired")  # an authorization's (RFC 8555 section 7.1.6): acme lacks it
_STATES = frozenset({"pending", "ready", "processing", "valid", "invalid"})
_BASE64URL = re.compile(r"([A-Za-z0-9_-]{4})*[A-Za-z0-9_-]{2,4}={0,2}")


@dataclass(frozen=True, slots=True)
class ExternalBinding:
    """What ties a new account to one that the CA has already (RFC 8555 section 7.3.4).

    `hmac_key` is base64url, and a secret.
    """

    key_id: str
    hmac_key: str = field(repr=False)


class NewOrder(messages.NewOrder):
    """An order that can tell which certificate it replaces (RFC 9773 section 5)."""

    replaces: str | None = json.field("replaces", omitempty=True)


class Finalize(json.JSONObjectWithFields):
    """A signing request on its way (RFC 8555 section 7.4): DER as base64url."""

    csr: str = json.field("csr")

    @classmethod
    def from_pem(cls, request: bytes) -> Finalize:
        """Wrap a signing request in PEM; raises ValueError."""
        lines = request.decode("ascii").split("\n")
        text = "".join(line.strip() for line in lines if not line.startswith("-----"))
        return cls(csr=b64.b64encode(b64decode(text, validate=True)).decode())


def signing_key(secret: Secret) -> tuple[jwk.JWK, jwa.JWASignature]:
    """Return an account's key (PEM) as a JWK, and how it signs; raises AcmeProblem."""
    try:
        key = jwk.JWK.load(secret.reveal().encode())
    except errors.Error:
        key = None
    if isinstance(key, jwk.JWKRSA):
        return key, jwa.RS256
    if isinstance(key, jwk.JWKEC) and key.key.curve.name in _CURVES:
        return key, _CURVES[key.key.curve.name]
    raise AcmeProblem("the account's key is none that ACME can sign with: make an EC or RSA key")


def registration(
    contact: Sequence[str],
    binding: ExternalBinding | None,
    key: jwk.JWK,
    directory: messages.Directory,
) -> messages.NewRegistration:
    """Make the request for an account; raises AcmeProblem for an HMAC key that is none.

    `contact` are mail addresses, or URLs.
    """
    fields: dict[str, object] = {"terms_of_service_agreed": True}
    if contact:
        fields["contact"] = tuple(c if ":" in c else f"mailto:{c}" for c in contact)
    if binding is not None:
        hmac_key = binding.hmac_key.strip()
        if not _BASE64URL.fullmatch(hmac_key):
            raise AcmeProblem("the HMAC key of the external account is not base64url")
        fields["external_account_binding"] = messages.ExternalAccountBinding.from_data(
            key.public_key(), binding.key_id, hmac_key.rstrip("="), directory
        )
    return messages.NewRegistration(**fields)


def identifier(name: str) -> messages.Identifier:
    """Return a DNS name, or an address (RFC 8738), as ACME has it."""
    try:
        return messages.Identifier(typ=messages.IDENTIFIER_IP, value=str(ip_address(name)))
    except ValueError:
        return messages.Identifier(typ=messages.IDENTIFIER_FQDN, value=name)


def state_of(order: messages.Order) -> str:
    """Return the state of an order (RFC 8555 section 7.1.6); raises ValueError for no such one."""
    name = order.status.name
    if name not in _STATES:
        raise ValueError(f"an order that is {name}")
    return name


def name_of(authorization: messages.Authorization) -> str:
    """Return what an authorization is for, to be read; a wildcard without its `*.`."""
    return printable(str(authorization.identifier.value))


def dns_01(authorization: messages.Authorization) -> messages.ChallengeBody:
    """Return an authorization's DNS-01 challenge; raises AcmeProblem if it has none."""
    for challenge in authorization.challenges:
        if isinstance(challenge.chall, challenges.DNS01):
            return challenge
    name = name_of(authorization)
    raise AcmeProblem(f"the CA says: {name} cannot be validated with DNS-01", None, (name,))
