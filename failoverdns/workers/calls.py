"""What a control process calls of an answering process, by name.

| call        | arguments                                   | result                               |
|-------------|---------------------------------------------|--------------------------------------|
| APPLIED     |                                             | none: all before it is carried out   |
| CONFIGURE   | settings                                    |                                      |
| OPEN        | sockets: number and address; and two        |                                      |
|             | descriptors for each, UDP and TCP           |                                      |
| CLOSE       | numbers                                     |                                      |
| REPORT      |                                             | what became of packets               |
| LOG_QUERIES | sample, or off, or neither for the status   | how the query log is doing           |
| HAND_OVER   |                                             | addresses; and two descriptors each  |
| RETIRE      |                                             | none: nothing is answered any more   |

Refuses to know how they are sent (`workers.channel`) and carried out (`workers.child`).
"""

from __future__ import annotations

import enum
from ipaddress import ip_address

from failoverdns.model.settings import ListenAddress


class Call(enum.StrEnum):
    """The names."""

    APPLIED = "applied"
    CONFIGURE = "configure"
    OPEN = "open"
    CLOSE = "close"
    REPORT = "report"
    LOG_QUERIES = "log queries"
    HAND_OVER = "hand over"
    RETIRE = "retire"


def write_address(address: ListenAddress) -> list[str | int]:
    """Return an address as JSON."""
    return [str(address.host), address.port]


def read_address(written: list[str | int]) -> ListenAddress:
    """Return an address from JSON; raises ValueError."""
    host, port = written
    return ListenAddress(ip_address(str(host)), int(port))
