"""The side effects that are injected into the parts which follow the state and submit commands.

Such a part reads no clock, starts no thread, submits no command and logs nothing by itself: it gets
a value with a function for each of these.  `service` and `reactions` give the real ones; a test
gives a clock that it sets, threads that run at once, and a list for the log.
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
"""Submits a command of the system's own to the ledger, with the word that history has for it.

The awaitable raises Rejected if the command is refused.
"""

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Makes a blocking call in a thread and returns an awaitable of its result."""


class Approval(Protocol):
    """Asks the hooks that have to agree to a switch."""

    def __call__(self, planned: Mapping[str, Json]) -> Awaitable[tuple[RuleFailure, ...]]:
        """Return why not, for the result of a dry run and its `reason`; nothing if all agree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """The side effects that every part needs; a part adds its own to them.

    `state` returns the current state, `spawn` drives a coroutine to its end, and `log` takes a
    line for the operator.
    """

    state: Callable[[], View]
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    log: Callable[[str], None]
