"""Messages to and from a CA that `acme` does not have, or has in another form.

Converts account keys to JWK, and identifiers, orders and signing requests to their ACME form.
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

from failoverdns.issuing.problems import AcmeProblem
from failoverdns.model.certificate import Secret
from failoverdns.model.printable import printable

_CURVES = {"secp256r1": jwa.ES256, "secp384r1": jwa.ES384, "secp521r1": jwa.ES512}
_EXPIRED = messages.Status("expired")  # an authorization's (RFC 8555 section 7.1.6): acme lacks it
_STATES = frozenset({"pending", "ready", "processing", "valid", "invalid"})
_BASE64URL = re.compile(r"([A-Za-z0-9_-]{4})*[A-Za-z0-9_-]{2,4}={0,2}")


@dataclass(frozen=True, slots=True)
class ExternalBinding:
    """The credentials that tie a new account to an existing one (RFC 8555 section 7.3.4).

    `hmac_key` is base64url, and a secret.
    """

    key_id: str
    hmac_key: str = field(repr=False)


class NewOrder(messages.NewOrder):
    """An order that can name the certificate that it replaces (RFC 9773 section 5)."""

    replaces: str | None = json.field("replaces", omitempty=True)


class Finalize(json.JSONObjectWithFields):
    """A signing request as the payload of a finalization (RFC 8555 section 7.4): base64url DER."""

    csr: str = json.field("csr")

    @classmethod
    def from_pem(cls, request: bytes) -> Finalize:
        """Convert a signing request from PEM. Raises ValueError."""
        lines = request.decode("ascii").split("\n")
        text = "".join(line.strip() for line in lines if not line.startswith("-----"))
        return cls(csr=b64.b64encode(b64decode(text, validate=True)).decode())


def signing_key(secret: Secret) -> tuple[jwk.JWK, jwa.JWASignature]:
    """Return an account's key (PEM) as a JWK, and its algorithm. Raises AcmeProblem."""
    try:
        key = jwk.JWK.load(secret.reveal().encode())
    except errors.Error:
        key = None
    if isinstance(key, jwk.JWKRSA):
        return key, jwa.RS256
    if isinstance(key, jwk.JWKEC) and key.key.curve.name in _CURVES:
        return key, _CURVES[key.key.curve.name]
    raise AcmeProblem("the account's key cannot be used for ACME: make an EC or RSA key")


def registration(
    contact: Sequence[str],
    binding: ExternalBinding | None,
    key: jwk.JWK,
    directory: messages.Directory,
) -> messages.NewRegistration:
    """Return the request for an account; raises AcmeProblem for an invalid HMAC key.

    `contact` are mail addresses or URLs.
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
    """Return the ACME identifier of a DNS name or an address (RFC 8738)."""
    try:
        return messages.Identifier(typ=messages.IDENTIFIER_IP, value=str(ip_address(name)))
    except ValueError:
        return messages.Identifier(typ=messages.IDENTIFIER_FQDN, value=name)


def state_of(order: messages.Order) -> str:
    """Return the state of an order (RFC 8555 section 7.1.6). Raises ValueError if unknown."""
    name = order.status.name
    if name not in _STATES:
        raise ValueError(f"an order that is {name}")
    return name


def name_of(authorization: messages.Authorization) -> str:
    """Return the name that an authorization is for; that of a wildcard without its `*.`."""
    return printable(str(authorization.identifier.value))


def dns_01(authorization: messages.Authorization) -> messages.ChallengeBody:
    """Return an authorization's DNS-01 challenge. Raises AcmeProblem if it has none."""
    for challenge in authorization.challenges:
        if isinstance(challenge.chall, challenges.DNS01):
            return challenge
    name = name_of(authorization)
    raise AcmeProblem(f"the CA says: {name} cannot be validated with DNS-01", None, (name,))
