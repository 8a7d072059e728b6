"""The store: keeps entities, history and operations; every store passes the same suite.

The interface is asynchronous, because a store may be on another machine, and it can be watched,
because it may have other writers.  A method returns an awaitable; which loop drives it is the
caller's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from failoverdns.model.certificate import Bundle
from failoverdns.model.change import Change, Operation
from failoverdns.model.delivery import Fetch, HookProgress
from failoverdns.model.entity import Entity

MAX_FETCHES = 1000
"""Fetches of one application's certificate that are kept."""

Notify = Callable[[Change], None]


class Conflict(Exception):
    """The store is at another revision than the caller thought; nothing was committed."""


class Unavailable(Exception):
    """The store cannot do it now; nothing was committed."""


class OutcomeUnknown(Exception):
    """The store may or may not have committed: ask `changes_after` before anything else."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """All that is stored: the revision and the entities, in order of creation."""

    revision: int
    entities: tuple[Entity, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A change in the chain over the history (see `store.chain`).

    `document` is its text as stored; `hash` is SHA-256 of `previous` and that text, in hex digits.
    """

    change: Change
    document: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class StoreHead:
    """Where the chain ends: the revision and the hash of the last change."""

    revision: int
    hash: str


class Store(Protocol):
    """State that outlives the process."""

    async def load(self) -> Loaded:
        """Return all that is stored.

        Raises Corrupt if it cannot be trusted, never returning less than was committed.
        """

    async def commit(
        self,
        expected: int,
        changes: Sequence[Change],
        operations: Sequence[Operation] = (),
        bundles: Sequence[Bundle] = (),
    ) -> None:
        """Make changes durable, all of them or none, if the store is at revision `expected`.

        The changes are numbered `expected` + 1 and on; there may be none beside operations.
        `bundles` go into the vault with them; those that no entity needs any more leave it.
        Raises Conflict, Unavailable or OutcomeUnknown.
        """

    async def operation(self, op_id: str) -> Operation | None:
        """Return the operation recorded under `op_id`; raises Unavailable."""

    async def history(self, subjects: Sequence[str] | None, limit: int) -> tuple[Change, ...]:
        """Return at most `limit` changes, newest first; with `subjects`, those about any of them.

        Raises Unavailable.
        """

    async def changes_after(self, revision: int, limit: int | None = None) -> tuple[Change, ...]:
        """Return the changes committed after `revision`, oldest first, at most `limit`.

        Raises Unavailable, and Corrupt for a change that cannot be read.
        """

    async def links(self, after: int, limit: int) -> tuple[Link, ...]:
        """Return changes after a revision as links of the chain, oldest first, at most `limit`.

        These may be fewer, though never none if there is any: a piece is not too much to hold.
        Raises Unavailable, and Corrupt for a change that cannot be read.
        """

    async def verify(self, expected: str | None = None) -> StoreHead:
        """Check the whole chain, in pieces, and return where it ends.

        Commits are made meanwhile, and do not count.  `expected` is the hash that some change must
        have.  Raises Unavailable, and Corrupt with the first revision that does not fit, and why.
        """

    async def bundle(self, id_: str) -> Bundle | None:
        """Return a chain and its key from the vault.

        Raises Unavailable, and Corrupt for a key that cannot be decrypted.
        """

    async def rotate_key(self) -> int:
        """Encrypt every private key anew, with a new key; return how many there are.

        Raises Unavailable, and Corrupt for a key that cannot be decrypted: then the old keys stay.
        """

    async def record_fetch(self, fetch: Fetch) -> None:
        """Keep that a certificate was fetched; raises Unavailable."""

    async def fetches(self, application: str, limit: int) -> tuple[Fetch, ...]:
        """Return the last fetches of an application's (by id) certificate, newest first.

        At least the last `MAX_FETCHES` are kept.  Raises Unavailable.
        """

    async def save_progress(self, hook: str, progress: HookProgress) -> None:
        """Keep how far a hook has come; raises Unavailable."""

    async def progress(self) -> Mapping[str, HookProgress]:
        """Return how far each hook has come; raises Unavailable."""

    def watch(self, notify: Notify) -> None:
        """Call `notify` with each change committed from now on, by whomever, in order."""

    async def close(self) -> None:
        """Let go of the store; nothing else may be called afterwards."""
