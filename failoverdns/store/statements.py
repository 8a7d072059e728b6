"""The SQL of a commit: entities, history, operations, the vault's bundles, and fetches.

Every function works within a transaction that its caller opened.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from failoverdns.model.certificate import Bundle
from failoverdns.model.change import Change, Operation
from failoverdns.model.delivery import Fetch
from failoverdns.model.errors import Corrupt
from failoverdns.model.token import TokenUse
from failoverdns.store import documents
from failoverdns.store.chain import linked
from failoverdns.store.history_rows import packed
from failoverdns.store.interface import MAX_FETCHES, OPERATIONS_KEPT, Conflict, counted_from
from failoverdns.store.rows import checked, sealed
from failoverdns.store.vault import Vault

FORGOTTEN: Final = 10
"""Old operations that a commit deletes beyond as many as it adds; so no commit takes long."""


def write_changes(
    connection: sqlite3.Connection,
    expected: int,
    changes: Sequence[Change],
    operations: Sequence[Operation],
) -> None:
    """Write changes, operations, and the new versions of the changed entities.

    Raises Conflict if the store is not at revision `expected`.
    """
    writes = [write for change in changes for write in change.writes]
    created = sum((w.after is not None) - (w.before is not None) for w in writes)
    query = "SELECT hash FROM head WHERE revision = ?"
    head = connection.execute(query, (expected,)).fetchone()
    if head is None:
        raise Conflict(f"the store is not at revision {expected}")
    rows = ((change.revision, *sealed(documents.write_change(change))) for change in changes)
    history = list(linked(head[0], rows))
    connection.execute(
        "UPDATE head SET revision = ?, entities = entities + ?, hash = ?",
        (expected + len(changes), created, history[-1][-1] if history else head[0]),
    )
    for write in writes:
        if write.after is not None:
            connection.execute(
                "INSERT INTO entities (key, document, checksum) VALUES (?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE "
                "SET document = excluded.document, checksum = excluded.checksum",
                (documents.key_of(write.after), *sealed(documents.write_entity(write.after))),
            )
        elif write.before is not None:
            key = documents.key_of(write.before)
            connection.execute("DELETE FROM entities WHERE key = ?", (key,))
    connection.executemany(
        "INSERT INTO history VALUES (?, ?, ?, ?)",
        ((revision, packed(text), checksum, hash_) for revision, text, checksum, hash_ in history),
    )
    connection.executemany(
        "INSERT INTO subjects VALUES (?, ?)",
        ((subject, change.revision) for change in changes for subject in change.subjects),
    )
    connection.executemany(
        "INSERT INTO operations VALUES (?, ?, ?, ?, ?)",
        (
            (op.principal, op.op_id, *sealed(documents.write_operation(op)), counted_from(op))
            for op in operations
        ),
    )
    times = [*(each.time for each in changes), *(each.time for each in operations)]
    connection.execute(
        "DELETE FROM operations WHERE rowid IN "
        "(SELECT rowid FROM operations WHERE time < ? ORDER BY time LIMIT ?)",
        (max(times, default=0.0) - OPERATIONS_KEPT, len(operations) + FORGOTTEN),
    )


def write_bundles(
    connection: sqlite3.Connection,
    changes: Sequence[Change],
    bundles: Sequence[Bundle],
    vault: Vault,
) -> None:
    """Write bundles and which entity needs which; delete bundles that none needs any longer."""
    released = {bundle.id for bundle in bundles}
    connection.executemany(
        "INSERT OR REPLACE INTO bundles VALUES (?, ?, ?)",
        ((bundle.id, *sealed(_encrypted(bundle, vault))) for bundle in bundles),
    )
    for write in (write for change in changes for write in change.writes):
        before, after = documents.bundle_of(write.before), documents.bundle_of(write.after)
        if before is not None:
            assert write.before is not None
            released.add(before)
            connection.execute("DELETE FROM needs WHERE key = ?", (documents.key_of(write.before),))
        if after is not None:
            assert write.after is not None
            connection.execute(
                "INSERT OR REPLACE INTO needs VALUES (?, ?)",
                (documents.key_of(write.after), after),
            )
    connection.executemany(
        "DELETE FROM bundles WHERE id = ? AND id NOT IN (SELECT bundle FROM needs)",
        ((id_,) for id_ in released),
    )


def write_fetch(connection: sqlite3.Connection, fetch: Fetch) -> None:
    """Record that a certificate was fetched; delete the oldest records of the application."""
    connection.execute(
        "INSERT INTO fetches (application, document, checksum) VALUES (?, ?, ?)",
        (fetch.application, *sealed(asdict(fetch))),
    )
    connection.execute(
        "DELETE FROM fetches WHERE application = ? AND number <= (SELECT number FROM "
        "fetches WHERE application = ? ORDER BY number DESC LIMIT 1 OFFSET ?)",
        (fetch.application, fetch.application, MAX_FETCHES),
    )


def write_uses(connection: sqlite3.Connection, uses: Sequence[TokenUse]) -> None:
    """Write the last use of tokens; delete those of tokens that are not there any more."""
    connection.executemany(
        "INSERT OR REPLACE INTO uses VALUES (?, ?, ?)",
        ((use.token, *sealed(asdict(use))) for use in uses),
    )
    connection.execute(
        "DELETE FROM uses WHERE NOT EXISTS "
        "(SELECT 1 FROM entities WHERE key = 'token/' || uses.token)"
    )


def reencrypt_keys(connection: sqlite3.Connection, vault: Vault) -> int:
    """Encrypt with the vault's current key the private keys that are encrypted with another one.

    A private key that no key of the vault decrypts stays as it is.  Returns the number of private
    keys.
    """
    rows = connection.execute("SELECT document, checksum FROM bundles").fetchall()
    for document in checked(rows):
        id_, key = document["id"], document["key"]
        if vault.uses_current(key):
            continue
        try:
            document["key"] = vault.encrypt(id_, vault.decrypt(id_, key))
        except Corrupt:
            continue
        connection.execute(
            "UPDATE bundles SET document = ?, checksum = ? WHERE id = ?", (*sealed(document), id_)
        )
    return len(rows)


def _encrypted(bundle: Bundle, vault: Vault) -> documents.Document:
    key = vault.encrypt(bundle.id, bundle.key.reveal())
    return {"id": bundle.id, "chain": bundle.chain, "key": key}
