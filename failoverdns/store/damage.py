"""What is wrong with a state file, in words that say what to do."""

from __future__ import annotations

import sqlite3
from typing import Final

_UNUSABLE = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}
"""Primary result codes that do not mean that the file is damaged."""

MISREAD: Final = (ValueError, TypeError, KeyError, OverflowError, AttributeError)
"""What is raised where a stored value is not of the type that was written."""


def is_unusable(fault: Exception) -> bool:
    """Return whether a file cannot be used at the moment, which does not mean that it is damaged.

    A fault without a result code comes from a value that cannot be read.
    """
    return getattr(fault, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in _UNUSABLE


def explain(fault: Exception) -> str:
    """Return what is wrong: the file is damaged, or it cannot be used at the moment."""
    if is_unusable(fault):
        return (
            f"cannot be used ({fault}): see that it and its folder belong to the user that "
            "failoverdns runs as, that the disk is sound and not full, and that nothing else "
            "has it locked"
        )
    return damaged(str(fault))


def damaged(what: str) -> str:
    """Return that the file is damaged, and what to do."""
    return (
        f"is damaged ({what}): put a backup in its place, or try `sqlite3 FILE .recover`; "
        "nothing was changed"
    )
