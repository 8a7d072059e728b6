"""Read single values that occur in several sections, and describe invalid values.

Every function that reads a value raises Malformed with the fault and a correct form.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from difflib import get_close_matches
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from pathlib import Path

from failoverdns.config import habits
from failoverdns.config.errors import quoted
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName, plain_label
from failoverdns.model.settings import ListenAddress

_LABEL_OF_ZONE = re.compile(rb"\*|[0-9]{1,3}/[0-9]{1,3}")
_ENDPOINT = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<v4>[^\[\]:]*)):(?P<port>[0-9]{1,5})")
_LOCAL_PART = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)


def address(text: str) -> IPv4Address | IPv6Address:
    """Read an IP address, without the zone id of a link-local one (`%eth0`)."""
    try:
        value = ip_address(text)
    except ValueError:
        value = None
    if value is None or (isinstance(value, IPv6Address) and value.scope_id is not None):
        raise Malformed(
            f"{quoted(text)} is not an IP address; write one such as 192.0.2.53 or 2001:db8::53"
        )
    return value


def network(text: str) -> IPv4Network | IPv6Network:
    """Read a network; a single address is the network with only this address."""
    try:
        return ip_network(text)
    except ValueError:
        form = "write one such as 192.0.2.0/24, 2001:db8::/32 or 192.0.2.53"
        raise Malformed(f"{quoted(text)} is not a network; {form}") from None


def listen_address(text: str) -> ListenAddress:
    """Read `ADDRESS:PORT` or `[IPv6 ADDRESS]:PORT`."""
    form = 'write ADDRESS:PORT, such as "192.0.2.53:53" or "[2001:db8::53]:53"'
    parts = _ENDPOINT.fullmatch(text)
    if parts is None:
        raise Malformed(f"{quoted(text)} is not an address with a port; {form}")
    host = parts["v4"] if parts["v6"] is None else parts["v6"]
    try:
        value = address(host)
    except Malformed:
        value = None
    if value is None or isinstance(value, IPv6Address) != (parts["v6"] is not None):
        raise Malformed(f"{quoted(host)} is not an IP address (host names are not allowed); {form}")
    port = int(parts["port"])
    if port > 65535:
        raise Malformed(f"the port must be from 0 to 65535, not {port}")
    return ListenAddress(value, port)


def resolver(text: str) -> ListenAddress:
    """Read the address and port of a resolver."""
    value = listen_address(text)
    if value.port == 0 or value.host.is_unspecified:
        raise Malformed(f'{quoted(text)} is not a resolver; write one such as "192.0.2.53:53"')
    return value


def mailbox(text: str) -> DomainName:
    """Read a mail address as the mailbox of a SOA record (RFC 1035 section 8).

    The local part becomes the first label, including its dots.
    """
    form = "write one such as hostmaster@failover.example"
    local, at, domain = text.rpartition("@")
    if not at and (address := _as_address(text)) is not None:
        form = f"write it with an @: {address}"
    if not at or not _LOCAL_PART.fullmatch(local):
        raise Malformed(f"{quoted(text)} is not a mail address; {form}")
    try:
        return DomainName.from_labels((local.encode(), *host_name(domain, of_zone=True).labels()))
    except Malformed as error:
        raise Malformed(f"{quoted(text)} is not a mail address: {error}; {form}") from None


def _as_address(text: str) -> str | None:
    """Return the mail address that a mailbox in the form of a zone file stands for, if any."""
    local, _, domain = text.removesuffix(".").partition(".")
    if "." not in domain:
        return None
    try:
        mailbox(address := f"{local}@{domain}")
    except Malformed:
        return None
    return address


def host_name(text: str, origin: DomainName | None = None, *, of_zone: bool = False) -> DomainName:
    """Read a name whose labels are letters, digits, `-` and `_`; the root is refused.

    `origin` completes a name without a trailing dot; None takes it as absolute.
    With `of_zone`, labels may be `*`, or two numbers with a slash, as in `0/25` for a part of a
    reverse zone (RFC 2317 section 4), too.
    """
    name = DomainName.from_text(text, origin)
    if name.is_root:
        raise Malformed("the root is not allowed here")
    for label in name.labels():
        if of_zone and _LABEL_OF_ZONE.fullmatch(label):
            continue
        plain_label(label.decode("latin-1"), "its part")
    return name


def file_path(text: str) -> str:
    """Check that `text` can be the path of a file."""
    if not text or "\0" in text:
        raise Malformed("must be the path of a file")
    return text


def argument(text: str) -> str:
    """Check that `text` can be an argument of a program."""
    if "\0" in text:
        raise Malformed("a program cannot be given a NUL")
    return text


def ascii_text(text: str) -> str:
    """Check that `text` is one line of printable ASCII without blanks around it."""
    if not text or not text.isascii() or not text.isprintable() or text != text.strip():
        raise Malformed(f"{quoted(text)} cannot be right; it must be one line of printable ASCII")
    return text


def application(text: str) -> str:
    """Read the name of an application."""
    return plain_label(text, "application")


def one_of(text: str, words: Sequence[str], what: str) -> str:
    """Check that `text` is one of `words`; `what` describes them in errors."""
    if text in words:
        return text
    close = get_close_matches(text.lower(), words, n=1)
    if habits.is_on(text) and len(words) == 2:
        words = words[::-1]  # of two words, the second one turns something on
    hint = f"did you mean {quoted(close[0])}?" if close else f"write {' or '.join(words)}"
    raise Malformed(f"{quoted(text)} is not {what}; {hint}")


def command(words: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Complete the path of a program, the first of `words`, with the absolute path `folder`."""
    return (str(absolute(words[0], folder)), *words[1:]) if words else ()


def absolute(path: str | Path, folder: Path) -> Path:
    """Complete a relative path with the absolute path `folder`."""
    return Path(os.path.normpath(folder / path))


def not_text(value: object) -> str:
    """Return the error for a plain value that is not text."""
    hint = "; put it in quotes" if isinstance(value, int) else ""
    return f"must be text, not {named(value)}{hint}"


def named(value: object) -> str:
    """Describe a plain value for an error message."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int():
            return f"the number {value}"
        case str():
            return f"the text {quoted(value)}"
        case list():
            return "a list"
        case _:
            return "a mapping"
