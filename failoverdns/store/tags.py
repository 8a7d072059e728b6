"""Authentication tags: nobody without the key can change entities and make the tag fit.

The rows of the table `entities` are divided into *spans* of 16 numbers.  A span has a code, keyed
BLAKE2b (RFC 7693) over the keys and documents of its rows, and the codes of all spans are added
modulo 2**256.  The tag is an HMAC (RFC 2104, SHA-256) over that sum and the head: the revision, how
many entities there are, and the hash of the last change.  So a row cannot be changed, added,
removed, or replaced by an older one, and a commit computes only the spans that it changes.

The tag also holds the sum, masked with another HMAC: nobody learns codes from it that could be
added and subtracted.  All keys are derived from a key of the vault (HKDF, RFC 5869).
"""

from __future__ import annotations

import os
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from hmac import compare_digest
from hmac import digest as hmac
from typing import Final, NamedTuple

from failoverdns.store.rows import intact

SPAN: Final = 16
"""Numbers of rows that have a code in common."""

_SIZE: Final = 32
_MODULUS: Final = 1 << (8 * _SIZE)
_SALT: Final = 16

EntityRow = tuple[int, str, str, int]
"""The number of a row, its key, its document, and the document's checksum."""


class Head(NamedTuple):
    """The row of the table `head`, without its tag."""

    revision: int
    entities: int
    hash: str

    @property
    def text(self) -> bytes:
        """Return what a tag covers of it."""
        return f"{self.revision}\n{self.entities}\n{self.hash}\n".encode()


class TagKey:
    """Keys for codes, tags and masks; `id` names the key of the vault that they come from."""

    def __init__(self, id_: str, secret: bytes) -> None:
        """Take the keys from a `secret` of 96 bytes."""
        self.id = id_
        self._code, self._tag, self._mask = (secret[n : n + _SIZE] for n in (0, 32, 64))

    def code(self, span: int, parts: list[bytes]) -> int:
        """Return the code of a span with these keys and documents; 0 if it has no rows."""
        if not parts:
            return 0
        text = b"\n".join((b"%d" % span, *parts))
        return int.from_bytes(blake2b(text, key=self._code, digest_size=_SIZE).digest())

    def tag(self, head: Head, total: int) -> str:
        """Return the tag of a state: a head, and the sum of all codes."""
        salt, plain = os.urandom(_SALT), (total % _MODULUS).to_bytes(_SIZE)
        return f"{self.id}:{b64encode(salt + self._masked(salt, plain, head)).decode()}"

    def total(self, head: Head, tag: str) -> int | None:
        """Return the sum that a tag holds; None if it is not the tag of this head."""
        id_, _, encoded = tag.partition(":")
        try:
            data = b64decode(encoded, validate=True)
        except ValueError:
            return None
        if id_ != self.id or len(data) != _SALT + 2 * _SIZE:
            return None
        salt, masked = data[:_SALT], data[_SALT : _SALT + _SIZE]
        plain = self._masked(salt, masked, head)[:_SIZE]
        if not compare_digest(data[_SALT:], self._masked(salt, plain, head)):
            return None
        return int.from_bytes(plain)

    def _masked(self, salt: bytes, plain: bytes, head: Head) -> bytes:
        """Return a masked sum, and the code of authentication of the sum itself."""
        mask = hmac(self._mask, salt, "sha256")
        masked = bytes(a ^ b for a, b in zip(plain, mask, strict=True))
        return masked + hmac(self._tag, head.text + salt + plain, "sha256")


class Summing:
    """Adds up the codes of rows while they are read."""

    def __init__(self, key: TagKey) -> None:
        self._key = key
        self.total = 0

    def texts(self, rows: Iterable[EntityRow]) -> Iterator[str]:
        """Yield the documents of rows, which are in order of their numbers.

        Raises Corrupt for one with a wrong checksum.
        """
        span, parts = 0, list[bytes]()
        for number, key, text, checksum in rows:
            data = intact(text, checksum)
            if number // SPAN != span:
                self.total += self._key.code(span, parts)
                span, parts = number // SPAN, []
            parts.append(key.encode())
            parts.append(data)
            yield text
        self.total = (self.total + self._key.code(span, parts)) % _MODULUS


def total_of(key: TagKey, rows: Iterable[EntityRow]) -> int:
    """Return the sum of the codes of rows; raises Corrupt for one with a wrong checksum."""
    summing = Summing(key)
    for _ in summing.texts(rows):
        pass
    return summing.total


def all_rows(connection: sqlite3.Connection) -> Iterator[EntityRow]:
    """Return all rows of entities in order of their numbers."""
    query = "SELECT number, key, document, checksum FROM entities ORDER BY number"
    return connection.execute(query)


def rows_of_span(connection: sqlite3.Connection, span: int) -> list[EntityRow]:
    """Return the rows of a span."""
    query = (
        "SELECT number, key, document, checksum FROM entities "
        "WHERE number BETWEEN ? AND ? ORDER BY number"
    )
    return connection.execute(query, (span * SPAN, span * SPAN + SPAN - 1)).fetchall()
