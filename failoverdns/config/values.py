"""Single values of the configuration: text in, a value that cannot be wrong out.

Every function raises Malformed with what is wrong and what would be right.
Refuses to know where a value stands and what its neighbours are.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from failoverdns.config.errors import quoted
from failoverdns.config.settings import ListenAddress
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName, plain_label

MAX_WORKERS = 256
MAX_IDENTITY = 255
"""Bytes in a string of a TXT record (RFC 1035 section 3.3.14)."""

_OTHERS_WRITE = 0o002
_MODE = re.compile(r"0?[0-7]{3}", re.ASCII)
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


def mailbox(text: str) -> DomainName:
    """Read a mail address as the mailbox of a SOA record (RFC 1035 section 8).

    The local part becomes the first label, its dots included.
    """
    form = "write one such as hostmaster@failover.example"
    local, at, domain = text.rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local):
        raise Malformed(f"{quoted(text)} is not a mail address; {form}")
    try:
        return DomainName.from_labels((local.encode(), *host_name(domain).labels()))
    except Malformed as error:
        raise Malformed(f"{quoted(text)} is not a mail address: {error}; {form}") from None


def host_name(text: str, origin: DomainName | None = None) -> DomainName:
    """Read a name whose labels are letters, digits, `-` and `_`; the root is refused.

    `origin` completes a name without a trailing dot; None takes it as absolute.
    """
    name = DomainName.from_text(text, origin)
    if name.is_root:
        raise Malformed("the root cannot stand here")
    for label in name.labels():
        plain_label(label.decode("latin-1"), "its part")
    return name


def workers(value: object) -> int | None:
    """Read a number of processes, or `auto`, which gives None."""
    if value == "auto":
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_WORKERS:
        return value
    raise Malformed(f"must be auto or a whole number from 0 to {MAX_WORKERS}, not {named(value)}")


def socket_mode(text: str) -> int:
    """Read the permission bits of the control socket, in octal digits."""
    if not _MODE.fullmatch(text):
        raise Malformed(f'{quoted(text)} is not a mode; write octal digits such as "0660"')
    mode = int(text, 8)
    if mode & _OTHERS_WRITE:
        raise Malformed(
            f"{quoted(text)} lets every user of the machine switch traffic; "
            'take the write bit from others, as in "0660"'
        )
    return mode


def file_path(text: str) -> str:
    """Check that `text` can be the path of a file."""
    if not text or "\0" in text:
        raise Malformed("must be the path of a file")
    return text


def identity_text(text: str) -> str:
    """Check that `text` fits into a string of a TXT record."""
    size = len(text.encode())
    if not 1 <= size <= MAX_IDENTITY:
        raise Malformed(
            f"must be 1 to {MAX_IDENTITY} bytes long, not {size}; leave it out to hide it"
        )
    return text


def named(value: object) -> str:
    """Say what a plain value is, for an error."""
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
