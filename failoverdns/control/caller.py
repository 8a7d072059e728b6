"""Callers: who gives a command, and whether this principal may.

What a caller may do is asked again for each command, so that a change of the roles counts at once.
Whatever brings commands in makes a caller for each client; `CommandCorridor` asks it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from failoverdns.control.language.commands import find_row
from failoverdns.control.language.requests import Request
from failoverdns.model.errors import Rejected
from failoverdns.model.principal import Principal
from failoverdns.model.roles import Rights
from failoverdns.rules.decisions.permission import permit
from failoverdns.rules.derived.view import View

QUIET: Final = 60.0
"""Seconds in which only the first refusal of a principal is logged; the others are counted."""

MAX_NAMED: Final = 1000
"""Principals whose refusals are counted one by one."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The principal that gives commands, and its rights at this moment.

    `rights` may raise Rejected `forbidden`.  `only` are the words of the commands that it
    may give at all; None for every one.
    """

    principal: Principal
    rights: Callable[[], Rights]
    only: frozenset[str] | None = None


class Permission:
    """Permits commands, and counts and logs those that it forbids."""

    def __init__(
        self, state: Callable[[], View], steady: Callable[[], float], log: Callable[[str], None]
    ) -> None:
        """Log refusals with `log`; `steady` returns seconds of a clock that is never adjusted.

        `state` returns the present state.
        """
        self.forbidden = 0
        """Commands that were forbidden since the start."""
        self._state = state
        self._steady = steady
        self._log = log
        self._logged: OrderedDict[str, tuple[float, int]] = OrderedDict()
        """For each principal when it was logged, and how many of its refusals were not since."""

    def check(self, request: Request, caller: Caller) -> None:
        """Raise Rejected `forbidden` unless the caller may give this command now."""
        refusal = self._refusal(request, caller)
        if refusal is not None:
            self.note(caller.principal, refusal)
            raise refusal

    def permits(self, request: Request, caller: Caller) -> bool:
        """Return whether the caller may give this command now, without counting a refusal."""
        return self._refusal(request, caller) is None

    def note(self, principal: Principal, refusal: Rejected) -> None:
        """Count a refusal, and log it unless one of the same principal was logged just now."""
        self.forbidden += 1
        now = self._steady()
        at, left_out = self._logged.pop(principal.key, (-QUIET, 0))
        if now - at < QUIET:
            self._logged[principal.key] = at, left_out + 1
            return
        before = f" ({left_out} more since the last such line)" if left_out else ""
        self._log(f"forbidden to {principal.origin}: {refusal.message}{before}")
        self._logged[principal.key] = now, 0
        if len(self._logged) > MAX_NAMED:
            self._logged.popitem(last=False)

    def _refusal(self, request: Request, caller: Caller) -> Rejected | None:
        """Return why the caller may not give this command now; None if it may."""
        row = find_row(str(request.given["command"]))
        try:
            if caller.only is not None and row.words not in caller.only:
                raise Rejected("forbidden", f"`{row.words}` is not for {caller.principal.text}")
            permit(caller.rights(), row.role, row.words, request.command, self._state())
        except Rejected as refusal:
            return refusal
        return None
