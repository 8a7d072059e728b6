"""The side effects of issuing, as one value."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from failoverdns.effects import Effects, InThread
from failoverdns.model.commands import Mutation
from failoverdns.model.names import DomainName
from failoverdns.model.resolution import SeenChallenge
from failoverdns.pki.anchors import Anchors
from failoverdns.store.interface import Store

LookUp = Callable[
    [Sequence[tuple[DomainName, Collection[str]]], Callable[[DomainName], bool]],
    list[SeenChallenge],
]
"""Looks challenges up; see `IssuingEffects`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuingEffects(Effects):
    """The side effects of issuing, with the vault, the ledger, threads and time.

    `submit` submits a command and raises Rejected if it is refused; `pause` lets other work run;
    `can_record` returns whether the state can be written, `now` returns seconds since 1970,
    `anchors` the roots that clients are known to trust.  `has_resolvers` returns whether there
    are resolvers, and `look_up` what they see of challenges: names and the values that the CA
    accepts there, and whether a name is one where a challenge is served; it blocks.
    """

    store: Store
    submit: Callable[[Mutation], Awaitable[None]]
    in_thread: InThread
    pause: Callable[[], Awaitable[None]]
    can_record: Callable[[], bool]
    now: Callable[[], float]
    anchors: Callable[[], Anchors]
    look_up: LookUp
    has_resolvers: Callable[[], bool]
