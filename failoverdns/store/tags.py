"""Authentication tags: nobody without the key can change entities and make the tag fit.

The rows of the table `entities` are divided into *spans* of 16 numbers.  A span has a code, keyed
BLAKE2b (RFC 7693) over the keys, documents and checksums of its rows, and the codes of all spans
are added modulo 2**256.  The tag is an HMAC (RFC 2104, SHA-256) over that sum and the head: the
revision, how many entities there are, and the hash of the last change.  So a row cannot be changed,
added, removed, or replaced by an older one, and a commit computes only the spans that it changes.

The tag also holds the sum, masked with another HMAC: nobody learns codes from it that could be
added and subtracted.  All keys are derived from a key of the vault (HKDF, RFC 5869).
"""

from __future__ import annotations

import json
import os
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from hmac import compare_digest
from hmac import digest as hmac
from typing import Any, Final, NamedTuple

SPAN: Final = 16
"""Numbers of rows that have a code in common."""

_PARSED_AT_ONCE: Final = 100
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

    def code(self, span: int, keys: list[str], texts: list[str], checksums: int) -> int:
        """Return the code of the rows of a span: their keys, documents, and sum of checksums.

        No key and no document that we write has a line break, so the number of rows says what is
        one row and what are two.
        """
        parts = (f"{span} {len(keys)} {checksums}", *keys, *texts)
        text = "\n".join(parts).encode()
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
        mask = int.from_bytes(hmac(self._mask, salt, "sha256"))
        masked = (int.from_bytes(plain) ^ mask).to_bytes(_SIZE)
        return masked + hmac(self._tag, head.text + salt + plain, "sha256")


class Summing:
    """Adds up the codes of rows while they are read."""

    def __init__(self, key: TagKey) -> None:
        self._key = key
        self.total = 0

    def spans(self, rows: Iterable[EntityRow]) -> Iterator[list[str]]:
        """Yield the documents of rows by spans; the rows are in order of their numbers.

        Raises TypeError for a document that is not text.  This takes as long as to compute
        checksums, so that a start takes no longer than without a tag.
        """
        span, checksums = 0, 0
        keys, texts = list[str](), list[str]()
        for number, key, text, checksum in rows:
            if number // SPAN != span and keys:
                self.total += self._key.code(span, keys, texts, checksums)
                yield texts
                keys, texts, checksums = [], [], 0
            span = number // SPAN
            keys.append(key)
            texts.append(text)
            checksums += checksum
        if keys:
            self.total += self._key.code(span, keys, texts, checksums)
            yield texts
        self.total %= _MODULUS

    def documents(self, connection: sqlite3.Connection) -> Iterator[Any]:
        """Yield all documents in order; raises ValueError for one that cannot be read."""
        waiting = list[str]()
        for texts in self.spans(all_rows(connection)):
            waiting += texts
            if len(waiting) >= _PARSED_AT_ONCE:
                yield from json.loads(f"[{','.join(waiting)}]")
                waiting.clear()
        yield from json.loads(f"[{','.join(waiting)}]")


def total_of(key: TagKey, rows: Iterable[EntityRow]) -> int:
    """Return the sum of the codes of rows."""
    summing = Summing(key)
    for _ in summing.spans(rows):
        pass
    return summing.total


def all_rows(connection: sqlite3.Connection) -> Iterator[EntityRow]:
    """Return all rows of entities in order of their numbers."""
    query = "SELECT number, key, document, checksum FROM entities ORDER BY number"
    return connection.execute(query)


def rows_of_span(connection: sqlite3.Connection, span: int) -> Iterator[EntityRow]:
    """Return the rows of a span."""
    query = (
        "SELECT number, key, document, checksum FROM entities "
        "WHERE number BETWEEN ? AND ? ORDER BY number"
    )
    return connection.execute(query, (span * SPAN, span * SPAN + SPAN - 1))
