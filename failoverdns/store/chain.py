"""The hash chain over the history: each change's hash covers its text and the hash before it.

    hash = SHA-256(hash of the change before, in 64 hex digits, then the text of this one)

The first change follows `START`.  A hash that was noted earlier shows later whether any change up
to it was altered, removed, inserted or moved.  A store keeps the chain and passes its rows to
`Walk`, which reports the first one that does not fit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import islice
from typing import Final, NamedTuple
from zlib import crc32

from failoverdns.model.errors import Corrupt
from failoverdns.store import documents
from failoverdns.store.interface import Link, StoreHead

START: Final = "0" * 64
"""The hash before the first change."""

PIECE: Final = 500
PIECE_BYTES: Final = 1 << 20
"""Changes that are read at once, and bytes of their texts, at most; commits wait meanwhile."""

_BEFORE_ALL: Final = -(2**63)


class ChainLink(NamedTuple):
    """A change as it is stored; `text` and `hash` are the stored bytes."""

    revision: int
    text: bytes
    checksum: int
    hash: bytes


def next_hash(previous: str, text: bytes) -> str:
    """Return the hash of the change with this text, which follows the one with hash `previous`."""
    return sha256(previous.encode() + text).hexdigest()


def linked(
    previous: str, rows: Iterable[tuple[int, str, int]]
) -> Iterator[tuple[int, str, int, str]]:
    """Yield rows of revision, text and checksum with their hashes, the first after `previous`."""
    for revision, text, checksum in rows:
        previous = next_hash(previous, text.encode())
        yield revision, text, checksum, previous


def piece(rows: Iterable[ChainLink], limit: int = PIECE) -> Iterator[ChainLink]:
    """Yield the first rows, up to about `PIECE_BYTES` of text; at least one if there is any."""
    size = 0
    for row in islice(rows, min(limit, PIECE)):
        yield row
        size += len(row.text)
        if size >= PIECE_BYTES:
            return


def links(previous: str, rows: Iterable[ChainLink]) -> Iterator[Link]:
    """Yield rows as links, the first after `previous`; raises Corrupt for a damaged one."""
    for row in rows:
        try:
            if crc32(row.text) != row.checksum:
                raise Corrupt("its text is not the one that was written")
            document = row.text.decode()
            change = documents.read_entry(json.loads(document))
        except (Corrupt, ValueError, RecursionError) as fault:
            raise Corrupt(f"revision {row.revision} cannot be read: {fault}") from None
        hash_ = row.hash.decode("ascii", "replace")
        yield Link(change, document, previous, hash_)
        previous = hash_


class Walk:
    """Verifies the chain row by row, from its start to `head`; it keeps no rows.

    `last` is the highest stored revision, `expected` a hash that some change must have, and
    `trimmed` the last of the changes that were trimmed.
    """

    def __init__(
        self,
        head: StoreHead,
        last: int,
        expected: str | None,
        trimmed: StoreHead | None = None,
    ) -> None:
        self._head = head
        self._last = last
        self._expected = expected
        self._is_met = expected in (None, START)
        self._revision = trimmed.revision if trimmed is not None else 0
        self._hash = trimmed.hash if trimmed is not None else START
        self.after = _BEFORE_ALL
        """The revision after which the walk continues."""

    @property
    def is_over(self) -> bool:
        """True when the walk has reached `head`; later commits are not verified."""
        return self._revision >= self._head.revision

    def meet(self) -> None:
        """Note that one of the trimmed changes has the expected hash."""
        self._is_met = True

    def follow(self, row: ChainLink) -> None:
        """Verify the next row; raises Corrupt if it does not fit."""
        wanted = self._revision + 1
        if row.revision < wanted:
            raise _misfit(row.revision, "no change has this number: it was inserted")
        if row.revision > wanted:
            raise _misfit(wanted, f"it is missing; revision {row.revision} is the next")
        made = next_hash(self._hash, row.text)
        if made.encode() != row.hash or crc32(row.text) != row.checksum:
            raise _misfit(wanted, _why(row))
        self._revision, self._hash, self.after = wanted, made, wanted
        self._is_met = self._is_met or made == self._expected

    def end(self) -> StoreHead:
        """Return the head of the chain; raises Corrupt if the chain does not end there."""
        head = self._head
        if self._revision < head.revision:
            raise _misfit(
                self._revision + 1,
                f"the end of the history is missing, up to revision {head.revision}",
            )
        if self._last > head.revision:
            raise _misfit(
                head.revision + 1, "it was inserted after the last one that was committed"
            )
        if self._hash != head.hash:
            raise _misfit(
                head.revision,
                f"its hash is {self._hash}, and {head.hash} was noted apart from it when it was "
                "committed: it was changed",
            )
        if not self._is_met:
            raise Corrupt(
                f"no change has the hash {self._expected}: the history was rewritten since "
                "that was noted, or it is the history of another server"
            )
        return head


def _misfit(revision: int, why: str) -> Corrupt:
    return Corrupt(f"revision {revision} does not fit: {why}")


def _why(row: ChainLink) -> str:
    """Return what is wrong with a row whose hash or checksum does not fit."""
    try:
        stated = json.loads(row.text)["revision"]
    except (ValueError, TypeError, KeyError, RecursionError):
        stated = None
    if isinstance(stated, int) and stated != row.revision:
        return f"the order was changed: the text in its place is that of revision {stated}"
    if stated is None or crc32(row.text) != row.checksum:
        return "its text was changed"
    return (
        "its hash does not follow from its text and the hash before it: one of them, or the text "
        "before it, was changed"
    )
