"""Who a request is for, and who sent it: `Host`, and what trusted proxies report.

A page of another site can have its name lead to this server's address ("DNS rebinding") and would
then talk to it as if both were one site.  Its requests have the name of that site in `Host`, so
only names that were configured are answered, and addresses, which cannot be rebound.

`X-Forwarded-For` and `Forwarded` (RFC 7239) count only from proxies that are trusted, and only the
part of them that trusted proxies have written.  Most proxies write one of the two and pass the
other one on as the client sent it, so if both are there they have to agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from failoverdns.model.errors import Malformed

Network = IPv4Network | IPv6Network

MAX_HOPS: Final = 20
"""Proxies of one request that are looked at."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)
_PORT: Final = re.compile(r"[0-9]{0,5}", re.ASCII)
_FOR: Final = re.compile(r'(?:^|;)\s*for\s*=\s*("(?:[^"\\]|\\.)*"|[^;"\s]+)', re.ASCII | re.I)
_LOCALHOST: Final = "localhost"


def host_name(authority: str) -> str | IPv4Address | IPv6Address:
    """Return the host of `Host` or of a URL, without its port: a name in lower case, or an address.

    Raises Malformed (RFC 9110 section 7.2, RFC 3986 section 3.2.2).
    """
    if authority.startswith("["):
        inside, bracket, port = authority[1:].partition("]")
        if bracket and (not port or port.startswith(":")) and _PORT.fullmatch(port[1:]):
            try:
                return IPv6Address(inside)
            except ValueError:
                pass
        raise Malformed("Host is not an IPv6 address in brackets")
    name, _, port = authority.partition(":")
    if not _NAME.fullmatch(name) or not _PORT.fullmatch(port) or len(name) > 255:
        raise Malformed("Host is neither a name nor an address, with or without a port")
    try:
        return IPv4Address(name)
    except ValueError:
        return name.lower().removesuffix(".")


def is_ours(host: str | IPv4Address | IPv6Address, names: Iterable[str]) -> bool:
    """Return whether a request for `host` is answered; `names` may begin with `*.` for one label.

    Addresses and `localhost` always are.
    """
    if not isinstance(host, str) or host == _LOCALHOST:
        return True
    above = "*." + host.partition(".")[2]
    return any(name in (host, above) for name in names)


def client_address(
    peer: str,
    forwarded_for: Sequence[str],
    forwarded: Sequence[str],
    trusted: Sequence[Network],
) -> str:
    """Return the address of the client, which trusted proxies may have reported.

    `peer` is the address of the connection; `forwarded_for` and `forwarded` are the lines of
    `X-Forwarded-For` and `Forwarded`.  The last address that no trusted proxy has is the client's.
    If the two fields name different clients, one of them is the client's own: `peer` counts.
    """
    address = plain(peer)
    if address is None or not trusted or not _is_in(address, trusted):
        return str(address) if address is not None else peer
    lists = []
    if forwarded_for:
        lists.append(", ".join(forwarded_for).split(","))
    if forwarded:
        lists.append(_all_of(forwarded))
    found = {_last_untrusted(address, one, trusted) for one in lists}
    return str(found.pop() if len(found) == 1 else address)


def _last_untrusted(
    address: IPv4Address | IPv6Address, reported: Sequence[str], trusted: Sequence[Network]
) -> IPv4Address | IPv6Address:
    """Return the last address of a list that no trusted proxy has; `address` is of the peer."""
    for one in reversed(reported[-MAX_HOPS:]):
        before = plain(_without_port(one.strip()))
        if before is None:
            break
        address = before
        if not _is_in(address, trusted):
            break
    return address


def plain(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address; that of IPv4 for one that is mapped into IPv6; None for other text."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def _is_in(address: IPv4Address | IPv6Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def _all_of(lines: Sequence[str]) -> list[str]:
    """Return the `for` of each element of `Forwarded`; an empty text for one without it."""
    found = []
    for element in _elements(", ".join(lines)):
        match = _FOR.search(element)
        found.append(match[1].strip('"') if match is not None else "")
    return found


def _elements(text: str) -> list[str]:
    """Split a list at its commas, except inside quotes."""
    found, start, quoted = [], 0, False
    for place, letter in enumerate(text):
        if letter == '"' and text[place - 1 : place] != "\\":
            quoted = not quoted
        elif letter == "," and not quoted:
            found.append(text[start:place])
            start = place + 1
    return [*found, text[start:]]


def _without_port(text: str) -> str:
    """Return the address of `192.0.2.1:80` or `[2001:db8::1]:80`."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
