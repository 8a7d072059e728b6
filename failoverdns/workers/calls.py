"""The calls that the control process makes to an answering process.

| call        | arguments                                   | result                               |
|-------------|---------------------------------------------|--------------------------------------|
| APPLIED     |                                             | none: all before it is applied       |
| CONFIGURE   | settings                                    |                                      |
| OPEN        | sockets: number and address; and two        |                                      |
|             | descriptors for each, UDP and TCP           |                                      |
| CLOSE       | numbers                                     |                                      |
| REPORT      |                                             | counts of packets and connections    |
| LOG_QUERIES | sample, or off, or neither for the status   | the status of the query log          |
| HAND_OVER   |                                             | addresses; and two descriptors each  |
| KEEP        | steps: number and text of each; or neither, | none: it keeps the texts, or forgets |
|             | to forget all                               | all of them                          |
| RECALL      |                                             | the texts that it keeps, in order    |
| RETIRE      |                                             | none: it has stopped answering       |

`workers.channel` sends them, `workers.child` carries them out.  Only the control process of an
answering process may call it: its own, or the first that calls after that one has died.  Others
are refused with the code `CONTROLLED`.
"""

from __future__ import annotations

import enum
from ipaddress import ip_address
from typing import Final

from failoverdns.model.settings import ListenAddress

CONTROLLED: Final = "in-use"
"""The code of a refusal: another control process controls the answering process."""


class Call(enum.StrEnum):
    """The names of the calls."""

    APPLIED = "applied"
    CONFIGURE = "configure"
    OPEN = "open"
    CLOSE = "close"
    REPORT = "report"
    LOG_QUERIES = "log queries"
    HAND_OVER = "hand over"
    KEEP = "keep"
    RECALL = "recall"
    RETIRE = "retire"


def write_address(address: ListenAddress) -> list[str | int]:
    """Return an address as a JSON array."""
    return [str(address.host), address.port]


def read_address(written: list[str | int]) -> ListenAddress:
    """Return an address from a JSON array; raises ValueError."""
    host, port = written
    return ListenAddress(ip_address(str(host)), int(port))
