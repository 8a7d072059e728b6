"""The bytes of a journal: frames, each with a checksum.

    journal = head, difference ..., image, chunks ..., end, difference ...
    frame   = kind (1), length (4), content, checksum of all that (16)
    "H"     form of the file, key of the image (16), origin
    "D"     length of each (4): old SOA, new SOA, deleted, added; then these
    "I"     number of chunks (4), of names (8), bytes of all chunks (8), SOA
    "C"     number of chunks (4); of each: bytes, names, records (4); then their bytes
    "E"     nothing: the image is complete

The differences before the image lead to its serial, for secondaries that have an earlier one; those
after it lead from there to the last serial in the file.  A frame whose checksum is wrong ends what
can be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from hmac import compare_digest
from struct import Struct
from struct import error as StructError  # noqa: N812
from typing import Final

from failoverdns.protocol.transfer.contents import Chunk, Difference, Snapshot

_FORM: Final = b"failoverdns journal of a zone, form 1\n"
_KEY_SIZE: Final = 16
_CHECKSUM: Final = 16
_FRAME: Final = Struct(">cI")
_PARTS: Final = Struct(">4I")
_IMAGE: Final = Struct(">IQQ")
_COUNT: Final = Struct(">I")
_CHUNK: Final = Struct(">3I")
_BYTES: Final = 1 << 20
"""Bytes of chunks in a frame, at which the next frame begins: about a millisecond to write."""


class Unreadable(ValueError):
    """A journal whose image cannot be read as a whole."""


@dataclass(frozen=True, slots=True)
class JournalContent:
    """What a journal has, as far as it can be read.

    `before` are the differences that lead to the image, `after` those that begin there; with
    `is_whole` nothing of the file was left out.
    """

    key: bytes
    snapshot: Snapshot
    before: tuple[Difference, ...]
    after: tuple[Difference, ...]
    is_whole: bool


def write_journal(
    key: bytes, snapshot: Snapshot, before: tuple[Difference, ...]
) -> Iterator[bytes]:
    """Yield the bytes of a journal, without differences after the image, in parts of about 1 MiB.

    `key` is that of the image (`ZoneImage.key`); `before` are differences that lead to it.
    """
    yield _frame(b"H", _FORM + key + snapshot.origin)
    for difference in before:
        yield write_difference(difference)
    chunks = snapshot.chunks
    sizes = _IMAGE.pack(len(chunks), snapshot.names, snapshot.size)
    yield _frame(b"I", sizes + snapshot.soa)
    some: list[Chunk] = []
    size = 0
    for chunk in chunks:
        some.append(chunk)
        size += len(chunk.data)
        if size >= _BYTES:
            yield _frame(b"C", _chunks(some))
            some, size = [], 0
    if some:
        yield _frame(b"C", _chunks(some))
    yield _frame(b"E", b"")


def write_difference(difference: Difference) -> bytes:
    """Return the frame of a difference, as it follows the image."""
    parts = difference.old_soa, difference.new_soa, difference.deleted, difference.added
    return _frame(b"D", b"".join((_PARTS.pack(*map(len, parts)), *parts)))


def read_journal(data: bytes, origin: bytes) -> JournalContent:
    """Read a journal of the zone `origin` as far as it is intact.

    Raises Unreadable if the image is not, or if it is one of another zone or form.
    """
    frames = _frames(data)
    try:
        kind, head, _ = next(frames)
        if kind != b"H" or head[: len(_FORM)] != _FORM:
            raise Unreadable("not a journal of this form")
        key, found = head[len(_FORM) :][:_KEY_SIZE], head[len(_FORM) + _KEY_SIZE :]
        if found != origin:
            raise Unreadable("the journal of another zone")
        before: list[Difference] = []
        kind, content, _ = next(frames)
        while kind == b"D":
            _follow(before, _difference(content))
            kind, content, _ = next(frames)
        if kind != b"I":
            raise Unreadable("no image")
        count, names, size = _IMAGE.unpack_from(content)
        soa = content[_IMAGE.size :]
        chunks: list[Chunk] = []
        kind, content, at = next(frames)
        while kind == b"C":
            chunks += _read_chunks(content)
            kind, content, at = next(frames)
    except (StopIteration, StructError):
        raise Unreadable("the image is cut short") from None
    if kind != b"E" or len(chunks) != count or sum(len(chunk.data) for chunk in chunks) != size:
        raise Unreadable("the image is not complete")
    if before and before[-1].new_soa != soa:
        before = []
    after: list[Difference] = []
    for kind, content, end in frames:
        difference = _difference(content) if kind == b"D" else None
        if difference is None or difference.old_soa != (after[-1].new_soa if after else soa):
            break
        after.append(difference)
        at = end
    snapshot = Snapshot(origin, soa, tuple(chunks), names, size)
    return JournalContent(key, snapshot, tuple(before), tuple(after), at == len(data))


def _follow(differences: list[Difference], difference: Difference) -> None:
    """Add a difference; one that does not follow the last one takes the place of all."""
    if differences and differences[-1].new_soa != difference.old_soa:
        differences.clear()
    differences.append(difference)


def _frame(kind: bytes, content: bytes) -> bytes:
    framed = _FRAME.pack(kind, len(content)) + content
    return framed + blake2b(framed, digest_size=_CHECKSUM).digest()


def _frames(data: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield kind, content and end of each frame until the first one that is not intact."""
    at, view = 0, memoryview(data)
    while at + _FRAME.size <= len(data):
        kind, length = _FRAME.unpack_from(data, at)
        start, end = at + _FRAME.size, at + _FRAME.size + length
        if end + _CHECKSUM > len(data):
            return
        checksum = blake2b(view[at:end], digest_size=_CHECKSUM).digest()
        if not compare_digest(checksum, data[end : end + _CHECKSUM]):
            return
        at = end + _CHECKSUM
        yield kind, data[start:end], at


def _chunks(chunks: list[Chunk]) -> bytes:
    heads = [_CHUNK.pack(len(data), names, records) for data, names, records in chunks]
    return b"".join((_COUNT.pack(len(chunks)), *heads, *(chunk.data for chunk in chunks)))


def _read_chunks(content: bytes) -> list[Chunk]:
    (count,) = _COUNT.unpack_from(content)
    found: list[Chunk] = []
    head, at = _COUNT.size, _COUNT.size + count * _CHUNK.size
    for _ in range(count):
        length, names, records = _CHUNK.unpack_from(content, head)
        found.append(Chunk(content[at : at + length], names, records))
        head, at = head + _CHUNK.size, at + length
    return found


def _difference(content: bytes) -> Difference:
    lengths = _PARTS.unpack_from(content)
    parts, at = [], _PARTS.size
    for length in lengths:
        parts.append(content[at : at + length])
        at += length
    return Difference(*parts)
