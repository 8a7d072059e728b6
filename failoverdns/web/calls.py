"""The calls that the control process makes to the web process.

| call      | arguments                                     | result                               |
|-----------|-----------------------------------------------|--------------------------------------|
| CONFIGURE | settings (`web.settings`), protocol; material | none: they are used from now on      |
|           | (certificate and key), or null                |                                      |
| TOKENS    | tokens: all of them (`write_checks`)          | none: others are refused from now on |
| OPEN      | sockets: number and address; and a listening  |                                      |
|           | descriptor for each                           |                                      |
| CLOSE     | numbers of sockets                            | none: they are closed                |
| LANES     | lanes: number and kind; and a connected       |                                      |
|           | descriptor for each                           |                                      |
| STATE     | ready, why, revision (`ServerState`)          |                                      |
| REPORT    |                                               | counts of connections and requests   |
| APPLIED   |                                               | none: the process answers calls      |
| RETIRE    |                                               | none: it takes no further request,   |
|           |                                               | answers those that it has, and ends  |

`workers.channel` sends them, `web.child` carries them out.  The web process reads what HTTP clients
send, so that it calls nothing: it only replies.

With `tls` in the settings and no material there is no certificate yet: each connection is closed.
CONFIGURE comes first, and again after each change.  A lane that ends is replaced: another LANES has
the same number.  The control process never closes a lane without a reason, and the web process may
close one to give up a request, or an event stream; commands that change something are carried out
anyhow.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from failoverdns.model.token import TokenCheck


class Call(enum.StrEnum):
    """The names of the calls."""

    CONFIGURE = "configure"
    TOKENS = "tokens"
    OPEN = "open"
    CLOSE = "close"
    LANES = "lanes"
    STATE = "state"
    REPORT = "report"
    APPLIED = "applied"
    RETIRE = "retire"


class LaneKind(enum.StrEnum):
    """What a lane is for."""

    COMMANDS = "commands"
    READS = "reads"
    EVENTS = "events"


LANES: Final = (*(LaneKind.COMMANDS,) * 4, *(LaneKind.READS,) * 3, LaneKind.EVENTS)
"""The kinds of all lanes, by their numbers."""


@dataclass(frozen=True, slots=True)
class ServerState:
    """What the web process knows of the server, for `/readyz`.

    `ready` is whether queries are answered: the tables are filled, and the sockets are open;
    otherwise `why` has the reason in words.  `revision` is that of the state when this was sent.
    """

    ready: bool = False
    why: str = "the server starts"
    revision: int = 0


def write_checks(checks: Iterable[TokenCheck]) -> list[list[Any]]:
    """Return check values of tokens as a JSON array."""
    return [[one.id, one.check.hex(), one.expires] for one in checks]


def read_checks(written: list[Any]) -> tuple[TokenCheck, ...]:
    """Return check values of tokens from a JSON array; raises ValueError or TypeError."""
    return tuple(
        TokenCheck(str(id_), bytes.fromhex(check), float(expires) if expires is not None else None)
        for id_, check, expires in written
    )


def write_state(state: ServerState) -> dict[str, Any]:
    """Return the state of the server as the arguments of STATE."""
    return {"ready": state.ready, "why": state.why, "revision": state.revision}


def read_state(arguments: dict[str, Any]) -> ServerState:
    """Return the state of the server from the arguments of STATE; raises KeyError or ValueError."""
    return ServerState(bool(arguments["ready"]), str(arguments["why"]), int(arguments["revision"]))
