"""The history: its last changes, its export with the hash chain, and its verification.

A history that cannot be read (`unavailable`) and one that was tampered with (`corrupt`) are
different refusals.  `store.chain` has the hashes.
"""

from __future__ import annotations

from failoverdns.changes.state import State
from failoverdns.control.language.requests import Result, Streamed
from failoverdns.model.change import Json
from failoverdns.model.commands.history import ExportHistory, History, VerifyHistory
from failoverdns.model.errors import Corrupt, Rejected
from failoverdns.rules.derived.entity_lookup import find_group
from failoverdns.rules.reports.changes_in_words import group_subject
from failoverdns.rules.reports.reporting import history_report
from failoverdns.store.interface import Differs, Link, Store, Unavailable

EXPORTED = 500
"""Changes in one reply of `history --export`."""


async def last_changes(state: State, store: Store, command: History) -> Result:
    """Return the last changes, of all or of a group; raises Rejected `unavailable`, `not-found`."""
    subjects = None
    if command.group is not None:
        group = state.group_named(command.group)
        subjects = [group_subject(command.group)]
        if group is not None:
            subjects += [group.id, *group.applications]
    try:
        changes = await store.history(subjects, command.limit)
    except (Unavailable, Corrupt) as fault:
        raise Rejected("unavailable", f"the history cannot be read: {fault}") from None
    if subjects is not None and not changes:
        find_group(state, command.group or "")
    cut = state.history_cut()
    trimmed: dict[str, Json] = (
        {"trimmed": cut.revision} if cut is not None and len(changes) < command.limit else {}
    )
    return {"history": [history_report(change) for change in changes], **trimmed}


async def exported(state: State, store: Store, command: ExportHistory) -> Result:
    """Return a part of the export, and whether more of it follows.

    Raises Rejected `invalid` for a revision in the future, `unavailable`, and `corrupt`.
    """
    last = state.revision
    if command.since > last:
        text = f"--since {command.since}: the history ends with revision {last}"
        raise Rejected("invalid", f"{text}; was an older state put in place of the one you know?")
    try:
        links = await store.links(command.since, EXPORTED)
    except Unavailable as fault:
        raise Rejected("unavailable", f"the history cannot be read: {fault}") from None
    except Corrupt as fault:
        raise Rejected("corrupt", f"the history cannot be exported: {fault}") from None
    end = links[-1].change.revision if links else command.since
    if not links and end < last:
        text = f"the history ends with revision {end}, and revision {last} was committed"
        raise Rejected("corrupt", f"{text}: see `history --verify`")
    cut = state.history_cut()
    trimmed: dict[str, Json] = (
        {"trimmed": cut.revision} if cut is not None and command.since < cut.revision else {}
    )
    export = Streamed(_export_line(link) for link in links)
    return {"export": export, "more": end < last, **trimmed}


async def verified(state: State, store: Store, command: VerifyHistory) -> Result:
    """Verify the whole chain and the state; return the number of changes and the hash of the last.

    `first` is the first change that was not trimmed.

    Raises Rejected `unavailable`, and `corrupt` with the first revision that does not fit, and why,
    or with the entities that do not follow from the history.
    """
    try:
        head = await store.verify(command.expect)
    except Unavailable as fault:
        raise Rejected("unavailable", f"the history cannot be read: {fault}") from None
    except Differs as fault:
        text = f"the state is not what follows from the history: {fault}"
        more = "What is answered may be wrong: compare it with a backup, or set it right by command"
        raise Rejected("corrupt", f"{text}. {more}") from None
    except Corrupt as fault:
        text = f"the history is not what was committed: {fault}"
        more = "Compare it with a backup or an earlier export; DNS answers do not depend on it"
        raise Rejected("corrupt", f"{text}. {more}") from None
    cut = state.history_cut()
    trimmed = cut.revision if cut is not None else 0
    return {
        "verified": True,
        "changes": head.revision - trimmed,
        "first": min(trimmed + 1, head.revision),
        "last": head.revision,
        "hash": head.hash,
        **({"trimmed": trimmed} if trimmed else {}),
    }


def _export_line(link: Link) -> dict[str, Json]:
    chained: dict[str, Json] = {
        "previous": link.previous,
        "hash": link.hash,
        "document": link.document,
    }
    return history_report(link.change) | chained
