"""The store for one machine: a SQLite file in WAL mode, synced at every commit.

`store.open_file` has the transactions, `store.state_file` the checks of the file,
`store.statements` the SQL of a commit, and `store.history_rows` the reading of the history.  `run`,
which makes the blocking calls, is injected: this module starts no thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from failoverdns.model.certificate import Bundle, Secret
from failoverdns.model.change import EVERYBODY, Change, HistoryEntry, Operation
from failoverdns.model.delivery import Fetch, HookProgress
from failoverdns.model.errors import Corrupt
from failoverdns.model.history_cut import HistoryCut
from failoverdns.model.store_condition import StoreCondition
from failoverdns.model.token import TokenUse
from failoverdns.store import documents, history_rows, trimming
from failoverdns.store.authentication import Authentication
from failoverdns.store.copying import Copying
from failoverdns.store.interface import (
    Copied,
    Link,
    Loaded,
    Notify,
    OutcomeUnknown,
    StoreHead,
    Unavailable,
)
from failoverdns.store.open_file import OpenFile
from failoverdns.store.rows import checked, each, sealed
from failoverdns.store.statements import (
    reencrypt_keys,
    write_bundles,
    write_changes,
    write_fetch,
    write_uses,
)
from failoverdns.store.thorough import Reading
from failoverdns.store.vault import Vault
from failoverdns.store.verifying import LeadingToTheHead, Verification, links_after

T = TypeVar("T")
Run = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Makes a blocking call and returns an awaitable of its result."""


