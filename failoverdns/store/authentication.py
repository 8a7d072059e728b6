"""The state is authenticated: without the key of the vault nobody can change it unnoticed.

`store.tags` says what a tag covers.  A start computes the tag from the rows that it reads anyway,
and refuses a state with another one.  A commit, and a rotation of the vault's key, make the next
tag in the same transaction.

The key file says in its second line that states are authenticated.  A state without a right tag
is accepted only if that line is missing: once, after the upgrade from version 0.1.0, or because an
operator deleted it.  The database alone cannot bring that about.  A new, empty state is accepted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from failoverdns.model.change import Change
from failoverdns.model.errors import Corrupt
from failoverdns.store import documents
from failoverdns.store.database_schema import check_schema
from failoverdns.store.interface import Unavailable
from failoverdns.store.tags import (
    SPAN,
    Head,
    Summing,
    TagKey,
    all_rows,
    rows_of_span,
    total_of,
)
from failoverdns.store.vault import Vault
from failoverdns.store.verifying import difference_from_history

_PURPOSE: Final = b"failoverdns authentication of the state"
_SECRET_BYTES: Final = 96

_WITH_VAULT: Final = 2
_WITH_TAG: Final = 5
"""The first versions of the file that have a vault, and a tag."""


class Authentication:
    """Checks and makes the tag of one state file, with the keys of its vault."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._keys: dict[str, TagKey] = {}
        self.is_tagged = False
        """True once the file is known to have a right tag."""
        self._schema: int | None = None

    def begin(self, connection: sqlite3.Connection, version: int, *, may_create: bool) -> None:
        """Open the key file, creating it if nothing needs the old one and `may_create` is true.

        Raises Corrupt if there is none that fits, or for a file without a tag that should have one.
        """
        tag = _tag_of(connection) if version >= _WITH_TAG else ""
        query = "SELECT EXISTS (SELECT 1 FROM bundles)"
        has_keys = version >= _WITH_VAULT and bool(connection.execute(query).fetchone()[0])
        if not (may_create or has_keys or tag or self._vault.path.exists()):
            return
        self._vault.open(may_create=may_create and not has_keys and not tag)
        if not self._vault.is_marked:
            return
        path = self._vault.path
        if not tag and _is_empty(connection):
            return
        if not tag:
            raise Corrupt(
                f"has no authentication tag, but {path} says that this state has one: it is a "
                "copy from before the upgrade to this version, or somebody removed the tag to "
                f"get at private keys. Put the right file back; or, {self.remedy}"
            )
        if self._key_of(tag) is None:
            raise Corrupt(
                f"is authenticated with the key {tag.partition(':')[0]}, which is not in {path}: "
                "put the key file of this state back, or the state of this key file; or, "
                f"{self.remedy}"
            )

    def check_schema(self, connection: sqlite3.Connection) -> None:
        """Raise Corrupt if the file has a trigger that is not ours; it is read if it changed."""
        number = connection.execute("PRAGMA schema_version").fetchone()[0]
        if number != self._schema:
            check_schema(connection)
            self._schema = number

    def is_right(self, connection: sqlite3.Connection, summing: Summing) -> bool:
        """Return whether the tag is that of the rows that were read."""
        tag = _tag_of(connection)
        key = self._key_of(tag)
        total = key.total(_head_of(connection), tag) if key is not None else None
        self.is_tagged = total == summing.total
        return self.is_tagged

    def refusal(self, connection: sqlite3.Connection) -> Corrupt:
        """Return why a state with a wrong tag is refused, and what in it does not fit."""
        found = difference_from_history(connection)
        return Corrupt(
            "was changed by something else than failoverdns: its authentication tag is not that of "
            "the entities and the head in it. "
            + (f"This was found: {found}. " if found is not None else "")
            + "Somebody may have tried to get at a private key, or to change what is answered. "
            f"Put a backup in its place; or, if you changed it yourself, {self.remedy}"
        )

    def summing(self, connection: sqlite3.Connection) -> Summing | None:
        """Return what adds up the rows that a start reads; None if it accepts any."""
        key = self._key_of(_tag_of(connection))
        if not self._vault.is_open or not self._vault.is_marked or key is None:
            return None
        return Summing(key)

    @property
    def remedy(self) -> str:
        """Return what makes the next start accept the state as it is."""
        return (
            "to accept the state as it is, delete the second line of the key file (sed -i 2d "
            f"{self._vault.path}); nothing was changed"
        )

    def _key_of(self, tag: str) -> TagKey | None:
        """Return the key that a tag was made with; None if the vault does not have it."""
        return self._key(tag.partition(":")[0])

    def _key(self, id_: str) -> TagKey | None:
        if id_ not in self._keys:
            secret = self._vault.derived(id_, _PURPOSE, _SECRET_BYTES)
            if secret is None:
                return None
            self._keys[id_] = TagKey(id_, secret)
        return self._keys[id_]

    @property
    def _current(self) -> TagKey:
        key = self._key(self._vault.current)
        assert key is not None
        return key

    def begin_tags(self, connection: sqlite3.Connection) -> None:
        """Make the first tag, of the state as it is, within a transaction."""
        total = total_of(self._current, all_rows(connection))
        _write_tag(connection, self._current, total)

    @contextmanager
    def following(
        self, connection: sqlite3.Connection, changes: Sequence[Change]
    ) -> Iterator[None]:
        """Make the next tag, for what is written within, in a transaction.

        Raises Unavailable if the file was changed by another program.
        """
        key, total = self._sum(connection)
        keys = [
            documents.key_of(write.before)
            for change in changes
            for write in change.writes
            if write.before is not None
        ]
        creates = any(write.before is None for change in changes for write in change.writes)
        last = _last_number(connection)
        touched = {*_spans_of(connection, keys), *((last // SPAN,) if creates else ())}
        total -= _codes(connection, key, touched)
        yield
        touched.update(range(last // SPAN + 1, _last_number(connection) // SPAN + 1))
        total += _codes(connection, key, touched)
        _write_tag(connection, key, total)

    def _sum(self, connection: sqlite3.Connection) -> tuple[TagKey, int]:
        """Return the sum of all codes before a change, and its key."""
        try:
            self.check_schema(connection)
        except Corrupt as fault:
            raise Unavailable(f"another program changed the file: it {fault}") from None
        tag = _tag_of(connection)
        key = self._key_of(tag)
        total = key.total(_head_of(connection), tag) if key is not None else None
        if key is not None and total is not None:
            return key, total
        if (self.is_tagged or self._vault.is_marked) and (tag or not _is_empty(connection)):
            raise Unavailable(
                "another program changed the state while failoverdns uses it: its authentication "
                "tag is wrong; restart failoverdns, which says what to do"
            )
        return self._current, total_of(self._current, all_rows(connection))

    def verify(self, connection: sqlite3.Connection) -> None:
        """Read all rows, and raise Corrupt if the tag is not theirs; an open file must have one."""
        key, total = self._sum(connection)
        if total_of(key, all_rows(connection)) != total:
            raise Corrupt(
                "another program changed entities while failoverdns uses the state; see "
                "`failoverdns history --verify`"
            )


def _spans_of(connection: sqlite3.Connection, keys: Iterable[str]) -> set[int]:
    query = "SELECT number / ? FROM entities WHERE key = ?"
    found = (connection.execute(query, (SPAN, key)).fetchone() for key in keys)
    return {row[0] for row in found if row is not None}


def _codes(connection: sqlite3.Connection, key: TagKey, touched: Iterable[int]) -> int:
    return sum(total_of(key, rows_of_span(connection, span)) for span in touched)


def _last_number(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(number), 0) FROM entities").fetchone()[0])


def _head_of(connection: sqlite3.Connection) -> Head:
    return Head(*connection.execute("SELECT revision, entities, hash FROM head").fetchone())


def _tag_of(connection: sqlite3.Connection) -> str:
    return str(connection.execute("SELECT tag FROM head").fetchone()[0])


def _is_empty(connection: sqlite3.Connection) -> bool:
    """Return whether a file is new: nothing in it can be another state's."""
    query = "SELECT (SELECT revision FROM head) OR EXISTS (SELECT 1 FROM entities)"
    return not connection.execute(query).fetchone()[0]


def _write_tag(connection: sqlite3.Connection, key: TagKey, total: int) -> None:
    tag = key.tag(_head_of(connection), total)
    connection.execute("UPDATE head SET tag = ?", (tag,))
