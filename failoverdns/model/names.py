"""Domain names, parsed once into a value that is always valid, and the forms of other names.

A `DomainName` is absolute, within the limits of RFC 1035 section 2.3.4, and folded to lower
case, because names are compared without regard to ASCII case (RFC 4343).  A label may contain any
byte (RFC 2181 section 11).  Compression pointers are read elsewhere, in `failoverdns.protocol`.

`plain_label` checks labels and the names of applications and heads.  Names of groups, and names in
the configuration such as those of checks and hooks, have functions of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address

from failoverdns.model.errors import Malformed

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_CONFIGURED = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_GROUP = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?", re.ASCII)
_GROUP_PATTERN = re.compile(r"[A-Za-z0-9._*?-]{1,128}", re.ASCII)
_LABEL_PATTERN = re.compile(r"[a-z0-9_*?-]{1,63}", re.ASCII)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_*-]+(?:\.[A-Za-z0-9_*-]+)*\.?", re.ASCII)
"""A name in master-file text that needs no closer look: most are written so."""

_PLAIN_LABEL = re.compile(rb"[A-Za-z0-9_*-]+")
"""A label that is written as it is."""

_new, _set = object.__new__, object.__setattr__

_NEEDS_BACKSLASH = frozenset(b'."$();@\\')


class DomainName:
    """An absolute domain name in lower case."""

    __slots__ = ("wire",)

    wire: bytes
    """The name in uncompressed wire form, root label included: at most 255 bytes."""

    def __init__(self, wire: bytes) -> None:
        """Take `wire` unchecked: it comes from `from_text`, `from_labels` or a checked packet."""
        object.__setattr__(self, "wire", wire.lower())

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a DomainName is frozen")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DomainName) and self.wire == other.wire

    def __hash__(self) -> int:
        return hash(self.wire)

    def __reduce__(self) -> tuple[type[DomainName], tuple[bytes]]:
        return DomainName, (self.wire,)

    def __repr__(self) -> str:
        return f"DomainName.from_text({self.to_text()!r})"

    def __str__(self) -> str:
        return self.to_text()

    @classmethod
    def from_labels(cls, labels: list[bytes] | tuple[bytes, ...]) -> DomainName:
        """Build a name from its labels, leftmost first, root label left out.

        Raises Malformed for an empty or too long label and for a too long name
        (RFC 1035 section 2.3.4).
        """
        wire = bytearray()
        for label in labels:
            if not label:
                raise Malformed("it has an empty label")
            if len(label) > 63:
                raise Malformed(f"a label is {len(label)} bytes long; at most 63 are allowed")
            wire.append(len(label))
            wire += label
        wire.append(0)
        if len(wire) > 255:
            raise Malformed(f"the name is {len(wire)} bytes long; at most 255 are allowed")
        return cls(bytes(wire))

    @classmethod
    def from_text(cls, text: str, origin: DomainName | None = None) -> DomainName:
        r"""Parse master-file text (RFC 1035 section 5.1): dots, `\.` and `\DDD`.

        A name without a trailing dot is relative to `origin`, or absolute if there is no origin;
        `@` is the origin itself.  Raises Malformed, which says what is wrong.
        """
        if text == "@" and origin is not None:
            return origin
        if text == ".":
            return ROOT
        if not text:
            raise Malformed("it is empty")
        if not text.isascii():
            raise Malformed("it has letters outside ASCII; write them in A-label form (xn--...)")
        if _PLAIN_NAME.fullmatch(text):
            absolute = text[-1] == "."
            labels = (text[:-1] if absolute else text).encode("ascii").split(b".")
        else:
            labels, absolute = _labels_of(text)
        name = cls.from_labels(labels)
        return name if absolute or origin is None else name.below(origin)

    def to_text(self) -> str:
        """Write the name as master-file text, without the trailing dot (the root is `.`)."""
        return ".".join(_label_text(label) for label in self.labels()) or "."

    def absolute_text(self) -> str:
        """Write the name as master-file text with the trailing dot."""
        return "." if self.is_root else self.to_text() + "."

    @property
    def is_root(self) -> bool:
        """True if this is the root name."""
        return len(self.wire) == 1

    def labels(self) -> Iterator[bytes]:
        """Yield the labels, leftmost first, root label left out."""
        wire, at = self.wire, 0
        while length := wire[at]:
            yield wire[at + 1 : at + 1 + length]
            at += 1 + length

    def parent(self) -> DomainName:
        """Return the name without its leftmost label; the root is its own parent."""
        wire = self.wire
        if len(wire) == 1:
            return self
        name = _new(DomainName)
        _set(name, "wire", wire[1 + wire[0] :])  # in lower case already
        return name

    def child(self, label: str) -> DomainName:
        """Return the name with `label` (ASCII text) before it; raises Malformed if too long."""
        if not 0 < len(label) <= 63 or len(label) + 1 + len(self.wire) > 255:
            return DomainName.from_labels((label.encode("ascii"), *self.labels()))
        return DomainName(b"%c%b%b" % (len(label), label.encode("ascii"), self.wire))

    def below(self, origin: DomainName) -> DomainName:
        """Return the name made of this name's labels and `origin`; raises Malformed if too long."""
        if len(self.wire) + len(origin.wire) > 256:
            return DomainName.from_labels((*self.labels(), *origin.labels()))
        return DomainName(self.wire[:-1] + origin.wire)

    def is_at_or_below(self, other: DomainName) -> bool:
        """Return whether this name is `other` or a descendant of it (RFC 9499, "subdomain")."""
        wire, above = self.wire, other.wire
        at, end = 0, len(wire) - len(above)
        if end <= 0 or not wire.endswith(above):
            return wire == above
        while at < end:
            at += 1 + wire[at]
        return at == end


