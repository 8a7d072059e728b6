"""One line of JSON for a query and its reply, for the query log.

Knows which fields a line has.
Refuses to know where lines go, and which queries are logged.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from failoverdns.model.timestamps import timestamp
from failoverdns.protocol.query import Query, Unasked, read_query

MAX_PACKET = 512
"""Bytes of a query that are looked at; what is longer is told by its length only."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A query and its reply, as much of them as a line tells.

    `packet` is empty where it is too long; `length` and `size` are those of query and reply in
    bytes, `flags` the four bytes that a reply begins with; `now` in seconds since 1970.
    """

    packet: bytes
    length: int
    flags: bytes | None
    size: int | None
    host: str
    udp: bool
    now: float


def exchange(packet: bytes, reply: bytes | None, host: str, now: float, *, udp: bool) -> Exchange:
    """Keep what a line tells of a query from `host`: at most 600 bytes, whatever it was."""
    kept = packet if len(packet) <= MAX_PACKET else b""
    if reply is None:
        return Exchange(kept, len(packet), None, None, host, udp, now)
    return Exchange(kept, len(packet), reply[:4], len(reply), host, udp, now)


def query_line(seen: Exchange) -> bytes:
    """Return the line.

    `name` is in presentation form, `type` and `class` are numbers, all null where the packet is no
    well-formed query; `rcode`, without what EDNS adds, and `size` are null without a reply.
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
