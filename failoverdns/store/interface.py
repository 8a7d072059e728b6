"""The interface of a store, which keeps entities, the history, operations and the vault.

The interface is asynchronous, because a store may be on another machine, and it can be watched,
because it may have other writers.  A method returns an awaitable, which any event loop can drive.
Every store passes the same tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from failoverdns.model.certificate import Bundle
from failoverdns.model.change import Change, HistoryEntry, Operation
from failoverdns.model.delivery import Fetch, HookProgress
from failoverdns.model.entity import Entity
from failoverdns.model.errors import Corrupt
from failoverdns.model.history_cut import HistoryCut
from failoverdns.model.store_condition import StoreCondition
from failoverdns.model.token import TokenUse

MAX_FETCHES = 1000
"""Fetches of an application's certificate that are kept."""

OPERATIONS_KEPT = 7 * 86400.0
"""Seconds for which an operation is kept, at least; after that a retry runs again.

One that is needed for less is kept for that time.
"""

Notify = Callable[[Change], None]


def counted_from(operation: Operation) -> float:
    """Return the time from which the age of an operation counts, in seconds since 1970."""
    shorter = 0.0 if operation.kept is None else OPERATIONS_KEPT - operation.kept
    return operation.time - shorter


class Conflict(Exception):
    """The store is not at the revision that the caller expected; nothing was committed."""


class Unavailable(Exception):
    """The store cannot be used at the moment; nothing was committed, nor will a restart find it."""


class OutcomeUnknown(Exception):
    """The store may or may not have committed.

    Changes that `changes_after` returns are durable; those that it does not return may be found
    after a restart.  A later commit that succeeds at the same revision excludes that.
    """


class Differs(Corrupt):
    """The entities are not what follows from the history; the message names what differs."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The stored state: the revision and the entities, in order of creation."""

    revision: int
    entities: tuple[Entity, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A change in the chain over the history (see `store.chain`).

    `document` is its text as stored; `hash` is SHA-256 of `previous` and that text, in hex digits.
    """

    change: HistoryEntry
    document: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class StoreHead:
    """The end of the hash chain: the revision and the hash of the last change."""

    revision: int
    hash: str


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy of the state: its revision, the hash of its last change, and its size in bytes."""

    revision: int
    hash: str
    size: int


class Store(Protocol):
    """Keeps the state durably."""

    async def load(self) -> Loaded:
        """Return the stored state.

        Raises Corrupt if it cannot be trusted; it never returns less than was committed.
        """

    async def commit(
        self,
        expected: int,
        changes: Sequence[Change],
        operations: Sequence[Operation] = (),
        bundles: Sequence[Bundle] = (),
    ) -> None:
        """Make changes durable, all of them or none, if the store is at revision `expected`.

        The changes are numbered `expected` + 1 and on; there may be none if there are
        operations.  `bundles` are stored in the vault with them; bundles that no entity needs any
        longer are deleted.
        Raises Conflict, Unavailable or OutcomeUnknown.
        """

    async def operation(self, op_id: str, principal: str) -> Operation | None:
        """Return the operation of a principal (by key) that is recorded under `op_id`.

        It is kept for at least `OPERATIONS_KEPT`.  One that version 0.1.0 stored belongs to every
        principal.  Raises Unavailable.
        """

    async def history(self, subjects: Sequence[str] | None, limit: int) -> tuple[HistoryEntry, ...]:
        """Return at most `limit` changes, newest first; with `subjects`, those about any of them.

        Raises Unavailable.
        """

    async def entries_after(self, revision: int, limit: int) -> tuple[HistoryEntry, ...]:
        """Return what history shows of the changes after `revision`, oldest first, at most `limit`.

        Raises Unavailable, and Corrupt for a change that cannot be read.
        """

    async def changes_after(self, revision: int) -> tuple[Change, ...]:
        """Return the changes committed after `revision`, oldest first, with the entities written.

        They are made backwards from the present: this is for the newest changes.  Raises
        Unavailable, and Corrupt for a change that cannot be read.
        """

    async def links(self, after: int, limit: int) -> tuple[Link, ...]:
        """Return changes after a revision as links of the chain, oldest first, at most `limit`.

        It may return fewer, so that the result is not too large, but at least one if there is any.
        Raises Unavailable, and Corrupt for a change that cannot be read.
        """

    async def verify(self, expected: str | None = None) -> StoreHead:
        """Verify the whole chain, and that the entities follow from it; return its head.

        This is done in pieces, and commits may be made meanwhile; they are not verified.
        `expected` is a hash that some change must have.  Raises Unavailable, Corrupt with the first
        revision that does not fit, and why, and Differs with the entities that differ.
        """

    async def prepare_cut(self, before: float) -> HistoryCut | None:
        """Prepare to trim the changes from before a time (seconds since 1970).

        Returns the cut to commit; None if there is nothing to trim.  The newest change always
        stays.  Commits may be made meanwhile.
        Raises Unavailable, OutcomeUnknown, and Corrupt for a history that does not fit its chain.
        """

    async def trim(self) -> None:
        """Delete the changes up to the committed cut; their hashes and a checkpoint stay.

        Commits may be made meanwhile.  Raises Unavailable and OutcomeUnknown.
        """

    async def bundle(self, id_: str) -> Bundle | None:
        """Return a certificate chain and its key from the vault; None if it has none.

        Raises Unavailable, and Corrupt for a key that cannot be decrypted.
        """

    async def rotate_key(self) -> int:
        """Encrypt every private key with a new key; return the number of private keys.

        A private key that cannot be decrypted stays as it is.  Raises Unavailable, and Corrupt for
        a damaged row; the old keys stay in use then.
        """

    async def record_fetch(self, fetch: Fetch) -> None:
        """Record that a certificate was fetched; raises Unavailable."""

    async def fetches(self, application: str, limit: int) -> tuple[Fetch, ...]:
        """Return the last fetches of an application's (by id) certificate, newest first.

        At least the last `MAX_FETCHES` are kept.  Raises Unavailable.
        """

    async def save_progress(self, hook: str, progress: HookProgress) -> None:
        """Store the progress of a hook; raises Unavailable."""

    async def progress(self) -> Mapping[str, HookProgress]:
        """Return the progress of each hook, by its name; raises Unavailable."""

    async def save_uses(self, uses: Sequence[TokenUse]) -> None:
        """Store the last use of each of these tokens; those of removed tokens are deleted.

        Raises Unavailable or OutcomeUnknown.
        """

    async def uses(self) -> tuple[TokenUse, ...]:
        """Return the last use of each token that was ever used; raises Unavailable."""

    async def copy(self, descriptor: int, proceed: Callable[[], bool]) -> Copied:
        """Write a copy of the state, at one revision, to an open file; commits do not wait for it.

        Private keys in it are encrypted with the vault's key, which is not part of it.  The copy
        ends when `proceed`, which any thread may call, returns False.
        Raises Unavailable, and OSError if the copy cannot be written.
        """

    async def note(self, name: str) -> int:
        """Return a number that was noted by this name; 0 if none was.  Raises Unavailable."""

    async def set_note(self, name: str, value: int) -> None:
        """Note a number by a name, durably; raises Unavailable or OutcomeUnknown."""

    def condition(self) -> StoreCondition:
        """Return whether the store can be written, and how much room it has; it does not block."""

    def watch(self, notify: Notify) -> None:
        """Call `notify` with each change committed from now on, by any writer, in order."""

    async def close(self) -> None:
        """Close the store; no other method may be called afterwards."""
