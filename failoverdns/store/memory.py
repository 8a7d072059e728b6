"""A store in memory for tests, which can make it fail in the ways that a real store fails.

It passes the same tests as the stores on disk.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from enum import Enum
from hashlib import sha256

from failoverdns.model.certificate import Bundle
from failoverdns.model.change import EVERYBODY, Change, HistoryEntry, Operation
from failoverdns.model.delivery import Fetch, HookProgress
from failoverdns.model.entity import Entity
from failoverdns.model.errors import Corrupt
from failoverdns.model.history_cut import HistoryCut
from failoverdns.model.store_condition import StoreCondition
from failoverdns.model.token import TokenUse
from failoverdns.store.chain import START, ChainLink, Walk, links, next_hash, piece
from failoverdns.store.documents import bundle_of, key_of, redone, write_change, write_entity
from failoverdns.store.interface import (
    MAX_FETCHES,
    OPERATIONS_KEPT,
    Conflict,
    Copied,
    Link,
    Loaded,
    Notify,
    OutcomeUnknown,
    StoreHead,
    Unavailable,
    counted_from,
)
from failoverdns.store.replaying import Comparison, Replay
from failoverdns.store.rows import sealed


class Failure(Enum):
    """How the next commit fails."""

    REFUSED = "nothing is committed, and the caller is informed"
    LOST = "nothing is committed, and the caller does not know"
    UNCONFIRMED = "everything is committed, and the caller does not know"


class MemoryStore:
    """Implements `store.interface.Store` in dictionaries.

    Each commit uses up one of `failures`; while `unreachable`, everything raises Unavailable.
    `before_commit`, if given, is awaited first: a test can hold a commit there.
    `chain` and `head` are the rows of the history, `trimmed` the hashes of trimmed changes, and
    `checkpoint` the documents at the cut; a test can tamper with them.
    """

    def __init__(self, before_commit: Callable[[], Awaitable[None]] | None = None) -> None:
        self.failures: list[Failure | None] = []
        self.unreachable = False
        self.commits = 0
        self._before_commit = before_commit
        self._entities: dict[str, Entity] = {}
        self._changes: list[Change] = []
        self.chain: list[ChainLink] = []
        self.head = StoreHead(0, START)
        self.trimmed: list[str] = []
        self.checkpoint: dict[str, str] = {}
        self._ahead: dict[str, str] = {}
        self._operations: dict[tuple[str, str], Operation] = {}
        self._watchers: list[Notify] = []
        self._bundles: dict[str, Bundle] = {}
        self._fetches: list[Fetch] = []
        self._progress: dict[str, HookProgress] = {}
        self._notes: dict[str, int] = {}
        self._uses: dict[str, TokenUse] = {}

    @property
    def bundles(self) -> Mapping[str, Bundle]:
        """The bundles in the vault, by id."""
        return self._bundles

    async def load(self) -> Loaded:
        """Return the stored state."""
        self._check_reachable()
        return Loaded(self.head.revision, tuple(self._entities.values()))

    async def commit(
        self,
        expected: int,
        changes: Sequence[Change],
        operations: Sequence[Operation] = (),
        bundles: Sequence[Bundle] = (),
    ) -> None:
        """Store changes, for the life of this object."""
        if self._before_commit is not None:
            await self._before_commit()
        failure = self.failures.pop(0) if self.failures else None
        if failure is Failure.LOST:
            raise OutcomeUnknown("a test has the commit lost")
        self._check_reachable()
        if failure is Failure.REFUSED:
            raise Unavailable("a test has the commit refused")
        if expected != self.head.revision:
            raise Conflict(f"at revision {self.head.revision}, not {expected}")
        self.commits += 1
        for change in changes:
            for write in change.writes:
                if write.after is not None:
                    self._entities[key_of(write.after)] = write.after
                elif write.before is not None:
                    del self._entities[key_of(write.before)]
            self._changes.append(change)
            self._lengthen_chain(change)
        needed = {bundle_of(entity) for entity in self._entities.values()}
        candidates = {**self._bundles, **{bundle.id: bundle for bundle in bundles}}
        self._bundles = {id_: found for id_, found in candidates.items() if id_ in needed}
        self._operations.update(((each.op_id, each.principal), each) for each in operations)
        times = [*(each.time for each in changes), *(each.time for each in operations)]
        now = max(times, default=0.0)
        for key, operation in list(self._operations.items()):
            if counted_from(operation) < now - OPERATIONS_KEPT:
                del self._operations[key]
        for change in changes:
            for notify in self._watchers:
                notify(change)
        if failure is Failure.UNCONFIRMED:
            raise OutcomeUnknown("a test has the confirmation lost")

    async def operation(self, op_id: str, principal: str) -> Operation | None:
        """Return the operation of a principal that is recorded under `op_id`."""
        self._check_reachable()
        ours = self._operations.get((op_id, principal))
        return ours or self._operations.get((op_id, EVERYBODY))

    async def history(self, subjects: Sequence[str] | None, limit: int) -> tuple[HistoryEntry, ...]:
        """Return at most `limit` changes, newest first."""
        self._check_reachable()
        wanted = set(subjects or ())
        found = (
            change.entry
            for change in reversed(self._changes)
            if subjects is None or wanted & set(change.subjects)
        )
        return tuple(change for change, _ in zip(found, range(limit), strict=False))

    async def entries_after(self, revision: int, limit: int) -> tuple[HistoryEntry, ...]:
        """Return what history shows of the changes after `revision`, oldest first."""
        self._check_reachable()
        return tuple(change.entry for change in self._changes if change.revision > revision)[:limit]

    async def changes_after(self, revision: int) -> tuple[Change, ...]:
        """Return the changes committed after `revision`, oldest first."""
        self._check_reachable()
        return tuple(change for change in self._changes if change.revision > revision)

    async def links(self, after: int, limit: int) -> tuple[Link, ...]:
        """Return changes after a revision as links of the chain, oldest first."""
        self._check_reachable()
        rows = list(piece((row for row in self.chain if row.revision > after), limit))
        known = {row.revision: row.hash.decode() for row in self.chain}
        known.update(enumerate(self.trimmed, 1))
        return tuple(links(known.get(rows[0].revision - 1, START) if rows else START, rows))

    async def verify(self, expected: str | None = None) -> StoreHead:
        """Verify the whole chain, and return its head."""
        self._check_reachable()
        last = max((row.revision for row in self.chain), default=0)
        cut, end = self._cut, None
        if cut is not None:
            end = StoreHead(cut.revision, self.trimmed[-1])
            if self._cut_at(cut.revision, self.checkpoint) != cut:
                raise Corrupt(f"revision {cut.revision} does not fit: it was changed")
        walk = Walk(self.head, last, expected, end)
        if expected in self.trimmed:
            walk.meet()
        replay = Replay()
        with closing(replay):
            replay.begin_with(self.checkpoint.items())
            for row in self.chain:
                if not walk.is_over:
                    walk.follow(row)
                    replay.follow(row)
            head = walk.end()
            self._compare(replay)
        return head

    def _compare(self, replay: Replay) -> None:
        """Raise Differs if the entities are not those of a replay."""
        comparison = Comparison(replay)
        stored = sorted((key, write_entity(entity)) for key, entity in self._entities.items())
        more = True
        while more:
            rest = [row for row in stored if row[0] > comparison.after]
            more = comparison.follow(rest[: comparison.at_once])
        comparison.end()

    async def prepare_cut(self, before: float) -> HistoryCut | None:
        """Prepare to trim the changes from before a time; return the cut to commit."""
        self._check_reachable()
        await self.trim()
        self._ahead, revision = dict(self.checkpoint), len(self.trimmed)
        for change, row in zip(self._changes[:-1], self.chain, strict=False):
            if change.time >= before:
                break
            texts = redone(json.loads(row.text), lambda key: json.loads(self._ahead[key]))
            for key, document in texts.items():
                self._ahead.pop(key, None)
                if document is not None:
                    self._ahead[key] = json.dumps(document)
            revision = change.revision
        return self._cut_at(revision, self._ahead) if revision > len(self.trimmed) else None

    async def trim(self) -> None:
        """Delete the changes up to the committed cut; their hashes and a checkpoint stay."""
        self._check_reachable()
        cut = self._cut
        if cut is not None and cut.revision > len(self.trimmed):
            count = cut.revision - len(self.trimmed)
            self.trimmed += [row.hash.decode() for row in self.chain[:count]]
            del self.chain[:count], self._changes[:count]
            self.checkpoint = self._ahead

    @property
    def _cut(self) -> HistoryCut | None:
        found = self._entities.get(key_of(HistoryCut(0, "", "", "")))
        return found if isinstance(found, HistoryCut) else None

    def _cut_at(self, revision: int, checkpoint: Mapping[str, str]) -> HistoryCut:
        """Return the cut at a revision, whose changes may be trimmed or not."""
        hashes = [*self.trimmed, *(row.hash.decode() for row in self.chain)][:revision]
        return HistoryCut(
            revision,
            hashes[-1],
            sha256("".join(hashes).encode()).hexdigest(),
            sha256(json.dumps(sorted(checkpoint.items())).encode()).hexdigest(),
        )

    async def bundle(self, id_: str) -> Bundle | None:
        """Return a certificate chain and its key."""
        self._check_reachable()
        return self._bundles.get(id_)

    async def rotate_key(self) -> int:
        """Do nothing but count: keys in memory are not encrypted."""
        self._check_reachable()
        return len(self._bundles)

    async def record_fetch(self, fetch: Fetch) -> None:
        """Record that a certificate was fetched."""
        self._check_reachable()
        self._fetches.append(fetch)

    async def fetches(self, application: str, limit: int) -> tuple[Fetch, ...]:
        """Return the last fetches, newest first."""
        self._check_reachable()
        found = [fetch for fetch in reversed(self._fetches) if fetch.application == application]
        return tuple(found[: min(limit, MAX_FETCHES)])

    async def save_progress(self, hook: str, progress: HookProgress) -> None:
        """Store the progress of a hook."""
        self._check_reachable()
        self._progress[hook] = progress

    async def progress(self) -> Mapping[str, HookProgress]:
        """Return the progress of each hook."""
        self._check_reachable()
        return dict(self._progress)

    async def save_uses(self, uses: Sequence[TokenUse]) -> None:
        """Store the last use of each of these tokens."""
        self._check_reachable()
        found = {**self._uses, **{use.token: use for use in uses}}
        self._uses = {id_: use for id_, use in found.items() if f"token/{id_}" in self._entities}

    async def uses(self) -> tuple[TokenUse, ...]:
        """Return the last use of each token."""
        self._check_reachable()
        return tuple(self._uses.values())

    async def copy(self, descriptor: int, proceed: Callable[[], bool]) -> Copied:
        """Refuse: there is no file to copy."""
        raise Unavailable("a store in memory has no file")

    async def note(self, name: str) -> int:
        """Return a number that was noted by this name."""
        self._check_reachable()
        return self._notes.get(name, 0)

    async def set_note(self, name: str, value: int) -> None:
        """Note a number by a name."""
        self._check_reachable()
        self._notes[name] = value

    def condition(self) -> StoreCondition:
        """Return whether the store can be written."""
        return StoreCondition(fault="unreachable" if self.unreachable else None)

    def watch(self, notify: Notify) -> None:
        """Call `notify` with each change committed from now on."""
        self._watchers.append(notify)

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def _lengthen_chain(self, change: Change) -> None:
        text, checksum = sealed(write_change(change))
        hash_ = next_hash(self.head.hash, text.encode())
        self.chain.append(ChainLink(change.revision, text.encode(), checksum, hash_.encode()))
        self.head = StoreHead(change.revision, hash_)

    def _check_reachable(self) -> None:
        if self.unreachable:
            raise Unavailable("a test has the store unreachable")
