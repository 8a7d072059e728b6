"""Certificate and key of TLS on the way from the files to the process."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PEMFiles:
    """The paths of our own chain and key, and perhaps of the CA of client certificates.

    `section` of the configuration has them, for messages.
    """

    section: str
    certificate: Path
    key: Path
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True)
class TLSMaterial:
    """The content of the files of a section, in PEM.

    With `client_ca` clients may show certificates.
    """

    certificate: bytes
    key: bytes = field(repr=False)
    client_ca: bytes | None = None
