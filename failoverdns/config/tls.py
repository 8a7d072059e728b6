"""The section `tls`: DNS over TLS (RFC 7858), and zone transfers over TLS (RFC 9103).

The files that it names are not opened here: they are read at the start and on a reload.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from failoverdns.config.delivery import refuse_taken
from failoverdns.config.document import Node, refuse_repeated
from failoverdns.config.errors import FaultReport
from failoverdns.config.section import FilePath, Listen, Section
from failoverdns.model.settings import ListenAddress, TLSSettings


class TLSSection(Section):
    """`tls`; all keys but `client_ca` must be given, so that no default of theirs is ever used."""

    listen: list[Listen] = []
    certificate: FilePath = Path("tls.pem")
    key: FilePath = Path("tls.key")
    client_ca: FilePath | None = None


def read_tls(
    section: TLSSection,
    taken: Mapping[str, Sequence[ListenAddress]],
    folder: Path,
    usable: Node,
    faults: FaultReport,
) -> TLSSettings:
    """Return the settings of `tls`; report their errors in `faults`.

    `taken` are the addresses that other sections listen at over TCP, by the path of their key, as
    in `delivery.listen`.  `folder` completes relative paths; `usable` is the document that the
    section was made of.
    """
    refuse_repeated(section.listen, usable.at("tls", "listen"), "address", faults)
    for key, addresses in taken.items():
        refuse_taken(section.listen, ("tls", "listen"), addresses, key, usable, faults)
    return section.into(TLSSettings, folder)
