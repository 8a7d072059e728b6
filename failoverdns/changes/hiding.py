"""The names that new static records hide from a wildcard, found in steps as `comparing` does.

A wildcard answers at a name as long as nothing exists at it or below it (RFC 4592 section 2.2.2).
So a new record at `_dmarc.www` takes `www` from the wildcard, which nobody expects.  That a record
at `www` does so is expected, and a label with an underscore names no host: neither is reported.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from typing import Final

from failoverdns.changes.state import State
from failoverdns.model.names import DomainName
from failoverdns.model.zone import Zone
from failoverdns.rules.decisions.new_names import is_answered
from failoverdns.rules.derived.retired import is_covered

STEP: Final = 500
"""Names that are looked at in one step."""

MOST: Final = 20
"""Names of a zone that are reported; there may be very many."""


def hidden_by_records(
    state: State, before: Zone, zone: Zone
) -> Generator[None, None, tuple[str, ...]]:
    """Return a warning for each name at which a wildcard answers in `before`, and not in `zone`."""
    if not (before.static.wildcards and zone.static.wildcards):
        return ()
    hidden: dict[bytes, bytes] = {}
    for piece in _pieces(zone.static.by_owner):
        for owner in piece:
            if owner not in before.static.by_owner:
                for above in _above(owner, zone):
                    if above not in hidden and _is_new(state, before, zone, above):
                        hidden[above] = owner
        yield
    for piece in _pieces(before.static.names() if hidden else ()):
        for owner in piece:
            for above in _above(owner, zone):
                hidden.pop(above, None)  # it existed already
        yield
    texts = [
        f"no wildcard answers at {DomainName(name)} any more, because {DomainName(owner)} is below "
        "it now (RFC 4592)"
        for name, owner in islice(hidden.items(), MOST)
    ]
    if len(hidden) > MOST:
        texts.append(f"and so it is with {len(hidden) - MOST} more names of {zone.origin}")
    return tuple(texts)


def _above(owner: bytes, zone: Zone) -> Iterator[bytes]:
    """Yield the names between a name and the origin of its zone, in wire form."""
    end = len(zone.origin.wire)
    while len(owner) > end and len(owner := owner[1 + owner[0] :]) > end:
        yield owner


def _is_new(state: State, before: Zone, zone: Zone, wire: bytes) -> bool:
    """Return whether a wildcard answered at a name without records, before and still."""
    name = DomainName(wire)
    if wire[1:2] == b"_" or not (is_covered(before, name) and is_covered(zone, name)):
        return False
    if name.parent() != zone.origin:
        return True
    return is_answered(state, before, wire[1 : 1 + wire[0]].decode("latin-1"))


def _pieces(names: Iterable[bytes]) -> Iterator[list[bytes]]:
    rest = iter(names)
    while piece := list(islice(rest, STEP)):
        yield piece
