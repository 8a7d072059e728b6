"""The differences between the last serials of a zone, for incremental zone transfers.

A secondary that has an earlier serial gets one difference that leads from it to the present: the
differences in between are condensed, so that a record which was deleted and added again is not
sent (RFC 1995 section 5).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

from failoverdns.protocol.transfer.contents import (
    Difference,
    Snapshot,
    blocks_in,
    is_newer,
    joined,
    records_in,
)

_SLICE: Final = 1000
"""Records, or names, between two pauses: about a millisecond."""

_Result = TypeVar("_Result")


class Differences:
    """The differences that lead, one after the other, to the present serial of a zone.

    The oldest are left out when they have more than `limit` bytes together.  `size` is what they
    have, in bytes.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._all: deque[Difference] = deque()

    def __len__(self) -> int:
        return len(self._all)

    def all(self) -> tuple[Difference, ...]:
        """Return the differences, the oldest first."""
        return tuple(self._all)

    def append(self, difference: Difference) -> None:
        """Add the difference that leads to the present serial.

        If it does not begin with the SOA record at which the last one ended, everything before is
        forgotten.  If its serial does not grow (RFC 1982), so is the difference itself: then two
        contents have one serial, or secondaries have a later one, and only AXFR is right.
        """
        if self._all and self._all[-1].new_soa != difference.old_soa:
            self.clear()
        if not is_newer(difference.to_serial, difference.from_serial):
            self.clear()
            return
        self._all.append(difference)
        self.size += difference.size
        while self.size > self.limit:
            self.size -= self._all.popleft().size

    def clear(self) -> None:
        """Forget all differences."""
        self._all.clear()
        self.size = 0

    def condensed(self, serial: int) -> Difference | None:
        """Return one difference from `serial` to the present; None if it is not known any more.

        A record that was deleted and added again in between is in neither list.
        """
        return at_once(self.condensing(serial))

    def condensing(self, serial: int) -> Generator[None, None, Difference | None]:
        """Do the same in slices of about a millisecond: each `yield` ends one.

        Differences that are added meanwhile do not count.
        """
        place = self._place(serial)
        if place is None:
            return None
        return (yield from condense(tuple(islice(self._all, place, None))))

    def _place(self, serial: int) -> int | None:
        """Return the place of the difference that begins at a serial, from the newest back."""
        for back, difference in enumerate(reversed(self._all), 1):
            if difference.from_serial == serial:
                return len(self._all) - back
        return None


class Condensation:
    """Adds differences that follow each other up to one, in which nothing cancels out."""

    def __init__(self) -> None:
        self._deleted: dict[bytes, None] = {}
        self._added: dict[bytes, None] = {}
        self.size = 0
        """The bytes of all records that were given."""

    def add(self, difference: Difference) -> Iterator[None]:
        """Add a difference; each step of the iterator ends a slice, and all must be taken."""
        self.size += len(difference.deleted) + len(difference.added)
        done = 0
        for gone, come, data in (
            (self._added, self._deleted, difference.deleted),
            (self._deleted, self._added, difference.added),
        ):
            for record in records_in(data):
                if record in gone:
                    del gone[record]
                else:
                    come[record] = None
                done += 1
                if done % _SLICE == 0:
                    yield

    def difference(self, old_soa: bytes, new_soa: bytes) -> Difference:
        """Return all of it as one difference between two SOA records."""
        return Difference(old_soa, new_soa, b"".join(self._deleted), b"".join(self._added))


def condense(differences: tuple[Difference, ...]) -> Generator[None, None, Difference]:
    """Return one difference for several, at least one, that follow each other; yield in between."""
    first, last = differences[0], differences[-1]
    if len(differences) == 1:
        return first
    condensation = Condensation()
    for difference in differences:
        yield from condensation.add(difference)
    return condensation.difference(first.old_soa, last.new_soa)


def compare(old: Snapshot, new: Snapshot) -> Generator[None, None, Difference]:
    """Return the difference of two snapshots of images with the same key; yield in between."""
    deleted: list[bytes] = []
    added: list[bytes] = []
    done = 0
    count = min(len(old.chunks), len(new.chunks)) - 1
    pairs = zip(_in_chunks(old, count), _in_chunks(new, count), strict=True)
    for before, after in pairs:
        if before != after:
            had, has = blocks_in(before), blocks_in(after)
            for name, block in had.items():
                if block != has.get(name):
                    kept = set(records_in(has.get(name, b"")))
                    deleted += [record for record in records_in(block) if record not in kept]
            for name, block in has.items():
                if block != had.get(name):
                    kept = set(records_in(had.get(name, b"")))
                    added += [record for record in records_in(block) if record not in kept]
            done += len(had) + len(has)
        done += 1
        if done > _SLICE:
            done = 0
            yield
    return Difference(old.soa, new.soa, b"".join(deleted), b"".join(added))


def at_once(steps: Generator[None, None, _Result]) -> _Result:
    """Return the result of a generator without its pauses."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def _in_chunks(snapshot: Snapshot, count: int) -> Iterable[bytes]:
    """Yield the bytes of the apex, and of all other chunks put together until they are `count`."""
    apex, *chunks = snapshot.chunks
    yield apex.data
    if len(chunks) == count:
        yield from (chunk.data for chunk in chunks)
    else:
        yield from (chunk.data for chunk in joined(chunks, count))
