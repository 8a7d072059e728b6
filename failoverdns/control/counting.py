"""Counts of commands: by their words and result, how long they took, and which rules refused.

The words are those of the command table, and the results are `ok` and the codes of errors, so that
the number of counts is bounded.
"""

from __future__ import annotations

from typing import Any, Final

from failoverdns.control.language.commands import ROWS
from failoverdns.control.language.requests import Request
from failoverdns.model.errors import Rejected
from failoverdns.model.rule_names import ACTIVE_SIDE, FLAP_GUARD, PreflightRule
from failoverdns.tallies import OTHER, Histograms, Tally

OK: Final = "ok"
"""The result of a command that was carried out."""

REFUSED: Final = "refused"


class CommandCounts:
    """What became of all commands since the start."""

    def __init__(self) -> None:
        self.results = Tally(2)
        """Commands by their words and result."""
        self.seconds = Histograms()
        """How long they took, by their words."""
        self.refused = Tally(1, [(rule,) for rule in (*PreflightRule, ACTIVE_SIDE, FLAP_GUARD)])
        """Refused commands, once for each rule; what was only tried does not count."""

    def note(self, request: Request, outcome: object, seconds: float) -> None:
        """Count a command: `outcome` is Rejected, or anything else if it was carried out."""
        words = str(request.given["command"])
        words = words if words in ROWS else OTHER
        refusal = outcome if isinstance(outcome, Rejected) else None
        self.results.add(words, refusal.code if refusal is not None else OK)
        self.seconds.add(words, seconds)
        if refusal is not None and refusal.code == REFUSED and not _is_trial(request.command):
            for rule in {failure.rule for failure in refusal.rules}:
                self.refused.add(rule)


def _is_trial(command: Any) -> bool:
    return bool(getattr(command, "dry_run", False))
