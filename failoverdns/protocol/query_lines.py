"""Lines of the query log: a query and its reply as one line of JSON.

`answering.query_log` chooses the queries and writes the lines.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from failoverdns.model.timestamps import timestamp
from failoverdns.protocol.query import Query, Unasked, read_query

MAX_PACKET = 512
"""Bytes of the longest query that is parsed; of a longer one only the length is logged."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A query and its reply, reduced to what a line of the query log contains.

    `packet` is the query, empty if it is longer than `MAX_PACKET`; `length` is the size of the
    query and `size` that of the reply, in bytes; `flags` are the first four bytes of the reply;
    `now` is in seconds since 1970.  Without a reply `flags` and `size` are None.
    """

    packet: bytes
    length: int
    flags: bytes | None
    size: int | None
    host: str
    udp: bool
    now: float


def exchange(packet: bytes, reply: bytes | None, host: str, now: float, *, udp: bool) -> Exchange:
    """Return what the query log needs of a query from `host` and its reply: at most 600 bytes."""
    kept = packet if len(packet) <= MAX_PACKET else b""
    if reply is None:
        return Exchange(kept, len(packet), None, None, host, udp, now)
    return Exchange(kept, len(packet), reply[:4], len(reply), host, udp, now)


def query_line(seen: Exchange) -> bytes:
    """Return a line of the query log, with its newline.

    `name` is in presentation form, `type` and `class` are numbers; all three are null if the packet
    is not a well-formed query.  `rcode` has the four bits of the header, without the extension by
    EDNS; `rcode`, `truncated` and `size` are null without a reply.
    """
    flags = seen.flags
    line: dict[str, Any] = {
        "time": timestamp(seen.now),
        "client": seen.host,
        "transport": "udp" if seen.udp else "tcp",
        "length": seen.length,
        "name": None,
        "type": None,
        "class": None,
        "edns": None,
        "rcode": flags[3] & 0xF if flags is not None else None,
        "truncated": bool(flags[2] & 2) if flags is not None else None,
        "size": seen.size,
    }
    query = read_query(seen.packet)
    if isinstance(query, Query):
        line |= {"name": query.name.to_text(), "type": query.qtype, "class": query.qclass}
    if isinstance(query, Query | Unasked) and query.edns is not None:
        line["edns"] = {
            "payload": query.edns.payload,
            "do": query.edns.dnssec_ok,
            "cookie": query.edns.options.cookie is not None,
        }
    return json.dumps(line).encode() + b"\n"
