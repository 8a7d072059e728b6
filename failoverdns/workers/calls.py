"""The calls that the control process makes to an answering process.

| call        | arguments                                   | result                               |
|-------------|---------------------------------------------|--------------------------------------|
| APPLIED     |                                             | none: all before it is applied       |
| CONFIGURE   | settings; the protocol; for the one that    |                                      |
|             | answers over TLS: certificate, key, CA      |                                      |
| OPEN        | sockets: number and address; and two        |                                      |
|             | descriptors for each, UDP and TCP           |                                      |
| OPEN_TLS    | sockets: number and address; and one        |                                      |
|             | descriptor for each                         |                                      |
| CLOSE       | numbers                                     |                                      |
| REPORT      |                                             | counts of packets and connections    |
| LOG_QUERIES | sample, or off, or neither for the status   | the status of the query log          |
| HAND_OVER   |                                             | addresses; and two descriptors each  |
| TLS_SOCKETS |                                             | addresses; and a descriptor each     |
| RELEASE     |                                             | TCP connections; a descriptor each;  |
|             |                                             | once more for the rest, until none   |
| TAKE        | TCP connections; a descriptor each          |                                      |
| KEEP        | steps: number and text of each; or neither, | none: it keeps the texts, or forgets |
|             | to forget all                               | all of them                          |
| RECALL      | the number after which to begin             | numbers and texts that it keeps, in  |
|             |                                             | order; once more for the rest        |
| LINK        | a descriptor: the link to the transfer      | none: it takes the place of the link |
|             | process (`answering.link`)                  | before                               |
| RETIRE      |                                             | none: it has stopped answering       |

`workers.channel` sends them, `workers.child` carries them out.  Only the control process of an
answering process may call it: its own, or the first that calls after that one has died.  Others
are refused with the code `CONTROLLED`.
"""

from __future__ import annotations

import enum
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any, Final

from failoverdns import __version__
from failoverdns.model.errors import Rejected
from failoverdns.model.settings import ListenAddress
from failoverdns.net.succession import HandedConnection
from failoverdns.net.tls_material import TLSMaterial

CONTROLLED: Final = "in-use"
"""The code of a refusal: another control process controls the answering process."""


PROTOCOL: Final = 1
"""The version of calls, deltas and settings; failoverdns 0.1.0, which does not send it, has 1.

An answering process runs the files on disk, and the control process those of its start: if others
were installed meanwhile, and they differ here, the process refuses to be configured.
"""

OTHER_VERSION: Final = "conflict"
"""The code of that refusal."""


class Call(enum.StrEnum):
    """The names of the calls."""

    APPLIED = "applied"
    CONFIGURE = "configure"
    OPEN = "open"
    OPEN_TLS = "open tls"
    CLOSE = "close"
    REPORT = "report"
    LOG_QUERIES = "log queries"
    HAND_OVER = "hand over"
    TLS_SOCKETS = "tls sockets"
    RELEASE = "release"
    TAKE = "take"
    KEEP = "keep"
    RECALL = "recall"
    LINK = "link"
    RETIRE = "retire"


def write_address(address: ListenAddress) -> list[str | int]:
    """Return an address as a JSON array."""
    return [str(address.host), address.port]


def write_material(material: TLSMaterial) -> dict[str, str | None]:
    """Return certificate, key and CA of TLS as a JSON object; it must reach no other process."""
    authority = material.client_ca
    return {
        "certificate": material.certificate.decode("latin-1"),
        "key": material.key.decode("latin-1"),
        "client_ca": authority.decode("latin-1") if authority is not None else None,
    }


def read_material(written: dict[str, str | None]) -> TLSMaterial:
    """Return certificate, key and CA of TLS from a JSON object; raises KeyError."""
    certificate, key, authority = (written[name] for name in ("certificate", "key", "client_ca"))
    return TLSMaterial(
        (certificate or "").encode("latin-1"),
        (key or "").encode("latin-1"),
        authority.encode("latin-1") if authority is not None else None,
    )


def write_connections(connections: Iterable[HandedConnection]) -> list[Any]:
    """Return TCP connections, without their descriptors, as a JSON array."""
    return [[*write_address(one.asked), b64encode(one.received).decode()] for one in connections]


def read_connections(
    written: list[Any], descriptors: Callable[[int], list[int]]
) -> list[HandedConnection]:
    """Return TCP connections from a JSON array; `descriptors` takes that number of descriptors.

    Raises Malformed or ValueError.
    """
    taken = descriptors(len(written))
    return [
        HandedConnection(number, read_address([host, port]), b64decode(received))
        for number, (host, port, received) in zip(taken, written, strict=True)
    ]


def read_address(written: list[str | int]) -> ListenAddress:
    """Return an address from a JSON array; raises ValueError."""
    host, port = written
    return ListenAddress(ip_address(str(host)), int(port))


def check_protocol(arguments: dict[str, Any]) -> None:
    """Raise Rejected if the control process speaks another version of the protocol."""
    spoken = arguments.get("protocol", 1)
    if spoken != PROTOCOL:
        text = f"failoverdns {__version__} is on disk, and speaks {PROTOCOL}, not {spoken}"
        raise Rejected(OTHER_VERSION, text)
