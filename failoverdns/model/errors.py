"""Errors that say whose fault it is: the peer's, the operator's, or our disk's.

Everything that the server refuses is one of these; anything else that is raised is a defect.
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
    """A command that was understood and not carried out; nothing changed."""

    def __init__(self, code: Code, message: str, rules: tuple[RuleFailure, ...] = ()) -> None:
        super().__init__(message)
        self.code: Code = code
        self.message = message
        self.rules = rules


class Corrupt(Exception):
    """State on our disk that cannot be trusted: says what is wrong and what to do."""
