"""Hostnames that traffic can be sent to: the targets of heads, and aliases of zones.

Any text that DNS can carry becomes a valid CNAME record, an address and a URL too, and nobody can
connect to such a name.  So what is written where a hostname belongs is judged here, once.

A trailing dot is fine, as are A-labels (`xn--...`) and underscores: no host may be called so by
RFC 1123 section 2.1, but clouds give out such names, and DNS, resolvers and browsers take them.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName, plain_label

_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII | re.IGNORECASE)
_PORT = re.compile(r"(?P<host>[^:\[\]]+|\[[^\[\]]*\]):(?P<port>[0-9]*)", re.ASCII)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://", re.ASCII)
_LONGEST_SHOWN = 60
_GIVE = "give it to a head with --address, or write an A or AAAA record in the configuration"


def target_hostname(text: str, remedy: str = _GIVE) -> DomainName:
    """Return the name of a host outside or inside our zones, from its text.

    `remedy` says where an address belongs instead.
    Raises Malformed, whose message says what the text is and what to write: for an address in any
    of its forms, a URL, a port, a wildcard, a name of one label, and what no host name can be.
    A last label that is a number makes an address of the whole text, as clients read it (`127.1`,
    `0x7f.1`); no top-level domain is a number (RFC 3696 section 2).
    """
    if (found := _address_in(text)) is not None:
        raise Malformed(f"{found}; {remedy}")
    if _SCHEME.match(text) or "/" in text:
        raise Malformed(f"a URL or path; write only {_host_of(text) or 'the name of its host'}")
    if (with_port := _PORT.fullmatch(text)) is not None:
        raise Malformed(f"it has a port; write {with_port['host']}: DNS tells clients no port")
    if "@" in text:
        raise Malformed("it has a user; write only the name of the host, after the @")
    name = DomainName.from_text(text)
    labels = [label.decode("latin-1") for label in name.labels()]
    if not labels:
        raise Malformed("the root is not the name of a host")
    if "*" in labels:
        raise Malformed("it has a wildcard; name one host")
    for label in labels:
        plain_label(label, "its part")
    if _NUMBER.fullmatch(labels[-1]):
        raise Malformed(
            f"its last part, {labels[-1]}, is a number, so clients read it as an IPv4 address; "
            f"if it is one, {remedy}"
        )
    if len(labels) == 1:
        raise Malformed(f"it has only one part; write the whole name, such as {labels[0]}.example")
    return name


def _address_in(text: str) -> str | None:
    """Return in words what kind of address a text is, or None if it is not one."""
    bare = text.strip("[]")
    host, _, length = bare.partition("/")
    if (address := _address(bare.rstrip(".") if "." in bare else bare)) is not None:
        zone = isinstance(address, IPv6Address) and address.scope_id is not None
        return "an address with a zone index" if zone else "an address"
    if (found := _address(host)) is not None and length:
        return f"an address with a prefix length ({found})"
    port = _PORT.fullmatch(text)
    if port is not None and _address(port["host"].strip("[]")) is not None:
        return f"an address with a port ({port['host'].strip('[]')})"
    return None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _host_of(text: str) -> str | None:
    """Return the host in a URL, shortened; None if there is none."""
    try:
        host = urlsplit(text if _SCHEME.match(text) else f"//{text}").hostname
    except ValueError:
        return None
    return host[:_LONGEST_SHOWN] if host and host.isprintable() else None
