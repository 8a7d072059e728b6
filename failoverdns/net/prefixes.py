"""The network that identifies a client, from its address: what one customer can easily get.

Limits that count clients by network use it, so that one client with many addresses counts once.
It is computed for every new connection, hence without the slower module `ipaddress`.
"""

from __future__ import annotations

import socket
from typing import Final

IPV4_PREFIX: Final = 24
IPV6_PREFIX: Final = 56
"""Bits of an address that identify one client: the network that one customer of a provider has."""

_MAPPED = bytes(10) + b"\xff\xff"
"""How an IPv6 address begins into which one of IPv4 is mapped (RFC 4291 section 2.5.5.2)."""


def prefix_of(host: str) -> bytes:
    """Return the network (/24 or /56) that identifies a client, from its address as text."""
    address = address_of(host)
    kept = (IPV4_PREFIX if len(address) == 4 else IPV6_PREFIX) // 8
    return address[:kept] + bytes(len(address) - kept)


def address_of(host: str) -> bytes:
    """Return the bytes of an address; of IPv4 for one that is mapped into IPv6."""
    if ":" not in host:
        return socket.inet_pton(socket.AF_INET, host)
    address = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    return address[len(_MAPPED) :] if address.startswith(_MAPPED) else address
