"""The side effects of issuing, as one value."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from failoverdns.effects import Effects, InThread
from failoverdns.model.commands import Mutation
from failoverdns.pki.anchors import Anchors
from failoverdns.store.interface import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuingEffects(Effects):
    """The side effects of issuing, with the vault, the ledger, threads and time.

    `submit` submits a command and raises Rejected if it is refused; `pause` lets other work run;
    `can_record` returns whether the state can be written, `now` returns seconds since 1970,
    `anchors` the roots that clients are known to trust.
    """

    store: Store
    submit: Callable[[Mutation], Awaitable[None]]
    in_thread: InThread
    pause: Callable[[], Awaitable[None]]
    can_record: Callable[[], bool]
    now: Callable[[], float]
    anchors: Callable[[], Anchors]
