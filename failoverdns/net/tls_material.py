"""Certificate and key of TLS on the way from the files to the process."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TLSMaterial:
    """The content of the files of `tls`, in PEM; with `client_ca` clients may show certificates."""

    certificate: bytes
    key: bytes = field(repr=False)
    client_ca: bytes | None = None