ROOT = DomainName(b"\0")


def plain_label(text: str, what: str) -> str:
    """Return `text` folded to lower case if it can be one label of a host name.

    A label is 1 to 63 letters, digits, `-` and `_`, not beginning or ending with a hyphen (RFC 1123
    section 2.1, and the underscore that clouds use in server names).
    Raises Malformed, whose message begins with `what`.
    """
    folded = text.lower()
    if not (text.isascii() and _LABEL.fullmatch(folded)):
        raise Malformed(
            f"{what} {text!r} cannot be a DNS label: use 1 to 63 letters, digits, '-' or '_', "
            "not beginning or ending with '-'"
        )
    return folded


CONFIGURED_NAME_FORM = "1 to 64 letters, digits, '-', '_' or '.'"
"""The form of a name that `is_configured_name` accepts, for messages."""


GROUP_NAME_FORM = (
    "1 to 128 letters, digits, '.', '_' or '-', beginning and ending with a letter or digit"
)
"""The form of a name that `is_group_name` accepts, for messages."""


def is_configured_name(text: str) -> bool:
    """Return whether `text` can name a check, policy, safety rule, hook or flag."""
    return bool(_CONFIGURED.fullmatch(text))


def is_group_name(text: str) -> bool:
    """Return whether `text` can name a group: see `GROUP_NAME_FORM`."""
    return bool(_GROUP.fullmatch(text))


def is_group_pattern(text: str) -> bool:
    """Return whether `text` can be the name of a group, or a pattern of names with `*` and `?`."""
    return bool(_GROUP_PATTERN.fullmatch(text))


def is_label_pattern(text: str) -> bool:
    """Return whether `text` can be a label in lower case, or a pattern with `*` and `?`.

    The names of applications and heads are such labels.
    """
    return bool(_LABEL_PATTERN.fullmatch(text))


def is_address(text: str) -> bool:
    """Return whether `text` is an IP address that DNS and certificates can carry.

    Not an address with a zone index (RFC 4007 section 11), such as `fe80::1%eth0`.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return isinstance(address, IPv4Address) or address.scope_id is None


def _labels_of(text: str) -> tuple[list[bytes], bool]:
    """Split master-file text into labels; also return whether it ends in a dot."""
    labels: list[bytes] = []
    label = bytearray()
    at = 0
    while at < len(text):
        letter = text[at]
        if letter == ".":
            labels.append(bytes(label))
            label.clear()
            at += 1
        elif letter == "\\":
            digits = text[at + 1 : at + 4]
            if len(digits) == 3 and digits.isdigit():
                if int(digits) > 255:
                    raise Malformed(f"the escape \\{digits} is over \\255")
                label.append(int(digits))
                at += 4
            elif at + 1 < len(text) and not text[at + 1].isdigit():
                label.append(ord(text[at + 1]))
                at += 2
            else:
                raise Malformed("it ends in, or has, an incomplete escape")
        elif letter.isspace() or not letter.isprintable():
            raise Malformed("it has white space in it")
        else:
            label.append(ord(letter))
            at += 1
    absolute = not label
    if label:
        labels.append(bytes(label))
    return labels, absolute


def _label_text(label: bytes) -> str:
    """Escape one label for a master file."""
    if _PLAIN_LABEL.fullmatch(label):
        return label.decode("ascii")
    return "".join(
        f"\\{chr(byte)}"
        if byte in _NEEDS_BACKSLASH
        else chr(byte)
        if 0x21 <= byte <= 0x7E
        else f"\\{byte:03d}"
        for byte in label
    )
