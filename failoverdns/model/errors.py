"""The errors that the server raises on purpose, one for each cause: peer, operator, or disk.

Any other exception is a defect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Code = Literal[
    "malformed",
    "unknown-command",
    "invalid",
    "not-found",
    "exists",
    "in-use",
    "conflict",
    "refused",
    "forbidden",
    "busy",
    "unavailable",
    "corrupt",
    "unknown-outcome",
]


class Malformed(ValueError):
    """Bytes or text from a peer that do not follow their format."""


@dataclass(frozen=True, slots=True)
class RuleFailure:
    """A pre-flight rule that a command did not pass, by name, with what to do about it."""

    rule: str
    message: str
    group: str | None = None


class Rejected(Exception):
    """A command was refused, and nothing changed.

    `code` is for programs, `message` for people; `rules` are the pre-flight rules that failed.
    """

    def __init__(self, code: Code, message: str, rules: tuple[RuleFailure, ...] = ()) -> None:
        super().__init__(message)
        self.code: Code = code
        self.message = message
        self.rules = rules


class Corrupt(Exception):
    """The state on the server's disk is damaged; the message says how, and what to do."""
