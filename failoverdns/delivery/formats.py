"""The formats in which a certificate and its key are delivered.

| format    | body                                                                        |
|-----------|-----------------------------------------------------------------------------|
| `pem`     | chain, leaf first, then the key                                             |
| `caddy`   | the same, or nothing (204) for a server name that it is not valid for:      |
|           | what Caddy's `get_certificate http` asks for                                |
| `traefik` | JSON of Traefik's HTTP provider: `tls.certificates`, contents in place of   |
|           | file names                                                                  |
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from failoverdns.model.certificate import Bundle, covers

PEM, CADDY, TRAEFIK = "pem", "caddy", "traefik"
FORMATS = (PEM, CADDY, TRAEFIK)


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a response: its media type and text; None if there is nothing for this client."""

    media_type: str
    text: str | None


def write_body(
    format_: str, bundle: Bundle, names: tuple[str, ...], server_name: str | None = None
) -> Body:
    """Return a certificate and its key in a format; `names` are the certificate's.

    `server_name` is the name that a TLS client asked Caddy for.
    """
    if format_ == TRAEFIK:
        entry = {"certFile": bundle.chain, "keyFile": bundle.key.reveal()}
        return Body("application/json", json.dumps({"tls": {"certificates": [entry]}}) + "\n")
    if format_ == CADDY and server_name and not covers(names, server_name):
        return Body("application/pem-certificate-chain", None)
    return Body("application/pem-certificate-chain", bundle.chain + bundle.key.reveal())
