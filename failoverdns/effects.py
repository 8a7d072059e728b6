"""Side effects that are injected into the parts that read the state and submit commands.

Such a part does not itself read a clock, start a thread, submit a command or write to the log: it
gets a value with a function for each of these.  The server passes the real ones; a test passes a
clock that it sets, threads that run at once, and a list for the log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from failoverdns.model.change import Json
from failoverdns.model.commands import Mutation
from failoverdns.model.errors import RuleFailure
from failoverdns.rules.derived.view import View

Submit = Callable[[Mutation, str], Awaitable[None]]
"""Submits an internal command to the ledger, with its word in the history.

The awaitable raises Rejected if the command is refused.
"""

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Makes a blocking call in a thread and returns an awaitable of its result."""


class Approval(Protocol):
    """Asks the hooks that must agree to a switch."""

    def __call__(self, planned: Mapping[str, Json]) -> Awaitable[tuple[RuleFailure, ...]]:
        """Return the reasons of hooks that refuse; empty if all agree.

        `planned` is the result of a dry run of the switch, with the command's `reason`.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """The side effects that every part needs; a part adds its own.

    `state` returns the current state, `spawn` runs a coroutine to its end, and `log` writes a line
    for the operator.
    """

    state: Callable[[], View]
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    log: Callable[[str], None]
