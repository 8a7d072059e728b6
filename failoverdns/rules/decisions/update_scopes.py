"""What a TSIG key may change by dynamic update: the scopes that the configuration gives it.

    zones.X.updates: {key, names, types}   records at names that a pattern matches, of these types
    zones.X.updates: {key, heads}          the addresses of the heads of these applications

A pattern is compared with the text of a name relative to its zone, in lower case; `@` is the origin
itself, and `*` stands for any characters, dots too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from failoverdns.model.names import DomainName
from failoverdns.model.numbers import RRType
from failoverdns.model.zone import UpdateScope, Zone

_EVERY_TYPE: Final = RRType.ANY.value


def scopes_of(zone: Zone, key: DomainName) -> tuple[UpdateScope, ...]:
    """Return what a key may change in a zone; nothing without scopes."""
    return tuple(scope for scope in zone.updates if scope.key == key)


def may_change(
    scopes: Iterable[UpdateScope], zone: Zone, owner: DomainName, rtypes: Iterable[int]
) -> bool:
    """Return whether scopes cover records of all these types at a name.

    Without types it is enough that one scope covers the name.
    """
    relative = relative_text(zone.origin, owner)
    covering = [scope for scope in scopes if any(matches(one, relative) for one in scope.names)]
    types = frozenset[int]().union(*(scope.types for scope in covering))
    return bool(covering) and (_EVERY_TYPE in types or types.issuperset(rtypes))


def may_set_heads(scopes: Iterable[UpdateScope], application: str) -> bool:
    """Return whether scopes cover the addresses of the heads of an application (by name)."""
    return any(application in scope.heads for scope in scopes)


def relative_text(origin: DomainName, owner: DomainName) -> str:
    r"""Return a name at or below an origin as text relative to that; the origin itself is `@`.

    A dot in a label is written `\046`, so that each dot of a pattern stands between labels.
    """
    if owner == origin:
        return "@"
    below = DomainName(owner.wire[: len(owner.wire) - len(origin.wire)] + b"\0")
    if "\\." not in (text := below.to_text()):
        return text
    labels = (DomainName.from_labels((label,)).to_text() for label in below.labels())
    return ".".join(label.replace(".", "046") for label in labels)


def matches(pattern: str, text: str) -> bool:
    """Return whether a pattern matches a text; `*` stands for any number of any characters."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == first
    *middle, last = rest
    end = len(text) - len(last)
    if not text.startswith(first) or not text.endswith(last) or end < len(first):
        return False
    at = len(first)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