class SQLiteStore:
    """Implements `store.interface.Store` in one file, with one writer: this object."""

    def __init__(self, path: Path, run: Run, vault: Vault, copy: Run | None = None) -> None:
        """Keep the state in the file `path`, private keys in it encrypted by `vault`.

        `copy` makes calls that block for long, beside those of `run`, which it defaults to.
        Neither the file nor the vault is opened before `load`.
        """
        self.path = path
        self._vault = vault
        self._run = run
        self._watchers: list[Notify] = []
        self._authentication = Authentication(vault)
        self._file = OpenFile(path, self._authentication)
        self._copying = Copying(path)
        self._copies = copy or run
        self._is_copying = False
        self._verified_after: int | None = None
        """The changes after this revision were found to lead to the head."""

    async def load(self) -> Loaded:
        """Open the file, creating it if there never was one, and return the stored state.

        Raises Corrupt, with what is wrong and what to do; OSError if the file cannot be reached.
        """
        loaded: Loaded = await self._run(self._load)
        return loaded

    async def commit(
        self,
        expected: int,
        changes: Sequence[Change],
        operations: Sequence[Operation] = (),
        bundles: Sequence[Bundle] = (),
    ) -> None:
        """Make changes durable in one transaction: on disk when this returns."""
        await self._run(lambda: self._commit(expected, changes, operations, bundles))
        for change in changes:
            for notify in self._watchers:
                notify(change)

    async def operation(self, op_id: str, principal: str) -> Operation | None:
        """Return the operation of a principal that is recorded under `op_id`."""
        query = (
            "SELECT document, checksum FROM operations WHERE op_id = ? AND principal IN (?, ?) "
            "ORDER BY principal DESC LIMIT 1"
        )
        rows: list[Any] = await self._read(query, (op_id, principal, EVERYBODY))
        return documents.read_operation(rows[0]) if rows else None

    async def history(self, subjects: Sequence[str] | None, limit: int) -> tuple[HistoryEntry, ...]:
        """Return at most `limit` changes, newest first."""
        return await self._call(lambda c: history_rows.last_entries(c, subjects, limit))

    async def entries_after(self, revision: int, limit: int) -> tuple[HistoryEntry, ...]:
        """Return what history shows of the changes after `revision`, oldest first.

        They are verified up to the head, each once: hooks give private keys away because of them.
        """
        if self._verified_after is None or revision < self._verified_after:
            leading = LeadingToTheHead(revision)
            while await self._call(leading.go_on):
                pass
            self._verified_after = revision
        return await self._call(lambda c: history_rows.entries_after(c, revision, limit))

    async def changes_after(self, revision: int) -> tuple[Change, ...]:
        """Return the changes committed after `revision`, oldest first, with their writes."""
        return await self._call(lambda c: history_rows.changes_after(c, revision))

    async def links(self, after: int, limit: int) -> tuple[Link, ...]:
        """Return changes after a revision as links of the chain, oldest first."""
        return await self._call(lambda c: links_after(c, after, limit))

    async def verify(self, expected: str | None = None) -> StoreHead:
        """Verify the whole chain and what follows from it, in pieces; return its head."""
        head = None
        while head is None:
            going = await self._call(lambda c: Verification(c, expected))
            try:
                while await self._call(going.go_on):
                    pass
                head = going.head
            except Corrupt:
                if not await self._call(going.is_outdated):
                    raise
            finally:
                going.close()
        reading = Reading()
        while await self._call(reading.follow):
            pass
        return head

    async def prepare_cut(self, before: float) -> HistoryCut | None:
        """Prepare to trim changes from before a time, in pieces; return the cut to commit."""
        await self.trim()
        await self._write(lambda c: trimming.begin(c, before))
        while await self._write(lambda c: trimming.prepare(c, before)):
            pass
        digests = await self._call(trimming.Digests)
        cut = await self._call(trimming.cut_of)
        if digests.cut.revision <= (cut.revision if cut is not None else 0):
            return None
        while await self._call(digests.read):
            pass
        return digests.cut

    async def trim(self) -> None:
        """Delete the changes up to the committed cut, in pieces; their hashes stay."""
        while await self._write(trimming.trim):
            pass

    async def bundle(self, id_: str) -> Bundle | None:
        """Return a certificate chain and its key from the vault."""
        query = "SELECT document, checksum FROM bundles WHERE id = ?"
        rows: list[Any] = await self._read(query, (id_,))
        if not rows:
            return None
        ((chain, ciphertext),) = each(rows, lambda row: (row["chain"], row["key"]))
        return Bundle(id_, chain, Secret(self._vault.decrypt(id_, ciphertext)))

    async def rotate_key(self) -> int:
        """Encrypt every private key with a new key; return the number of private keys."""
        count: int = await self._run(self._rotate)
        return count

    async def record_fetch(self, fetch: Fetch) -> None:
        """Record that a certificate was fetched."""
        await self._write(lambda c: write_fetch(c, fetch))

    async def fetches(self, application: str, limit: int) -> tuple[Fetch, ...]:
        """Return the last fetches of an application's certificate, newest first."""
        query = (
            "SELECT document, checksum FROM fetches WHERE application = ? "
            "ORDER BY number DESC LIMIT ?"
        )
        rows: list[Any] = await self._read(query, (application, limit))
        return each(rows, lambda row: Fetch(**row))

    async def save_progress(self, hook: str, progress: HookProgress) -> None:
        """Store the progress of a hook."""
        row = (hook, *sealed({"name": hook, **asdict(progress)}))
        query = "INSERT OR REPLACE INTO hooks VALUES (?, ?, ?)"
        await self._write(lambda c: c.execute(query, row))

    async def progress(self) -> Mapping[str, HookProgress]:
        """Return the progress of each hook."""
        rows: list[Any] = await self._read("SELECT document, checksum FROM hooks", ())
        return dict(each(rows, lambda row: (row.pop("name"), HookProgress(**row))))

    async def note(self, name: str) -> int:
        """Return a number that was noted by this name."""
        query = "SELECT coalesce(max(value), 0) FROM notes WHERE name = ?"
        return int(await self._call(lambda c: c.execute(query, (name,)).fetchone()[0]))

    async def set_note(self, name: str, value: int) -> None:
        """Note a number by a name."""
        query = "INSERT OR REPLACE INTO notes VALUES (?, ?)"
        await self._write(lambda c: c.execute(query, (name, value)))

    async def save_uses(self, uses: Sequence[TokenUse]) -> None:
        """Store the last use of each of these tokens."""
        await self._write(lambda c: write_uses(c, uses))

    async def uses(self) -> tuple[TokenUse, ...]:
        """Return the last use of each token."""
        rows: list[Any] = await self._read("SELECT document, checksum FROM uses", ())
        return each(rows, lambda row: TokenUse(**row))

    async def copy(self, descriptor: int, proceed: Callable[[], bool]) -> Copied:
        """Write a copy of the file, at one revision, to an open file; commits do not wait."""
        if self._is_copying:
            raise Unavailable("another copy is being made; try again when it is done")
        self._is_copying = True
        try:
            snapshot = await self._call(self._copying.begin)
            try:
                copied: Copied = await self._copies(
                    lambda: snapshot.copy(
                        descriptor, lambda: proceed() and not self._copying.is_ending
                    )
                )
            finally:
                snapshot.close()
            return copied
        finally:
            self._is_copying = False

    def condition(self) -> StoreCondition:
        """Return whether the file can be written, and how much room its disk has."""
        return self._file.condition()

    def watch(self, notify: Notify) -> None:
        """Call `notify` with each change committed from now on."""
        self._watchers.append(notify)

    async def close(self) -> None:
        """Fold the write-ahead log into the file, and close the file."""
        await self._run(self._close)

    def _load(self) -> Loaded:
        _, loaded = self._file.open()
        with suppress(Unavailable, OutcomeUnknown, OSError):  # the next start does it
            if not self._authentication.is_tagged:
                self._file.write(self._authentication.begin_tags)
                self._authentication.is_tagged = True
            self._vault.mark()
            if self._vault.is_rotating:
                self._rotate()
        return loaded

    def _close(self) -> None:
        self._file.close()
        self._copying.close()

    def _rotate(self) -> int:
        """Begin a rotation of the key, or continue one that could not be ended, and end it."""

        def rotate(connection: sqlite3.Connection) -> int:
            self._authentication.verify(connection)
            self._vault.begin_rotation()  # in the transaction: nothing is written meanwhile
            count = reencrypt_keys(connection, self._vault)
            self._authentication.begin_tags(connection)
            return count

        count = self._file.write(rotate)
        try:
            self._vault.end_rotation()
        except OSError as fault:
            raise Unavailable(f"{self._vault.path}: {fault}") from None
        return count

    def _commit(
        self,
        expected: int,
        changes: Sequence[Change],
        operations: Sequence[Operation],
        bundles: Sequence[Bundle],
    ) -> None:
        def write(connection: sqlite3.Connection) -> None:
            with self._authentication.following(connection, changes):
                write_changes(connection, expected, changes, operations)
            write_bundles(connection, changes, bundles, self._vault)

        self._file.write(write)
        self._authentication.is_tagged = True
        self._file.acknowledge(expected + len(changes))

    async def _read(self, query: str, values: Sequence[object]) -> list[Any]:
        return await self._call(lambda c: list(checked(c.execute(query, values))))

    async def _write(self, write: Callable[[sqlite3.Connection], T]) -> T:
        """Call `write` in a transaction, where blocking calls are made."""
        result: T = await self._run(lambda: self._file.write(write))
        return result

    async def _call(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """Call `read`, which only reads, with the connection, where blocking calls are made."""
        result: T = await self._run(lambda: self._file.read(read))
        return result
