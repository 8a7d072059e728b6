"""What issuing is carried out with: the world, as far as it needs one.

Refuses to know what any of it is made of: the shell gives the real one, a test its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from failoverdns.model.commands import Mutation
from failoverdns.rules.derived.view import View
from failoverdns.store.interface import Store


@dataclass(frozen=True, slots=True)
class Effects:
    """The world: state, vault, ledger, threads, time, and a log.

    `state` returns the state as it is; `submit` gives a command of the system's own to the ledger
    and raises Rejected if it is refused; `in_thread` makes a blocking call and returns an
    awaitable of its result; `pause` lets others have their turn; `spawn` drives a coroutine to
    its end; `now` tells seconds since 1970; `log` takes what an operator should read.
    """

    state: Callable[[], View]
    store: Store
    submit: Callable[[Mutation], Awaitable[None]]
    in_thread: Callable[[Callable[[], Any]], Awaitable[Any]]
    pause: Callable[[], Awaitable[None]]
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    now: Callable[[], float]
    log: Callable[[str], None]
