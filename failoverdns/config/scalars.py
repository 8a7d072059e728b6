"""Single values of the configuration: text in, a value that cannot be wrong out.

Every function raises Malformed with what is wrong and what would be right.
Refuses to know where a value stands and what its neighbours are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
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
from urllib.parse import urlsplit

from failoverdns.config.errors import quoted
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName, plain_label
from failoverdns.model.settings import ListenAddress

MAX_WORKERS = 256
MAX_IDENTITY = 255
"""Bytes in a string of a TXT record (RFC 1035 section 3.3.14)."""

HOOK_EVENTS = ("certificate", "switch", "role", "health", "refused")
KEY_TYPES = ("ec256", "ec384", "rsa2048", "rsa3072", "rsa4096")
DIRECTORIES: Mapping[str, str] = {
    "letsencrypt": "https://acme-v02.api.letsencrypt.org/directory",
    "letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
}
TERMS = "by this you accept the CA's terms of service, without which it issues nothing"

_OTHERS_WRITE = 0o002
_MODE = re.compile(r"0?[0-7]{3}", re.ASCII)
_ENDPOINT = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<v4>[^\[\]:]*)):(?P<port>[0-9]{1,5})")
_LOCAL_PART = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{64}|[0-9a-f]{2}(?::[0-9a-f]{2}){31}", re.ASCII)
_ACCOUNT = re.compile(r"@?(?:[0-9]{1,9}|[A-Za-z_][A-Za-z0-9_.-]{0,31})", re.ASCII)
_HOOK_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_FINGERPRINT = "sha256:"
_NOT_IN_MAILTO = frozenset("#%&/=?^`{|}")


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
    """Read a network, or an address as the network of it alone."""
    try:
        return ip_network(text)
    except ValueError:
        form = "write one such as 192.0.2.0/24, 2001:db8::/32 or 192.0.2.53"
        raise Malformed(f"{quoted(text)} is not a network; {form}") from None


def _is_address(text: str) -> bool:
    try:
        address(text)
    except Malformed:
        return False
    return True


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
    """Read address and port of a resolver."""
    value = listen_address(text)
    if value.port == 0 or value.host.is_unspecified:
        raise Malformed(f'{quoted(text)} cannot be asked; write one such as "192.0.2.53:53"')
    return value


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


def mail_address(text: str) -> str:
    """Read a mail address that can be a `mailto:` URL as it is (RFC 6068), its domain folded."""
    mailbox(text)
    local, _, domain = text.rpartition("@")
    if odd := sorted(_NOT_IN_MAILTO & set(local)):
        raise Malformed(f"{quoted(text)} has a {quoted(odd[0])}, which a CA does not take")
    return f"{local}@{host_name(domain)}"


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


def user_or_group(text: str) -> str:
    """Check that `text` can name a user, or a group with `@` before it."""
    if not _ACCOUNT.fullmatch(text):
        form = "write one such as deploy, 1000 or, for a group, @operators"
        raise Malformed(f"{quoted(text)} cannot be a user or group; {form}")
    return text


def file_path(text: str) -> str:
    """Check that `text` can be the path of a file."""
    if not text or "\0" in text:
        raise Malformed("must be the path of a file")
    return text


def argument(text: str) -> str:
    """Check that `text` can be handed to a program as a word."""
    if "\0" in text:
        raise Malformed("a program cannot be given a NUL")
    return text


def identity_text(text: str) -> str:
    """Check that `text` fits into a string of a TXT record."""
    size = len(text.encode())
    if not 1 <= size <= MAX_IDENTITY:
        raise Malformed(
            f"must be 1 to {MAX_IDENTITY} bytes long, not {size}; leave it out to hide it"
        )
    return text


def ascii_text(text: str) -> str:
    """Check that `text` is one line of printable ASCII without blanks around it."""
    if not text or not text.isascii() or not text.isprintable() or text != text.strip():
        raise Malformed(f"{quoted(text)} cannot be right; it must be one line of printable ASCII")
    return text


def application(text: str) -> str:
    """Read the name of an application."""
    return plain_label(text, "application")


def application_or_all(text: str) -> str:
    """Read the name of an application, or `*` for every one."""
    return text if text == "*" else application(text)


def client(text: str) -> str:
    """Read what tells clients apart: a DNS name, or the SHA-256 fingerprint of a certificate."""
    folded = text.lower()
    if not folded.startswith(_FINGERPRINT):
        if _is_address(text):
            raise Malformed("an address tells nothing; write a DNS name or a fingerprint")
        return str(host_name(text))
    digits = folded.removeprefix(_FINGERPRINT)
    if not _HEX.fullmatch(digits):
        raise Malformed("a fingerprint is sha256: and 64 hex digits, with or without colons")
    return _FINGERPRINT + digits.replace(":", "")


def hook_name(text: str) -> str:
    """Check that `text` can be the name of a hook."""
    if not _HOOK_NAME.fullmatch(text):
        raise Malformed("use 1 to 64 letters, digits, '-', '_' or '.'")
    return text


def hook_event(text: str) -> str:
    """Check that `text` is a kind of events that hooks are told of."""
    return one_of(text, HOOK_EVENTS, "an event")


def before_switch(value: object) -> bool:
    """Read `required`, which gives True."""
    if value == "required":
        return True
    raise Malformed(
        f"must be required, not {named(value)}; leave it out if a switch need not wait for this"
    )


def acme_directory(text: str) -> str:
    """Read the URL of an ACME directory, or a word for that of a CA that we know."""
    if text in DIRECTORIES:
        return DIRECTORIES[text]
    form = f"write {', '.join(DIRECTORIES)} or an https:// URL"
    try:
        url = urlsplit(text)
        has_host = bool(url.hostname) and url.port != 0
    except ValueError:
        raise Malformed(f"{quoted(text)} is not a URL; {form}") from None
    if url.scheme == "http":
        raise Malformed(f"{quoted(text)} can be forged on the way, as all http:// can; {form}")
    odd = not text.isascii() or not text.isprintable() or " " in text or "\\" in text
    if url.scheme != "https" or not has_host or odd or url.fragment or "@" in url.netloc:
        raise Malformed(f"{quoted(text)} is not a directory; {form}")
    return text


def accepted_terms(value: object) -> bool:
    """Read `true`, which accepts the terms of service of a CA."""
    if value is not True:
        raise Malformed(f"must be true, not {named(value)}: {TERMS}")
    return True


def key_type(text: str) -> str:
    """Check that `text` is a kind of private keys that certificates are issued for."""
    return one_of(text, KEY_TYPES, "a type of keys")


def one_of(text: str, words: Sequence[str], what: str) -> str:
    """Check that `text` is one of `words`; `what` is what they are."""
    if text in words:
        return text
    close = get_close_matches(text, words, n=1)
    hint = f"did you mean {quoted(close[0])}?" if close else f"use {' or '.join(words)}"
    raise Malformed(f"{quoted(text)} is not {what}; {hint}")


def absolute(text: str, folder: Path) -> Path:
    """Complete the path `text` with `folder`, an absolute one."""
    return Path(os.path.normpath(folder / text))


def not_text(value: object) -> str:
    """Say that a plain value is not a text, for an error."""
    hint = "; put it in quotes" if isinstance(value, int) else ""
    return f"must be text, not {named(value)}{hint}"


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
